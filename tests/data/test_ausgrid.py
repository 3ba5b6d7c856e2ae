"""The Ausgrid loader on small made-up files: every quirk of the layout, joining, selection, clock changes."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from official_text import home, row, text, write

from p2p_market.data.ausgrid import ausgrid_frame, load_ausgrid
from p2p_market.data.container import DataContainer, Quality
from p2p_market.errors import DataError, UnknownNameError


def load(path: object, **options: object) -> DataContainer:
    return load_ausgrid(path, cache=False, **options)  # type: ignore[arg-type]


def ramp() -> list[str]:
    return [str(slot / 100) for slot in range(48)]


def test_labels_of_interval_ends_become_starts(tmp_path: Path) -> None:
    rows = [row(category="GC", value=ramp()), row(category="GG", value="0.25")]
    data = load(write(tmp_path / "a.csv", rows))
    assert str(data.calendar.start[0]) == "2011-07-01T00:00"
    assert str(data.calendar.end) == "2011-07-02T00:00"
    # the column 0:30 is the first half hour, 0:00 the last one of the same date
    np.testing.assert_array_equal(data.demand[:, 0], np.arange(48, dtype=np.float32) / np.float32(100))
    assert (data.pv == 0.25).all()
    assert data.pv_capacity.tolist() == [1.5]
    assert data.customer_ids == ("12",)
    assert data.data_path == (tmp_path / "a.csv",)
    assert data.source == "ausgrid"
    assert data.controlled_load is None
    assert not data.gaps


@pytest.mark.parametrize(
    ("dates", "quality"),
    [
        (["1-Jul-10", "2-Jul-10", "12-Jul-10"], None),
        (["1/07/2011", "2/07/2011", "12/07/2011"], ""),
        (["01/07/12", "2/7/12", "12/07/12"], "NA"),
        (["2012-07-01", "2012-07-02", "2012-07-12"], ""),
    ],
)
def test_every_date_format_is_day_first(tmp_path: Path, dates: list[str], quality: str | None) -> None:
    rows = home(dates=dates, quality=quality)  # type: ignore[arg-type]
    path = write(tmp_path / "a.csv", rows, quality=quality is not None)
    frame = ausgrid_frame(path, cache=False, categories="GC")
    days = frame["start"].dt.date().unique().sort()
    assert [(day.month, day.day) for day in days] == [(7, 1), (7, 2), (7, 12)]
    assert (frame["quality"] == (Quality.ESTIMATED if quality == "NA" else 0)).all()


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r\r\n"])
@pytest.mark.parametrize("quality", [True, False])
@pytest.mark.parametrize("title", [True, False])
def test_line_ends_titles_and_both_widths(tmp_path: Path, end: str, quality: bool, title: bool) -> None:
    rows = home(quality="" if quality else None)  # type: ignore[arg-type]
    path = write(tmp_path / "a.csv", rows, end=end, quality=quality, title=title)
    data = load(path)
    assert data.get_size() == (96, 1)
    assert (data.demand == 0.5).all()


def test_quality_marks_whole_days_and_blank_is_measured(tmp_path: Path) -> None:
    rows = home(dates=["1/07/2011"], quality="NA") + home(dates=["2/07/2011"], quality="")
    data = load(write(tmp_path / "a.csv", rows))
    assert (data.quality[:48] == Quality.ESTIMATED).all()
    assert (data.quality[48:] == Quality.MEASURED).all()


def test_customers_come_in_numerical_order_and_as_text(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", home("10") + home("9") + home("100"))
    assert load(path).customer_ids == ("9", "10", "100")
    assert load(path, customers=[100, "9"]).customer_ids == ("100", "9")
    with pytest.raises(DataError, match="unknown customer '90'; did you mean '9'"):
        load(path, customers="90")


def test_a_byte_order_mark_padded_headers_and_blank_last_lines_are_accepted(tmp_path: Path) -> None:
    content = text(home(), title=False).replace(",0:30,", ",00:30,").replace(",0:00,", ",24:00,")
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf" + content.encode() + b"," * 53 + b"\r\n")
    assert load(tmp_path / "a.csv").get_size() == (96, 1)


def test_absent_controlled_load_is_zero_and_present_is_added(tmp_path: Path) -> None:
    dates = ["1/07/2011", "2/07/2011", "3/07/2011"]
    rows = home("1", dates) + home("2", dates) + [row("1", "CL", "2/07/2011", value="1.25")]
    path = write(tmp_path / "a.csv", rows)
    assert load(path).demand.max() == 0.5
    data = load(path, include_controlled_load=True)
    assert data.controlled_load is not None
    # before the first and after the last row of a home there is no controlled load
    assert data.controlled_load[::48].tolist() == [[0, 0], [1.25, 0], [0, 0]]
    np.testing.assert_array_equal(data.demand, data.controlled_load + np.float32(0.5))
    assert not data.gaps


def test_controlled_load_that_pauses_is_missing(tmp_path: Path) -> None:
    dates = ["1/07/2011", "2/07/2011", "3/07/2011"]
    rows = home("1", dates) + [row("1", "CL", date) for date in (dates[0], dates[2])]
    path = write(tmp_path / "a.csv", rows)
    assert not load(path).gaps
    message = r"customer 1: CL from 2011-07-02T00:00 to 2011-07-03T00:00 \(48 intervals\)"
    with pytest.raises(DataError, match=message):
        load(path, include_controlled_load=True)


def test_a_home_without_generation_rows_has_no_pv_only_if_its_capacity_is_zero(tmp_path: Path) -> None:
    none = write(tmp_path / "none.csv", [row(capacity="0")])
    assert load(none).pv.sum() == 0
    some = write(tmp_path / "some.csv", [row(capacity="1.5")])
    with pytest.raises(DataError, match="customer 12: GG from 2011-07-01"):
        load(some)


def test_years_join_and_the_last_capacity_holds(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", home(dates=["30/06/2011"], capacity="1"))
    second = write(tmp_path / "b.csv", home(dates=["1/07/2011"], capacity="2", value="0.75"))
    for paths in ([first, second], [second, first], tmp_path, str(tmp_path)):
        data = load(paths)
        assert data.demand[::48, 0].tolist() == [0.5, 0.75]
        assert data.pv_capacity.tolist() == [2]
        assert data.calendar.is_contiguous
    assert set(load([second, first]).data_path) == {first, second}


def test_files_with_different_homes_join_too(tmp_path: Path) -> None:
    first = write(tmp_path / "a.csv", home("1", value="0.1"))
    second = write(tmp_path / "b.csv", home("2", value="0.2"))
    data = load([first, second])
    assert data.customer_ids == ("1", "2")
    np.testing.assert_allclose(data.demand[0], [0.1, 0.2])


def test_the_same_rows_in_two_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", home("1"))
    write(tmp_path / "b.csv", home("1", dates=["2/07/2011", "3/07/2011"]) + home("2"))
    message = "customer 1, category GC, 2011-07-02 is in two files: .*a.csv and .*b.csv; load one of them"
    with pytest.raises(DataError, match=message):
        load(tmp_path, customers="1")


def test_zip_archives_and_folders_beside_other_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "years.ZIP", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sub/Solar home 2010-2011.csv", text(home(dates=["30/06/2011"])))
        archive.writestr("sub/Solar home 2011-2012.csv", text(home(dates=["1/07/2011"])))
        archive.writestr("notes.pdf", b"%PDF")
        archive.writestr("__MACOSX/._Solar.csv", b"junk")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    for path in (tmp_path / "years.ZIP", tmp_path):
        data = load(path)
        assert data.get_size() == (96, 1)
        assert data.data_path == (tmp_path / "years.ZIP",)


def test_selection_of_dates_and_months_has_an_exclusive_end(tmp_path: Path) -> None:
    dates = ["30/07/2011", "31/07/2011", "1/08/2011", "2/08/2011"]
    path = write(tmp_path / "a.csv", home(dates=dates))
    part = load(path, start="2011-07-31", end="2011-08-02")
    assert (str(part.calendar.start[0]), str(part.calendar.end)) == ("2011-07-31T00:00", "2011-08-02T00:00")
    assert load(path, months=8).num_intervals == 96
    with pytest.raises(DataError, match="start 2011-07-29T00:00 is outside the data"):
        load(path, start="2011-07-29")


CHANGES = ["2/10/2011", "1/04/2012"]


def clock_change_file(path: Path) -> Path:
    spring = ["0.3"] * 4 + ["0", "0"] + ["0.6"] * 42
    autumn = ["0.3"] * 4 + ["0.8", "0.6"] + ["0.4"] * 42
    rows = [row(category=category, date=CHANGES[0], value=spring) for category in ("GC", "GG")]
    rows += [row(category=category, date=CHANGES[1], value=autumn) for category in ("GC", "GG")]
    return write(path, rows)


def test_clock_changes_stay_as_recorded_or_are_repaired(tmp_path: Path) -> None:
    path = clock_change_file(tmp_path / "a.csv")
    recorded = load(path, missing="skip_days")
    assert recorded.calendar.clock_change.all()
    assert recorded.demand[4:6, 0].tolist() == [0, 0]
    assert not recorded.quality.any()
    repaired = load(path, missing="skip_days", clock_changes="repair")
    np.testing.assert_allclose(repaired.demand[3:7, 0], [0.3, 0.4, 0.5, 0.6], rtol=1e-6)
    np.testing.assert_allclose(repaired.pv[48 + 3 : 48 + 7, 0], [0.3, 0.4, 0.3, 0.4], rtol=1e-6)
    flagged = np.flatnonzero(repaired.quality[:, 0] == Quality.REPAIRED)
    assert flagged.tolist() == [4, 5, 52, 53]
    untouched = np.setdiff1d(np.arange(96), flagged)
    np.testing.assert_array_equal(repaired.demand[untouched], recorded.demand[untouched])


def test_a_spring_day_that_is_not_zero_is_left_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", home(dates=[CHANGES[0]]))
    data = load(path, clock_changes="repair")
    assert (data.demand == 0.5).all()
    assert not data.quality.any()


def test_unknown_options_name_the_known_ones(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", home())
    with pytest.raises(UnknownNameError, match="unknown policy for missing intervals 'dropp'; did you mean 'drop'"):
        load(path, missing="dropp")
    with pytest.raises(UnknownNameError, match="unknown treatment of clock changes 'fix'; known: recorded, repair"):
        load(path, clock_changes="fix")
    with pytest.raises(UnknownNameError, match="unknown consumption category 'XX'; known: CL, GC, GG"):
        ausgrid_frame(path, categories="XX", cache=False)


def test_the_raw_frame_has_rows_only_where_the_file_has(tmp_path: Path) -> None:
    rows = home("1", dates=["1/07/2011"]) + home("2", dates=["1/07/2011", "2/07/2011"], quality="NA")
    path = write(tmp_path / "a.csv", [*rows, row("2", "CL", "2/07/2011", value="1")])
    frame = ausgrid_frame(path, cache=False)
    assert frame.columns == ["customer", "category", "start", "month", "energy_kwh", "quality"]
    sizes = {(name, cat): n for name, cat, n in frame.group_by("customer", "category").len().rows()}
    assert sizes == {("1", "GC"): 48, ("1", "GG"): 48, ("2", "GC"): 96, ("2", "GG"): 96, ("2", "CL"): 48}
    load_rows = ausgrid_frame(path, categories="CL", customers=["2"], months=7, cache=False)
    assert load_rows["energy_kwh"].to_list() == [1.0] * 48
    assert load_rows["month"].unique().to_list() == [7]
