"""The writer of the official layout: what it writes reads back exactly, and looks like the official files."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from p2p_market.data import official_writer
from p2p_market.data.ausgrid import load_ausgrid
from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer, Quality
from p2p_market.data.official_writer import write_official_layout
from p2p_market.errors import DataError, UnknownNameError


def community(start: str = "2012-07-01", days: int = 3, homes: int = 3, seed: int = 0) -> DataContainer:
    rng = np.random.default_rng(seed)
    shape = (days * 48, homes)
    load = np.where(np.arange(homes) == 0, rng.gamma(1, 0.5, shape), 0).round(3).astype(np.float32)
    general = rng.gamma(1, 0.3, shape).round(3).astype(np.float32)
    pv = np.where(np.arange(homes) == 1, 0, rng.gamma(1, 0.3, shape)).astype(np.float32)
    quality = np.repeat(rng.integers(0, 2, (days, homes)), 48, axis=0)
    return DataContainer.from_arrays(
        general + load,
        pv,
        calendar=Calendar.regular(start, days * 48),
        customer_ids=[f"home_{i}" for i in range(homes)],
        quality=quality,
        controlled_load=load,
    )


def assert_same(left: DataContainer, right: DataContainer) -> None:
    for name in ("demand", "pv", "quality", "pv_capacity", "controlled_load"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    np.testing.assert_array_equal(left.calendar.start, right.calendar.start)
    assert left.customer_ids == right.customer_ids


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    start=st.dates(dt.date(2005, 1, 1), dt.date(2030, 1, 1)),
    days=st.integers(1, 5),
    homes=st.integers(1, 4),
    seed=st.integers(0, 1000),
)
def test_what_is_written_reads_back_exactly(tmp_path: Path, start: object, days: int, homes: int, seed: int) -> None:
    data = community(str(start), days, homes, seed)
    path = tmp_path / f"{start}-{days}-{homes}-{seed}.zip"
    # before 2011-12 there is no column for the quality unless asked for
    write_official_layout(data, path, row_quality=True)
    assert_same(load_ausgrid(path, cache=False, include_controlled_load=True), data)


def test_any_float32_reads_back_exactly(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = np.abs(rng.integers(0, 2**31 - 2**24, (48, 20), dtype=np.int32).view(np.float32))
    values = values[np.isfinite(values)].ravel()[: 48 * 16].reshape(48, 16)
    data = DataContainer.from_arrays(values, values, calendar=Calendar.regular("2012-07-01", 48))
    (path,) = write_official_layout(data, tmp_path / "a.csv")
    again = load_ausgrid(path, cache=False)
    np.testing.assert_array_equal(again.demand, values)
    np.testing.assert_array_equal(again.pv, values)


def test_years_get_their_own_file_date_format_and_width(tmp_path: Path) -> None:
    data = community("2011-06-30", 368)
    first, second, third = write_official_layout(data, tmp_path)
    assert [path.name for path in (first, second, third)] == [
        "2010-2011 Solar home electricity data.csv",
        "2011-2012 Solar home electricity data v2.csv",
        "2012-2013 Solar home electricity data v2.csv",
    ]
    early, late = first.read_bytes().split(b"\r\n"), second.read_bytes().split(b"\r\n")
    assert early[0].startswith(b'"2010-2011 Solar home electricity data')
    assert b'""Ausgrid' in early[0]
    assert early[1].count(b",") == early[0].split(b'"')[-1].count(b",") == 52
    assert late[1].count(b",") == late[0].split(b'"')[-1].count(b",") == 53
    assert early[2].startswith(b"home_0,")
    assert b",CL,30-Jun-11," in early[2]
    assert b",CL,1/07/2011," in late[2]
    assert late[1].endswith(b"23:30,0:00,Row Quality")
    # customer, then CL, GC, GG, then day; no CL without controlled load, no GG without PV
    kinds = [tuple(line.split(b",")[index] for index in (0, 3)) for line in late[2:-1]]
    assert list(dict.fromkeys(kinds)) == [
        (b"home_0", b"CL"), (b"home_0", b"GC"), (b"home_0", b"GG"),
        (b"home_1", b"GC"), (b"home_2", b"GC"), (b"home_2", b"GG"),
    ]  # fmt: skip
    assert late[-1] == b""
    marks = {line.rsplit(b",", 1)[1] for line in late[2:-1]}
    assert marks == {b"", b"NA"}
    assert_same(
        load_ausgrid(tmp_path, cache=False, include_controlled_load=True, start="2011-07-01"),
        data.select(start="2011-07-01"),
    )


@pytest.mark.parametrize("style", ["1-Jul-10", "1/07/2011", "2011-07-01"])
def test_a_date_format_can_be_asked_for(tmp_path: Path, style: str) -> None:
    data = community("2012-07-09", 5)
    (path,) = write_official_layout(data, tmp_path / "a.csv", date_format=style, postcode=2076)
    assert_same(load_ausgrid(path, cache=False, include_controlled_load=True), data)
    assert b",2076,CL," in path.read_bytes()


def test_filled_days_read_back_as_estimated(tmp_path: Path) -> None:
    quality = np.zeros((48, 1), np.uint8)
    quality[7] = Quality.FILLED
    data = DataContainer.from_arrays(np.ones((48, 1)), calendar=Calendar.regular("2012-07-01", 48), quality=quality)
    (path,) = write_official_layout(data, tmp_path / "a.csv")
    assert (load_ausgrid(path, cache=False).quality == Quality.ESTIMATED).all()


def test_an_archive_holds_a_file_a_year(tmp_path: Path) -> None:
    (path,) = write_official_layout(community("2012-06-30", 2), tmp_path / "deep" / "all.zip")
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["Solar home 2011-2012.csv", "Solar home 2012-2013.csv"]


def test_what_does_not_fit_the_layout_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    hourly = DataContainer.from_arrays(np.ones((24, 1)), calendar=Calendar.regular("2012-07-01", 24, 60))
    with pytest.raises(DataError, match="half hours, the data has intervals of 60 minutes; write Parquet instead"):
        write_official_layout(hourly, tmp_path / "a.csv")
    data = community()
    with pytest.raises(DataError, match="2012-07-03 is not whole; select from midnight to midnight"):
        write_official_layout(data.select(end="2012-07-03 12:00"), tmp_path / "a.csv")
    with pytest.raises(DataError, match="2012-07-01 is not whole"):
        write_official_layout(data.select(start="2012-07-01 12:00"), tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"years 2011-2012, 2012-2013, which need a file each; give a folder"):
        write_official_layout(community("2012-06-30"), tmp_path / "a.csv")
    with pytest.raises(UnknownNameError, match="unknown date format 'us'"):
        write_official_layout(data, tmp_path / "a.csv", date_format="us")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["folder", "years.zip"])
def test_an_error_in_the_middle_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    data = community("2012-06-30", 2)
    write_official_layout(data, tmp_path / target)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    calls = []

    def fail_later(*arguments: object) -> bytes:
        calls.append(arguments)
        if len(calls) > 1:
            raise OSError("no space left on device")
        return b"changed\r\n"

    monkeypatch.setattr(official_writer, "_head", fail_later)
    with pytest.raises(OSError, match="no space left"):
        write_official_layout(data, tmp_path / target)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
