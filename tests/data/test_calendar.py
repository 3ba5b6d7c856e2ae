"""The calendar against the standard library, hour by hour, and its refusals."""

from __future__ import annotations

import datetime as dt
import pickle
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p_market.data.calendar import INTERVAL_LENGTHS, Calendar, to_minute
from p2p_market.errors import DataError


@settings(max_examples=60, deadline=None)
@given(
    day=st.dates(dt.date(1995, 1, 1), dt.date(2035, 12, 31)),
    minutes=st.sampled_from(INTERVAL_LENGTHS),
    num_intervals=st.integers(1, 200),
)
def test_every_property_agrees_with_datetime(day: dt.date, minutes: int, num_intervals: int) -> None:
    calendar = Calendar.regular(day, num_intervals, minutes, timezone=None)
    midnight = dt.datetime.combine(day, dt.time())
    times = [midnight + dt.timedelta(minutes=minutes * row) for row in range(num_intervals)]
    assert calendar.start.astype("datetime64[us]").tolist() == times
    np.testing.assert_allclose(calendar.hour, [time.hour + time.minute / 60 for time in times])
    assert calendar.slot.tolist() == [(time.hour * 60 + time.minute) // minutes for time in times]
    assert calendar.weekday.tolist() == [time.weekday() for time in times]
    assert calendar.is_weekend.tolist() == [time.weekday() >= 5 for time in times]
    assert calendar.month.tolist() == [time.month for time in times]
    assert calendar.day_of_year.tolist() == [time.timetuple().tm_yday for time in times]
    assert calendar.day.tolist() == [time.date() for time in times]
    assert calendar.end == np.datetime64(times[-1] + dt.timedelta(minutes=minutes))
    assert not calendar.daylight_saving.any()
    assert not calendar.clock_change.any()
    assert calendar.is_contiguous


def test_sydney_clock_changes_are_the_published_days_of_three_years() -> None:
    calendar = Calendar.regular("2010-07-01", 1096 * 48)
    changes = np.unique(calendar.day[calendar.clock_change]).astype(str).tolist()
    assert changes == ["2010-10-03", "2011-04-03", "2011-10-02", "2012-04-01", "2012-10-07", "2013-04-07"]
    assert calendar.clock_change.sum() == 6 * 48
    assert calendar.daylight_saving[calendar.month == 1].all()
    assert not calendar.daylight_saving[calendar.month == 7].any()


@pytest.mark.parametrize("zone", ["Australia/Sydney", "Europe/Dublin", "America/Sao_Paulo"])
def test_daylight_saving_is_the_hour_ahead_of_standard_time(zone: str) -> None:
    calendar = Calendar.regular("2012-01-01", 366 * 24, 60, zone)
    info = zoneinfo.ZoneInfo(zone)
    offset = [time.replace(tzinfo=info).utcoffset() for time in calendar.start.astype("O").tolist()]
    smallest = min(offset)
    assert calendar.daylight_saving.tolist() == [value > smallest for value in offset]
    assert 0 < calendar.daylight_saving.mean() < 1


def test_the_labels_around_a_clock_change() -> None:
    spring = Calendar.regular("2012-10-07", 48)
    # 02:00 and 02:30 do not exist on this day and count as standard time; 03:00 is daylight saving
    assert np.flatnonzero(np.diff(spring.daylight_saving.astype(int))).tolist() == [5]
    autumn = Calendar.regular("2013-04-07", 48)
    # the clock shows 02:00 twice; the first run counts
    assert np.flatnonzero(np.diff(autumn.daylight_saving.astype(int))).tolist() == [5]
    assert autumn.daylight_saving[5]
    assert not autumn.daylight_saving[6]


def test_selection_by_slice_mask_and_positions_keeps_the_labels() -> None:
    calendar = Calendar.regular("2012-07-01", 96)
    for index in (slice(10, 20), np.arange(96) % 2 == 0, np.array([1, 5, 90])):
        part = calendar.select(index)
        np.testing.assert_array_equal(part.start, calendar.start[index])
        np.testing.assert_array_equal(part.slot, calendar.slot[index])
        assert part.timezone == calendar.timezone
    assert not calendar.select(np.array([1, 5])).is_contiguous
    with pytest.raises(DataError, match="must increase"):
        calendar.select(np.array([5, 1]))


def test_arrays_cannot_be_written_and_callers_keep_theirs() -> None:
    start = Calendar.regular("2012-07-01", 4).start.copy()
    calendar = Calendar(start, 30)
    assert start.flags.writeable
    for array in (calendar.start, calendar.hour, calendar.day, calendar.clock_change):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
    restored = pickle.loads(pickle.dumps(calendar))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(restored.start, calendar.start)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2012-07-01", "2012-07-01T00:00"),
        ("2012-07-01 13:30", "2012-07-01T13:30"),
        (dt.date(2012, 7, 1), "2012-07-01T00:00"),
        (dt.datetime(2012, 7, 1, 13, 30), "2012-07-01T13:30"),
        (np.datetime64("2012-07-01T13"), "2012-07-01T13:00"),
    ],
)
def test_times_are_read_in_every_usual_form(value: object, expected: str) -> None:
    assert str(to_minute(value)) == expected


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1/7/2012", "start '1/7/2012' is not a date or time; write it as '2012-07-01'"),
        (None, "start None is not a date or time"),
        ("2012-07-01T00:00+10:00", "carries a time zone; data has naive local clock labels"),
        (dt.datetime(2012, 7, 1, tzinfo=dt.UTC), "carries a time zone"),
        (np.datetime64("NaT"), "is not a date or time"),
    ],
)
def test_a_wrong_time_is_refused(value: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        to_minute(value, "start")


@pytest.mark.parametrize(
    ("start", "minutes", "zone", "message"),
    [
        (["2012-07-01T00:00"], 45, None, "interval_minutes is 45; expected one of 5, 6, 10"),
        (["2012-07-01T00:00"], 1, None, "interval_minutes is 1;"),
        (["2012-07-01T00:30", "2012-07-01T00:30"], 30, None, "2012-07-01T00:30 appears twice"),
        (["2012-07-01T00:30", "2012-07-01T00:00"], 30, None, "00:30 is followed by 2012-07-01T00:00"),
        (["2012-07-01T00:10"], 30, None, "2012-07-01T00:10 does not lie on whole intervals of 30 minutes"),
        (["NaT"], 30, None, "interval start 0 is not a time"),
        ([["2012-07-01T00:00"]], 30, None, r"shape \(1, 1\); expected one dimension"),
        (["2012-07-01T00:00"], 30, "Australia/Sidney", "unknown time zone 'Australia/Sidney'"),
    ],
)
def test_a_wrong_calendar_is_refused(start: list[str], minutes: int, zone: str | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Calendar(np.array(start, "datetime64[m]"), minutes, zone)


def test_an_empty_calendar_has_no_end() -> None:
    empty = Calendar.regular("2012-07-01", 0)
    assert len(empty) == 0
    assert not empty.clock_change.size
    with pytest.raises(DataError, match="an empty calendar has no end"):
        _ = empty.end
