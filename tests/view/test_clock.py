"""Labels of time axes: tidy at every length, and whole steps apart."""

from __future__ import annotations

import datetime as dt

import pytest

from p2p_market.view.clock import clock_ticks, interval_name, span_name
from p2p_market.view.style import household_ticks, nice_ceiling


@pytest.mark.parametrize(
    ("start", "minutes", "number", "labels"),
    [
        (dt.datetime(2013, 1, 14), 30, 48, ["00:00", "04:00", "08:00", "12:00", "16:00", "20:00", "00:00"]),
        (dt.datetime(2013, 1, 14, 13, 10), 5, 6, ["13:10", "13:15", "13:20", "13:25", "13:30", "13:35", "13:40"]),
        (dt.datetime(2013, 1, 30), 30, 48 * 3, ["30 Jan", "12:00", "31 Jan", "12:00", "1 Feb", "12:00", "2 Feb"]),
        (dt.datetime(2012, 7, 15), 1440, 100, ["Aug 2012", "Sep 2012", "Oct 2012"]),
        (
            dt.datetime(2010, 7, 1),
            1440,
            1096,
            ["Jul 2010", "Jan 2011", "Jul 2011", "Jan 2012", "Jul 2012", "Jan 2013", "Jul 2013"],
        ),
    ],
)
def test_ticks(start: dt.datetime, minutes: int, number: int, labels: list[str]) -> None:
    places, found = clock_ticks(start, minutes, number)
    assert found == labels
    times = [start + place * dt.timedelta(minutes=minutes) for place in places]
    assert all(start <= time <= start + number * dt.timedelta(minutes=minutes) for time in times)
    assert [time.minute % 5 for time in times] == [0] * len(times)


def test_names_of_intervals_and_spans() -> None:
    start = dt.datetime(2012, 12, 31, 23, 30)
    assert interval_name(start, 30) == "Monday 31 December 2012, 23:30 to 00:00"
    assert span_name(start, start) == "31 Dec 2012"
    assert span_name(start, dt.datetime(2013, 1, 2)) == "31 Dec 2012 to 2 Jan 2013"
    assert span_name(dt.datetime(2012, 7, 1), start) == "1 Jul to 31 Dec 2012"


def test_ticks_of_households() -> None:
    assert household_ticks(["household_0", "household_1"]) == ([0, 1], ["0", "1"], "household")
    assert household_ticks(["prosumer_0", "consumer_0"]) == ([0, 1], ["prosumer_0", "consumer_0"], "household")
    ticks, labels, kind = household_ticks([f"household_{i}" for i in range(300)])
    assert ticks == list(range(0, 300, 20))
    assert (labels[1], kind) == ("20", "household")
    assert household_ticks([f"{'x' * 10}{i}" for i in range(50)])[2] == "place on the street"


@pytest.mark.parametrize(
    ("value", "ceiling"), [(0.0, 1.0), (0.9, 1.0), (1.1, 1.2), (21.0, 25.0), (99.0, 100.0), (7e-5, 8e-5)]
)
def test_axes_end_at_tidy_numbers(value: float, ceiling: float) -> None:
    assert nice_ceiling(value) == pytest.approx(ceiling)
