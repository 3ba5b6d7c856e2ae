"""The container: what it holds, what it refuses, what it selects and shows."""

from __future__ import annotations

import dataclasses
import pickle
import sys

import numpy as np
import polars as pl
import pytest

from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer, Quality
from p2p_market.data.gaps import Gap, GapReport, find_gaps
from p2p_market.errors import DataError


def make(num_days: int = 3, households: int = 4, seed: int = 0) -> DataContainer:
    rng = np.random.default_rng(seed)
    calendar = Calendar.regular("2012-07-30", 48 * num_days)
    shape = (48 * num_days, households)
    load = rng.random(shape, np.float32)
    return DataContainer.from_arrays(
        load + rng.random(shape, np.float32),
        rng.random(shape, np.float32),
        calendar=calendar,
        customer_ids=[10 * (i + 1) for i in range(households)],
        pv_capacity=np.arange(households) + 1.5,
        quality=rng.integers(0, 8, shape),
        controlled_load=load,
    )


def test_it_says_its_size_and_hands_out_its_arrays() -> None:
    data = make()
    assert data.get_size() == (144, 4) == (data.num_intervals, data.num_households)
    assert data.get_customer_ids() == ("10", "20", "30", "40")
    assert data.interval_minutes == 30
    demand, pv, calendar, pv_capacity, quality = data.arrays()
    assert demand.dtype == pv.dtype == np.float32
    assert pv_capacity.dtype == np.float64
    assert quality.dtype == np.uint8
    assert calendar is data.calendar
    assert demand is data.demand
    assert "144 intervals of 30 min" in repr(data)


def test_it_cannot_be_changed_and_copies_what_callers_keep() -> None:
    demand = np.ones((48, 1), np.float32)
    data = DataContainer.from_arrays(demand, calendar=Calendar.regular("2012-07-01", 48))
    demand[0] = 9
    assert data.demand[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        data.demand[0, 0] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.demand = demand
    assert data.customer_ids == ("0",)
    assert data.pv.sum() == data.pv_capacity.sum() == data.quality.sum() == 0
    restored = pickle.loads(pickle.dumps(data))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(restored.demand, data.demand)


def test_capacity_is_the_largest_power_seen_unless_given() -> None:
    pv = np.zeros((48, 2))
    pv[24] = [0.5, 0]
    data = DataContainer.from_arrays(np.ones((48, 2)), pv, calendar=Calendar.regular("2012-07-01", 48))
    assert data.pv_capacity.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"demand": np.ones(48)}, r"demand has the shape \(48,\); expected \(T, H\)"),
        ({"demand": np.ones((47, 2))}, r"demand has the shape \(47, 2\); expected \(48, 2\)"),
        ({"demand": [["a", "b"]] * 48}, "demand is not a table of numbers"),
        ({"pv": np.ones((48, 3))}, r"pv has the shape \(48, 3\); expected \(48, 2\)"),
        ({"pv": np.full((48, 2), np.nan)}, "pv of customer 7 at 2012-07-01T00:00 is nan kWh"),
        ({"demand": np.full((48, 2), np.inf)}, "demand of customer 7 .* is inf kWh"),
        ({"demand": np.full((48, 2), 1e300)}, "demand of customer 7 .* is inf kWh"),
        ({"controlled_load": np.full((48, 2), -0.5)}, "controlled_load of customer 7 .* is -0.5 kWh"),
        ({"pv_capacity": [1, -1]}, "PV capacity of customer 8 is -1 kW; expected a finite number >= 0"),
        ({"pv_capacity": [np.nan, 1]}, "PV capacity of customer 7 is nan kW"),
        ({"pv_capacity": [1]}, r"pv_capacity has the shape \(1,\); expected \(2,\)"),
        ({"customer_ids": ["a", "a"]}, "customer 'a' appears twice"),
        ({"customer_ids": []}, "the data has no household"),
        ({"quality": np.full((48, 2), 8)}, "customer 7 at 2012-07-01T00:00 is marked missing"),
        ({"calendar": Calendar.regular("2012-07-01", 0)}, "the data has no interval"),
    ],
)
def test_wrong_arrays_are_refused(change: dict[str, object], message: str) -> None:
    given: dict[str, object] = {
        "demand": np.ones((48, 2)),
        "pv": np.zeros((48, 2)),
        "calendar": Calendar.regular("2012-07-01", 48),
        "customer_ids": [7, 8],
    }
    with pytest.raises(DataError, match=message):
        DataContainer.from_arrays(**(given | change))


def test_the_place_of_a_negative_reading_is_named() -> None:
    demand = np.ones((48, 2))
    demand[3, 1] = -0.25
    with pytest.raises(DataError, match=r"demand of customer 1 at 2012-07-01T01:30 is -0\.25 kWh"):
        DataContainer.from_arrays(demand, calendar=Calendar.regular("2012-07-01", 48))


def test_selection_of_customers_times_and_months() -> None:
    data = make(num_days=4)
    part = data.select(customers=[30, "10"], start="2012-07-31", end="2012-08-02 12:00", months=8)
    assert part.customer_ids == ("30", "10")
    assert str(part.calendar.start[0]) == "2012-08-01T00:00"
    assert str(part.calendar.end) == "2012-08-02T12:00"
    rows = slice(96, 96 + 72)
    np.testing.assert_array_equal(part.demand, data.demand[rows][:, [2, 0]])
    np.testing.assert_array_equal(part.quality, data.quality[rows][:, [2, 0]])
    np.testing.assert_array_equal(part.controlled_load, data.controlled_load[rows][:, [2, 0]])
    assert part.pv_capacity.tolist() == [3.5, 1.5]
    assert data.select().get_size() == data.get_size()
    assert data.select("20", months=[7, 8]).get_size() == (192, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"customers": ["100"]},
            "unknown customer '100'; did you mean '10'.* there are 4 customers: 10, 20",
        ),
        ({"customers": []}, "no customer is selected; there are 4 customers"),
        ({"customers": [10, "10"]}, "customer '10' is selected twice"),
        (
            {"start": "2012-07-29"},
            "start 2012-07-29T00:00 is outside the data; the data runs from 2012-07-30",
        ),
        ({"start": "2012-08-02"}, r"start .* is outside the data; .* up to 2012-08-02T00:00 \(exclusive\)"),
        ({"end": "2012-08-02 00:30"}, "end 2012-08-02T00:30 is outside the data"),
        ({"end": "2012-07-30"}, "end 2012-07-30T00:00 is outside the data"),
        ({"start": "2012-08-01", "end": "2012-07-31"}, "no interval lies from start.*end must come after"),
        ({"months": 13}, "month 13 does not exist"),
        ({"months": "July"}, "month 'J' does not exist"),
        ({"months": []}, "no month is selected"),
        ({"months": [1]}, r"no interval lies in the months \[1\]; the months there are 7, 8"),
    ],
)
def test_an_impossible_selection_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make().select(**arguments)


def test_the_tidy_frame_holds_every_value_in_its_place() -> None:
    data = make()
    frame = data.dataset
    expected = "customer start month demand_kwh pv_kwh controlled_load_kwh pv_capacity_kw quality"
    assert frame.columns == expected.split()
    assert frame.height == 144 * 4
    home = frame.filter(pl.col("customer") == "30")
    np.testing.assert_array_equal(home["demand_kwh"], data.demand[:, 2])
    np.testing.assert_array_equal(home["controlled_load_kwh"], data.controlled_load[:, 2])
    np.testing.assert_array_equal(home["quality"], data.quality[:, 2])
    np.testing.assert_array_equal(home["start"].to_numpy(), data.calendar.start)
    np.testing.assert_array_equal(home["month"], data.calendar.month)
    assert home["pv_capacity_kw"].unique().to_list() == [3.5]


def test_the_pandas_frame_is_the_same_and_needs_no_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    data = make()
    frame, expected = data.to_pandas(), data.dataset
    assert list(frame.columns) == expected.columns
    assert frame["customer"].astype(str).tolist() == expected["customer"].to_list()
    for column in expected.columns[1:]:
        np.testing.assert_array_equal(frame[column].to_numpy(), expected[column].to_numpy())


def test_gaps_are_found_by_run_and_told() -> None:
    calendar = Calendar.regular("2012-07-01", 96)
    missing = np.zeros((96, 2), bool)
    missing[:2, 1] = missing[10:12, 1] = missing[90:, 0] = True
    report = GapReport(tuple(find_gaps(missing, calendar, ["a", "b"], "GC")), "fill")
    assert [(gap.customer, gap.num_intervals) for gap in report.gaps] == [("a", 6), ("b", 2), ("b", 2)]
    assert str(report.gaps[0].end) == "2012-07-03T00:00"
    assert report.customers == ("a", "b")
    assert report.num_intervals == 10
    assert len(report) == 3
    assert report
    assert report.to_frame()["num_intervals"].to_list() == [6, 2, 2]
    text = report.summary(limit=1)
    assert "10 readings are missing in 3 gap(s), 2 customer(s)" in text
    assert "customer a: GC from 2012-07-02T21:00 to 2012-07-03T00:00 (6 intervals)" in text
    assert "… and 2 more" in text
    single = Gap("a", "GG", calendar.start[0], calendar.start[1], 1)
    assert str(single).endswith("(1 interval)")


def test_an_empty_report_is_false() -> None:
    assert not GapReport()
    assert GapReport().summary() == "nothing is missing"
    assert GapReport().to_frame().is_empty()


def test_quality_flags_combine() -> None:
    assert Quality.ESTIMATED | Quality.FILLED == 3
    assert Quality(5) == Quality.ESTIMATED | Quality.REPAIRED
