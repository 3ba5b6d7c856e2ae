"""What the synthetic community promises: seeds, prefixes, clocks, intervals, meters, and clear errors."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2p_market.data.calendar import INTERVAL_LENGTHS, Calendar
from p2p_market.data.container import DataContainer
from p2p_market.data.synthetic import synthetic_community
from p2p_market.data.synthetic_appliances import Pulses, time_of_day
from p2p_market.data.synthetic_processes import (
    autoregressive,
    between_days,
    by_month,
    by_slot,
    normal_cumulative,
    normal_quantile,
)
from p2p_market.errors import DataError

SPRING_CHANGE, AUTUMN_CHANGE = np.datetime64("2012-10-07"), np.datetime64("2013-04-07")


@pytest.fixture(scope="module")
def year() -> DataContainer:
    return synthetic_community(30, days=365, include_controlled_load=True)


def same(one: DataContainer, other: DataContainer) -> bool:
    return np.array_equal(one.demand, other.demand) and np.array_equal(one.pv, other.pv)


# ---- seeds and prefixes


def test_same_seed_same_data_and_other_seed_other_data() -> None:
    assert same(synthetic_community(3, days=20, seed=7), synthetic_community(3, days=20, seed=7))
    assert not same(synthetic_community(3, days=20, seed=7), synthetic_community(3, days=20, seed=8))


def test_global_random_state_is_neither_used_nor_changed() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is tested
    one = synthetic_community(2, days=3)
    np.random.seed(5)  # noqa: NPY002 - as above
    assert same(one, synthetic_community(2, days=3))
    np.random.set_state(("MT19937", before, 624, 0, 0.0))  # noqa: NPY002 - as above


def test_more_households_leave_the_others_as_they_are() -> None:
    many, few = synthetic_community(40, days=30), synthetic_community(5, days=30)
    assert same(many.select(few.customer_ids), few)
    assert np.array_equal(many.pv_capacity[:5], few.pv_capacity)


@pytest.mark.parametrize("days", [1, 2, 91, 100])
def test_a_shorter_period_is_the_beginning_of_a_longer_one(days: int) -> None:
    # from September on, so that the clock changes on the way
    long, short = (
        synthetic_community(4, "2012-09-01", num, include_controlled_load=True, pv_share=1.0) for num in (200, days)
    )
    assert same(long.select(end=np.datetime64("2012-09-01") + days), short)


def test_shares_decide_who_has_what_and_change_nothing_else() -> None:
    none, some, every = (synthetic_community(20, days=5, pv_share=share) for share in (0.0, 0.5, 1.0))
    assert np.array_equal(none.demand, every.demand)
    assert not none.pv.any()
    assert not none.pv_capacity.any()
    has_pv = some.pv_capacity > 0
    assert has_pv.sum() == pytest.approx(10, abs=2)
    assert np.array_equal(some.pv[:, has_pv], every.pv[:, has_pv])
    assert not some.pv[:, ~has_pv].any()
    assert (every.pv.sum(axis=0) > 0).all()


# ---- calendar and clock


@pytest.mark.parametrize("interval_minutes", INTERVAL_LENGTHS)
def test_every_interval_length_gives_the_same_kind_of_household(interval_minutes: int) -> None:
    data = synthetic_community(12, days=28, interval_minutes=interval_minutes, pv_share=1.0)
    half_hours = synthetic_community(12, days=28, pv_share=1.0)
    assert data.get_size() == (28 * 24 * 60 // interval_minutes, 12)
    assert data.interval_minutes == interval_minutes
    assert data.demand.dtype == data.pv.dtype == np.float32
    assert data.demand.sum() == pytest.approx(half_hours.demand.sum(), rel=0.08)
    if interval_minutes == 60:
        joined = half_hours.demand.reshape(-1, 2, 12).sum(axis=1)
        np.testing.assert_allclose(data.demand, joined, atol=1e-6)


def test_meters_report_whole_watt_hours(year: DataContainer) -> None:
    for series in (year.demand, year.pv):
        watt_hours = series.astype(np.float64) * 1000.0
        np.testing.assert_allclose(watt_hours, np.rint(watt_hours), atol=1e-3)
        assert np.array_equal(series, (np.rint(watt_hours) / 1000.0).astype(np.float32))


def test_clock_changes_look_as_recorded(year: DataContainer) -> None:
    demand, hour, day = year.demand.mean(axis=1), year.calendar.hour, year.calendar.day
    hidden = (hour >= 2.0) & (hour < 3.0)
    usual = np.median(demand[hidden])
    assert (year.demand[hidden & (day == SPRING_CHANGE)] == 0.0).all()
    assert (demand[hidden & (day == AUTUMN_CHANGE)] > 1.5 * usual).all()
    assert (year.demand[hidden & (day != SPRING_CHANGE)] > 0.0).any(axis=1).all()
    others = ~hidden & (day == SPRING_CHANGE)
    assert (demand[others] > 0.0).all()


def test_the_sun_follows_standard_time_and_people_follow_the_clock() -> None:
    data = synthetic_community(60, "2012-09-10", 56, pv_share=1.0)  # four weeks on either side of the change
    calendar, before = data.calendar, data.calendar.day < SPRING_CHANGE

    def middle_hour(series: Any, rows: Any) -> float:
        weight = series[rows].sum(axis=1)
        return float((calendar.hour[rows] * weight).sum() / weight.sum())

    later = middle_hour(data.pv, ~before) - middle_hour(data.pv, before)
    assert later == pytest.approx(0.95, abs=0.25)  # the equation of time takes a few minutes back
    morning = (calendar.hour >= 3) & (calendar.hour < 12)
    rise = {name: middle_hour(data.demand, morning & rows) for name, rows in (("before", before), ("after", ~before))}
    assert rise["after"] == pytest.approx(rise["before"], abs=0.25)


def test_calendar_and_names() -> None:
    data = synthetic_community(3, "2020-02-28", 3)
    assert str(data.calendar.start[0]) == "2020-02-28T00:00"
    assert str(data.calendar.end) == "2020-03-02T00:00"
    assert data.customer_ids == ("1", "2", "3")
    assert data.source == "synthetic"
    assert data.controlled_load is None


# ---- demand, PV, controlled load


def test_pv_stays_below_the_capacity_and_is_dark_at_night(year: DataContainer) -> None:
    power = year.pv.max(axis=0) / year.calendar.interval_hours
    assert (power <= year.pv_capacity + 1e-3).all()
    assert (power[year.pv_capacity > 0] > 0.6 * year.pv_capacity[year.pv_capacity > 0]).all()
    night = (year.calendar.hour < 4.0) | (year.calendar.hour >= 21.0)
    assert not year.pv[night].any()


def test_neighbours_share_the_clouds_but_not_entirely(year: DataContainer) -> None:
    noon = year.calendar.hour == 12.0
    with_pv = np.flatnonzero(year.pv_capacity > 0)
    clear = np.quantile(year.pv[noon][:, with_pv], 0.98, axis=0)
    correlation = np.corrcoef((year.pv[noon][:, with_pv] / clear).T)
    apart = correlation[np.triu_indices(len(with_pv), 1)]
    assert apart.min() > 0.6
    assert apart.max() < 0.97


def test_load_has_a_base_and_spikes(year: DataContainer) -> None:
    general = year.demand - year.controlled_load
    mean = general.mean(axis=0)
    assert (np.quantile(general, 0.02, axis=0) < 0.5 * mean).all()
    assert (general.max(axis=0) > 3.0 * mean).all()
    assert (np.quantile(general, 0.01, axis=0) > 0.0).all()


def test_controlled_load_runs_at_night_on_about_half_of_the_homes(year: DataContainer) -> None:
    load = year.controlled_load
    assert load is not None
    has_load = load.any(axis=0)
    assert has_load.mean() == pytest.approx(0.46, abs=0.07)
    assert load[:, has_load].sum(axis=0).mean() / 365.0 == pytest.approx(5.06, rel=0.25)
    day = (year.calendar.hour >= 12.0) & (year.calendar.hour < 21.5)
    assert not load[day].any()
    without = synthetic_community(30, days=365)
    np.testing.assert_allclose(year.demand - load, without.demand, atol=2e-6)


def test_controlled_load_switches_by_standard_time(year: DataContainer) -> None:
    load = year.controlled_load
    assert load is not None
    summer = np.isin(year.calendar.month, [11, 12, 1, 2])  # daylight saving all along
    winter = np.isin(year.calendar.month, [5, 6, 7, 8])

    def middle_of_the_night(rows: Any) -> float:
        hour = (year.calendar.hour[rows] + 12.0) % 24.0
        weight = load[rows].sum(axis=1)
        return float((hour * weight).sum() / weight.sum())

    assert middle_of_the_night(summer) - middle_of_the_night(winter) == pytest.approx(1.0, abs=0.3)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (1.0, 1.0)])
def test_controlled_load_share_at_its_ends(share: float, expected: float) -> None:
    data = synthetic_community(8, days=3, controlled_load_share=share, include_controlled_load=True)
    assert data.controlled_load is not None
    assert data.controlled_load.any(axis=0).mean() == expected


# ---- bad input


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"num_households": -3}, "num_households is -3; expected a whole number of at least 1"),
        ({"num_households": 0}, "num_households is 0; expected a whole number of at least 1"),
        ({"num_households": 2.5}, "num_households is 2.5; expected a whole number of at least 1"),
        ({"days": 0}, "days is 0; expected a whole number of at least 1"),
        ({"seed": -1}, "seed is -1; expected a whole number of at least 0"),
        ({"pv_share": 1.2}, "pv_share is 1.2; expected a share of the homes from 0 to 1"),
        ({"pv_share": float("nan")}, "pv_share is nan; expected a share of the homes from 0 to 1"),
        ({"controlled_load_share": -0.1}, "controlled_load_share is -0.1; expected a share of the homes from 0 to 1"),
        ({"interval_minutes": 7}, "interval_minutes is 7; expected one of 5, 6, 10, 12, 15, 20, 30, 60"),
        ({"interval_minutes": 0}, "interval_minutes is 0; expected one of"),
        ({"start": "2012-07-01 12:30"}, "is not a day; a synthetic community begins at midnight: '2012-07-01'"),
        ({"start": "July"}, "start 'July' is not a date or time"),
    ],
)
def test_bad_input_is_named(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        synthetic_community(**keywords)


# ---- the parts


@given(
    step=st.floats(0.001, 3.0),
    num=st.integers(1, 300),
    seed=st.integers(0, 1000),
)
@settings(max_examples=50, deadline=None)
def test_autoregressive_equals_the_loop(step: float, num: int, seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(num, dtype=np.float32).astype(np.float64)
    decay = np.exp(-step)
    expected = [noise[0]]
    for value in noise[1:]:
        expected.append(decay * expected[-1] + np.sqrt(1.0 - decay**2) * value)
    series = autoregressive(np.random.default_rng(seed), num, step)
    np.testing.assert_allclose(series, expected, atol=2e-4)


@given(
    start=st.lists(st.floats(-500.0, 3000.0), min_size=1, max_size=8),
    minutes=st.floats(0.5, 400.0),
    interval_minutes=st.sampled_from(INTERVAL_LENGTHS),
)
@settings(deadline=None)
def test_pulses_keep_their_energy(start: list[float], minutes: float, interval_minutes: int) -> None:
    num = 2880 // interval_minutes
    pulses = Pulses(np.array(start), np.full(len(start), minutes), np.linspace(0.5, 2.0, len(start)))
    power = pulses.mean_power(num, interval_minutes)
    inside = np.clip(pulses.start + minutes, 0, 2880) - np.clip(pulses.start, 0, 2880)
    assert power.sum() * interval_minutes == pytest.approx((pulses.power * inside).sum(), rel=1e-4, abs=1e-3)
    assert (power >= 0.0).all()


def test_pulse_is_spread_over_the_intervals_that_it_touches() -> None:
    power = Pulses(np.array([20.0]), np.array([50.0]), np.array([3.0])).mean_power(4, 30)
    np.testing.assert_allclose(power, [1.0, 3.0, 1.0, 0.0], atol=1e-6)


def test_times_of_day_follow_the_profile() -> None:
    profile = np.zeros(24)
    profile[[3, 18]] = 1.0, 3.0
    times = time_of_day(np.linspace(0.001, 0.999, 1000), profile) / 60.0
    assert np.mean((times > 3) & (times < 4)) == pytest.approx(0.25, abs=0.01)
    assert np.mean((times > 18) & (times < 19)) == pytest.approx(0.75, abs=0.01)


def test_normal_table_is_its_own_inverse() -> None:
    values = np.linspace(-4.0, 4.0, 101)
    np.testing.assert_allclose(normal_quantile(normal_cumulative(values)), values, atol=1e-6)
    assert normal_cumulative(np.array([0.0, 1.959964])) == pytest.approx([0.5, 0.975], abs=1e-5)


def test_interpolations_hit_their_nodes() -> None:
    hourly = np.arange(24.0)
    assert np.array_equal(by_slot(hourly, 24), hourly)
    assert by_slot(hourly, 48)[1:-1].mean() == pytest.approx(11.5)
    assert between_days(np.array([0.0, 2.0]), 4) == pytest.approx([0.25, 0.75, 1.25, 1.75])
    calendar = Calendar.regular("2012-01-16", 1)
    assert by_month(calendar, np.arange(12.0))[0] == pytest.approx(0.0, abs=0.05)
