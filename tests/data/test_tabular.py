"""Data of one's own: every layout, unit, label and interval length leads to the same container; faults are named."""

from __future__ import annotations

import dataclasses
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p_market.data.calendar import INTERVAL_LENGTHS, Calendar
from p2p_market.data.container import DataContainer, Quality
from p2p_market.data.table import TableFormat, TableOptions
from p2p_market.data.tabular import from_frame, load_table
from p2p_market.errors import DataError, UnknownNameError


def example(num_intervals: int = 60, minutes: int = 30, homes: int = 3, seed: int = 0) -> DataContainer:
    rng = np.random.default_rng(seed)
    shape = (num_intervals, homes)
    pv = rng.random(shape, np.float32)
    pv[:, 0] = 0
    return DataContainer.from_arrays(
        rng.random(shape, np.float32),
        pv,
        calendar=Calendar.regular("2023-03-01 10:00", num_intervals, minutes, timezone=None),
        customer_ids=["2", "10", "house_a"][:homes],
    )


def long_frame(data: DataContainer) -> pl.DataFrame:
    return data.dataset.with_columns(pl.col("customer").cast(pl.String)).drop("quality", "pv_capacity_kw", "month")


def wide_frame(data: DataContainer) -> pl.DataFrame:
    columns: dict[str, Any] = {"start": data.calendar.start.astype("datetime64[us]")}
    columns |= {f"demand_{name}": data.demand[:, column] for column, name in enumerate(data.customer_ids)}
    columns |= {f"pv_{name}": data.pv[:, column] for column, name in enumerate(data.customer_ids) if column}
    return pl.DataFrame(columns)


def assert_same(left: DataContainer, right: DataContainer, rtol: float = 0) -> None:
    assert left.customer_ids == right.customer_ids
    assert left.interval_minutes == right.interval_minutes
    np.testing.assert_array_equal(left.calendar.start, right.calendar.start)
    for name in ("demand", "pv", "pv_capacity"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), rtol=rtol, err_msg=name)
    np.testing.assert_array_equal(left.quality, right.quality)


@settings(max_examples=25, deadline=None)
@given(
    minutes=st.sampled_from(INTERVAL_LENGTHS),
    num_intervals=st.integers(3, 80),
    wide=st.booleans(),
    kilowatt=st.booleans(),
    end_label=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_layout_unit_label_and_order_do_not_matter(
    minutes: int, num_intervals: int, wide: bool, kilowatt: bool, end_label: bool, order: Any
) -> None:
    data = example(num_intervals, minutes)
    frame = wide_frame(data) if wide else long_frame(data)
    rows = list(range(frame.height))
    order.shuffle(rows)
    frame = frame[rows]
    if kilowatt:
        numeric = pl.selectors.numeric()
        frame = frame.with_columns(numeric.cast(pl.Float64) * (60 / minutes))
    if end_label:
        frame = frame.with_columns(pl.col("start") + dt.timedelta(minutes=minutes))
    options: dict[str, Any] = {"unit": "kW" if kilowatt else "kWh", "label": "end" if end_label else "start"}
    assert_same(from_frame(frame, **options), data, rtol=1e-6 if kilowatt else 0)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_files_and_frames_agree(tmp_path: Path, suffix: str, wide: bool) -> None:
    data = example()
    frame = wide_frame(data) if wide else long_frame(data)
    path = tmp_path / f"mine{suffix}"
    if suffix == ".csv":
        frame.write_csv(path, datetime_format="%Y-%m-%d %H:%M")
    else:
        frame.write_parquet(path)
    loaded = load_table(path)
    assert_same(loaded, data)
    assert_same(from_frame(frame), data)
    assert_same(from_frame(frame.lazy()), data)
    assert loaded.data_path == (path,)
    assert loaded.source == "table"
    assert loaded.get_size() == (60, 3)


def test_pandas_frames_need_no_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    data = example()
    frame = data.to_pandas()
    assert_same(from_frame(frame), data)
    frame["customer"] = frame["customer"].astype(object)
    frame["demand_kwh"] = frame["demand_kwh"].astype("Float64")
    assert_same(from_frame(frame), data)
    frame.loc[3, "demand_kwh"] = pd.NA
    filled = from_frame(frame, missing="fill")
    assert filled.quality[3, 0] == Quality.FILLED


def test_the_tidy_dataset_comes_back_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    load = rng.random((96, 2), np.float32)
    data = DataContainer.from_arrays(
        load + 1,
        calendar=Calendar.regular("2012-07-01", 96),
        pv_capacity=[0, 2.5],
        controlled_load=load,
        quality=rng.integers(0, 8, (96, 2)),
    )
    data.dataset.write_parquet(tmp_path / "a.parquet")
    again = load_table(tmp_path / "a.parquet", timezone="Australia/Sydney")
    assert_same(again, data)
    np.testing.assert_array_equal(again.controlled_load, load)
    assert again.calendar.timezone == "Australia/Sydney"


def test_columns_of_any_name_and_times_of_any_form(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(
        "when,house,load,solar,size\n"
        "01/02/2023 00:15,007,1,0,3\n01/02/2023 00:30,007,2,0.5,3\n"
        "01/02/2023 00:15,8,3,0,\n01/02/2023 00:30,8,4,0,\n"
    )
    data = load_table(
        path,
        time="when",
        customer="house",
        demand="load",
        pv="solar",
        capacity="size",
        unit="kW",
        label="end",
        time_format="%d/%m/%Y %H:%M",
    )
    assert data.customer_ids == ("007", "8")
    assert data.interval_minutes == 15
    assert str(data.calendar.start[0]) == "2023-02-01T00:00"
    assert data.demand.tolist() == [[0.25, 0.75], [0.5, 1.0]]
    assert data.pv[:, 0].tolist() == [0, 0.125]
    assert data.pv_capacity.tolist() == [3, 0]


def test_selection_and_given_capacity() -> None:
    data = from_frame(
        long_frame(example()),
        customers=["house_a", 2],
        start="2023-03-02",
        end="2023-03-02 06:00",
        pv_capacity={"house_a": 4.5},
    )
    assert data.customer_ids == ("house_a", "2")
    assert data.num_intervals == 12
    assert data.pv_capacity.tolist() == [4.5, 0]
    with pytest.raises(DataError, match="unknown customer 'house_b'; did you mean 'house_a'"):
        from_frame(long_frame(example()), customers="house_b")
    with pytest.raises(DataError, match="unknown customer '3'"):
        from_frame(long_frame(example()), pv_capacity={"3": 1})
    with pytest.raises(DataError, match=r"start 2024-01-01T00:00 is outside the data"):
        from_frame(long_frame(example()), start="2024-01-01")


@pytest.mark.parametrize("hole", ["row", "null", "nan"])
def test_rows_that_are_absent_null_or_nan_are_missing(hole: str) -> None:
    frame = long_frame(example(48 * 3))
    if hole == "row":
        frame = frame.with_row_index().filter(pl.col("index") != 5).drop("index")
    else:
        value = None if hole == "null" else float("nan")
        frame[5, "demand_kwh"] = value
        frame[5, "pv_kwh"] = value
    with pytest.raises(DataError, match=r"customer 2: demand from 2023-03-01T12:30 to 2023-03-01T13:00 \(1 interval\)"):
        from_frame(frame)
    filled = from_frame(frame, missing="fill")
    assert filled.quality[5, 0] == Quality.FILLED
    assert (filled.quality > 0).sum() == 1
    assert from_frame(frame, missing="drop").customer_ids == ("10", "house_a")
    skipped = from_frame(frame, missing="skip_days")
    assert str(skipped.calendar.start[0]) == "2023-03-02T00:00"


def csv(tmp_path: Path, *rows: str, header: str = "start,customer,demand_kwh,pv_kwh") -> Path:
    path = tmp_path / "mine.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


GOOD = ("2023-01-01 00:00,a,1,0", "2023-01-01 00:30,a,1,0", "2023-01-01 01:00,a,1,0")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["2023-01-01 01:30,a,much,0"], r"mine\.csv, line 5, column 'demand_kwh': 'much' is not a number; correct it"),
        (["2023-01-01 01:30,a,-0.5,0"], r"line 5, column 'demand_kwh': the value is -0\.5; expected a finite number"),
        (["2023-01-01 01:30,a,1,inf"], r"line 5, column 'pv_kwh': the value is inf; expected a finite number"),
        (["2023-01-01 01:30,a,1e99,0"], r"line 5, column 'demand_kwh': the value is 1e\+99"),
        (["2023-01-01 01:00,a,1,0"], r"line 5: 2023-01-01T01:00 of customer a is there twice \(also in line 4\); rem"),
        (["2023-01-01 01:10,a,1,0"], r"line 5: 2023-01-01T01:10 of customer a does not lie on whole intervals of 30 m"),
        (["soon,a,1,0"], r"line 5, column 'start': 'soon' cannot be read as an ISO time .* give time_format"),
        ([",a,1,0"], r"line 5, column 'start': the time is blank"),
        (["2023-01-01 01:30:20,a,1,0"], r"line 5, column 'start': '2023-01-01 01:30:20' cannot be read as an ISO"),
        (["2023-01-01 01:30,,1,0"], r"line 5, column 'customer': the household is blank"),
        (["2923-01-01 01:30,a,1,0"], r"times run from 2023-01-01T00:00 to 2923-01-01T01:30, .* mistyped year"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_table(csv(tmp_path, *GOOD, *rows))


@pytest.mark.parametrize("value", ["2023-01-01T00:00:00Z", "2023-01-01 00:00:00+10:00"])
def test_offsets_in_text_are_time_zones(tmp_path: Path, value: str) -> None:
    with pytest.raises(DataError, match=r"line 2, column 'start': .* carries a time zone; data has naive local clock"):
        load_table(csv(tmp_path, f"{value},a,1,0"))


def test_aware_times_say_how_to_convert() -> None:
    frame = long_frame(example()).with_columns(pl.col("start").dt.replace_time_zone("UTC"))
    with pytest.raises(DataError, match=r"time zone UTC; .*dt\.convert_time_zone\('Australia/Sydney'\)"):
        from_frame(frame)
    pandas = example().to_pandas()
    pandas["start"] = pandas["start"].dt.tz_localize("UTC")
    with pytest.raises(DataError, match=r"time zone UTC; .*dt\.tz_convert\('Australia/Sydney'\)\.dt\.tz_localize"):
        from_frame(pandas)


def test_seconds_need_rounding() -> None:
    frame = long_frame(example()).with_columns(pl.col("start") + dt.timedelta(seconds=7))
    with pytest.raises(DataError, match=r"row 0, column 'start': 2023-03-01 10:00:07 is not on a whole minute; round"):
        from_frame(frame)


@pytest.mark.parametrize(("minutes", "told"), [(1, 1), (45, 45), (24 * 60, 1440)])
def test_interval_lengths_outside_five_to_sixty_are_refused(minutes: int, told: int) -> None:
    start = np.datetime64("2023-01-01", "us") + np.arange(10) * np.timedelta64(minutes, "m")
    frame = pl.DataFrame({"start": start, "customer": "a", "demand_kwh": 1.0})
    with pytest.raises(DataError, match=rf"intervals of {told} minutes; expected one of 5, 6, .*: resample it first"):
        from_frame(frame)


def test_a_single_time_needs_the_interval_length(tmp_path: Path) -> None:
    path = csv(tmp_path, GOOD[0])
    with pytest.raises(DataError, match=r"one time a household, .* give interval_minutes"):
        load_table(path)
    assert load_table(path, interval_minutes=30).get_size() == (1, 1)


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column 'start' .*; did you mean 'strat'.* Name the column with an option"):
        load_table(csv(tmp_path, "2023-01-01,a,1,0", header="strat,customer,demand_kwh,pv_kwh"))
    with pytest.raises(
        DataError, match=r"no column 'demand_kwh' \(the consumption \[kWh\]\); did you mean 'demand_kw'"
    ):
        load_table(csv(tmp_path, *GOOD, header="start,customer,demand_kw,pv_kwh"))
    with pytest.raises(DataError, match=r"no column 'demand_<household>' \(wide layout: consumption"):
        load_table(csv(tmp_path, "2023-01-01 00:00,1", header="start,load"))
    with pytest.raises(DataError, match="has a column 'pv_b' and no column 'demand_b'; every household"):
        load_table(csv(tmp_path, "2023-01-01 00:00,1,1", header="start,demand_a,pv_b"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", "", r"ends in '\.xlsx'; expected a \.csv or \.parquet file"),
        ("a.parquet", "no parquet", "cannot be read as a table"),
        ("a.csv", "", "cannot be read as a table"),
        ("a.csv", "start,customer,demand_kwh\n", "has no rows"),
        ("a.csv", "a,b\n1,2,3\n", "cannot be read as a table"),
        (
            "a.csv",
            '"2011-2012 Solar home electricity data",,\nCustomer,x,y\n',
            "Ausgrid files are read by load_ausgrid",
        ),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message):
        load_table(tmp_path / name)


def test_a_missing_file_shows_the_nearest(tmp_path: Path) -> None:
    csv(tmp_path)
    with pytest.raises(DataError, match=r"mein\.csv does not exist; nearest names there: mine\.csv"):
        load_table(tmp_path / "mein.csv")


def test_other_objects_and_options_are_refused() -> None:
    with pytest.raises(DataError, match="expected a polars or pandas frame, not list"):
        from_frame([1, 2])  # type: ignore[arg-type]
    frame = long_frame(example())
    with pytest.raises(UnknownNameError, match="unknown table option 'tme'; did you mean 'time'"):
        from_frame(frame, tme="start")  # type: ignore[call-arg]
    with pytest.raises(UnknownNameError, match=r"unknown table unit 'Wh'.*known: kW, kWh"):
        from_frame(frame, unit="Wh")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="unknown policy for missing intervals 'skip'"):
        from_frame(frame, missing="skip")
    with pytest.raises(DataError, match="the PV capacity of customer 10 is -1 kW; expected a finite number >= 0"):
        from_frame(frame, pv_capacity={"10": -1})
    with pytest.raises(DataError, match="row 0, column 'pv_capacity_kw': the value is -1"):
        from_frame(frame.with_columns(pv_capacity_kw=-1))
    with pytest.raises(DataError, match=r"column 'demand_kwh' holds Boolean values; expected numbers"):
        from_frame(frame.with_columns(demand_kwh=True))
    with pytest.raises(DataError, match=r"column 'start' holds Int\d+ values; expected dates with times"):
        from_frame(frame.with_columns(start=5))


def test_the_keywords_are_the_fields_of_the_format() -> None:
    assert set(TableOptions.__annotations__) == {field.name for field in dataclasses.fields(TableFormat)}


def test_times_as_polars_writes_them_to_csv_are_read(tmp_path: Path) -> None:
    data = example()
    path = tmp_path / "tidy.csv"
    data.dataset.write_csv(path)
    assert "T00:30:00.000000" in path.read_text()
    np.testing.assert_allclose(load_table(path).demand, data.demand)
