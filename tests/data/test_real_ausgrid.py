"""The loader on real data, against figures that its sources state and against an independent reading."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from real_data import CUSTOMER_1, CUSTOMER_12, NINETEEN_HOMES, RAW_HEAD, ausgrid_folder, real_file

from p2p_market.data.ausgrid import ausgrid_frame, load_ausgrid
from p2p_market.data.official_writer import write_official_layout
from p2p_market.errors import DataError


def read_by_hand(path: Path) -> dict[tuple[str, str, dt.date], list[float]]:
    """Read an official file of a later year with the standard library only."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[2:]
    return {
        (row[0], row[3], dt.datetime.strptime(row[4], "%d/%m/%Y").date()): [float(cell) for cell in row[5:53]]
        for row in rows
    }


def test_nineteen_homes_match_the_file_value_by_value() -> None:
    path = real_file(NINETEEN_HOMES)
    data = load_ausgrid(path, cache=False)
    assert data.get_size() == (62 * 48, 19)
    assert (str(data.calendar.start[0]), str(data.calendar.end)) == ("2012-07-01T00:00", "2012-09-01T00:00")
    assert not data.gaps
    expected = read_by_hand(path)
    assert len(expected) == 19 * 62 * 2
    for (customer, category, date), values in expected.items():
        column = data.customer_ids.index(customer)
        first = (date - dt.date(2012, 7, 1)).days * 48
        series = data.demand if category == "GC" else data.pv
        np.testing.assert_array_equal(series[first : first + 48, column], np.array(values, np.float32))
    total = sum(sum(values) for (_, category, _), values in expected.items() if category == "GC")
    assert data.demand.sum(dtype=np.float64) == pytest.approx(total, rel=1e-7)
    # hourly source: both half hours of an hour are equal
    np.testing.assert_array_equal(data.demand[0::2], data.demand[1::2])
    assert 0.1 < np.mean(data.pv[0::2] > data.demand[0::2]) < 0.25


def test_customer_12_has_a_full_leap_year_and_the_known_clock_changes() -> None:
    data = load_ausgrid(real_file(CUSTOMER_12), cache=False)
    assert data.get_size() == (366 * 48, 1)
    assert data.pv_capacity.tolist() == [1.04]
    leap_day = data.select(start="2012-02-29", end="2012-03-01")
    by_hand = read_by_hand(real_file(CUSTOMER_12))
    expected = by_hand["12", "GC", dt.date(2012, 2, 29)]
    np.testing.assert_array_equal(leap_day.demand[:, 0], np.array(expected, np.float32))
    spring = data.select(start="2011-10-02", end="2011-10-03")
    assert spring.demand[4:6, 0].tolist() == [0, 0]
    assert (np.delete(spring.demand[:, 0], [4, 5]) > 0).all()
    assert np.unique(data.calendar.day[data.calendar.clock_change]).astype(str).tolist() == [
        "2011-10-02",
        "2012-04-01",
    ]
    repaired = load_ausgrid(real_file(CUSTOMER_12), cache=False, clock_changes="repair")
    changed = np.flatnonzero((repaired.demand != data.demand)[:, 0])
    assert repaired.calendar.hour[changed].tolist() == [2.0, 2.5, 2.0, 2.5]
    # PV: the sun is up around noon by the clock, a little later in summer time
    assert 11.5 < (data.pv[:, 0] * data.calendar.hour).sum() / data.pv.sum() < 13.5


def test_customer_1_has_gaps_that_are_told_and_can_be_filled_or_skipped() -> None:
    path = real_file(CUSTOMER_1)
    with pytest.raises(DataError, match=r"customer 1: GC from 2013-\d\d-\d\dT00:00 .*\n(.*\n)*set missing to"):
        load_ausgrid(path, cache=False)
    days = {date for (_, category, date) in read_by_hand(path) if category == "GC"}
    skipped = load_ausgrid(path, cache=False, include_controlled_load=True, missing="skip_days")
    assert skipped.num_intervals == 47 * 48 == len(days) * 48
    assert {day.item() for day in np.unique(skipped.calendar.day)} == days
    assert skipped.controlled_load is not None
    assert skipped.controlled_load.sum() > 0
    assert not skipped.quality.any()
    filled = load_ausgrid(path, cache=False, include_controlled_load=True, missing="fill")
    span = (max(days) - min(days)).days + 1
    assert filled.get_size() == (span * 48, 1)
    assert (filled.quality > 0).sum() == (span - 47) * 48
    kept = np.isin(filled.calendar.start, skipped.calendar.start)
    np.testing.assert_array_equal(filled.demand[kept], skipped.demand)
    # filled days look like the home's other days
    assert 0.5 < filled.demand[~kept].mean() / skipped.demand.mean() < 1.5
    assert filled.gaps is not None
    assert {gap.category for gap in filled.gaps.gaps} == {"CL", "GC", "GG"}
    with pytest.raises(DataError, match="dropping leaves none"):
        load_ausgrid(path, cache=False, missing="drop")


def test_the_head_of_the_official_file_is_read_through_its_quirks() -> None:
    frame = ausgrid_frame(real_file(RAW_HEAD), cache=False)
    assert frame["category"].unique().to_list() == ["CL"]
    assert str(frame["start"][0]) == "2011-07-01 00:00:00"
    np.testing.assert_allclose(frame["energy_kwh"].head(6), [1.25, 1.25, 1.25, 0.625, 0.219, 1.013], rtol=1e-6)
    assert frame["energy_kwh"][-1] == pytest.approx(1.063)
    # there is a controlled load and neither consumption nor generation of this home
    with pytest.raises(DataError, match="customer 1: GC from 2011-07-01"):
        load_ausgrid(real_file(RAW_HEAD), cache=False)


def test_the_folder_takes_the_official_files_and_leaves_the_others() -> None:
    data = load_ausgrid(
        ausgrid_folder(), cache=False, customers=[20], start="2012-07-01", end="2012-09-01", missing="error"
    )
    assert data.get_size() == (62 * 48, 1)
    assert {path.name for path in data.data_path} >= {NINETEEN_HOMES, CUSTOMER_12}
    assert "capacity_299homes.csv" not in {path.name for path in data.data_path}


def test_real_homes_survive_writing_and_reading(tmp_path: Path) -> None:
    data = load_ausgrid(real_file(NINETEEN_HOMES), cache=False)
    (path,) = write_official_layout(data, tmp_path)
    again = load_ausgrid(path, cache=False)
    for name in ("demand", "pv", "quality", "pv_capacity"):
        np.testing.assert_array_equal(getattr(again, name), getattr(data, name))
