"""Tariff plans, their files, and who on the street has which."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2p_market.data.calendar import Calendar
from p2p_market.errors import ConfigError, UnknownNameError
from p2p_market.tariffs import TARIFFS, build_schedule, load_plan

MONDAY = "2012-07-02"
WEEK = Calendar.regular(MONDAY, 7 * 48)

# One letter an hour, typed from the data notes: a second form of the windows, independent of the file.
WEEKDAY = "ooooooo" + "sssssss" + "pppppp" + "ss" + "oo"
WEEKEND = "ooooooo" + "sssssss" + "ssssss" + "ss" + "oo"
PRICES = {
    "agl_time_of_use": {"p": 0.594, "s": 0.253, "o": 0.165},
    "energy_australia_time_of_use": {"p": 0.6039, "s": 0.27456, "o": 0.16764},
    "origin_time_of_use": {"p": 0.58311, "s": 0.26169, "o": 0.15862},
}


def write(folder: Path, text: str, name: str = "own.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", PRICES)
def test_time_of_use_prices_follow_the_published_hours(name):
    expected = [PRICES[name][letter] for day in range(7) for letter in (WEEKDAY if day < 5 else WEEKEND)]
    assert TARIFFS[name].retail_price(WEEK).tolist() == list(np.repeat(expected, 2))


def test_feed_in_prices():
    assert set(TARIFFS["agl_time_of_use"].feed_in_price(WEEK)) == {0.111}
    assert set(TARIFFS["energy_australia_time_of_use"].feed_in_price(WEEK)) == {0.125}
    by_hour = [0.137 if 15 <= hour < 19 else 0.058 for hour in range(24)]
    assert TARIFFS["origin_time_of_use"].feed_in_price(WEEK).tolist() == list(np.repeat(by_hour * 7, 2))


def test_the_flat_plan_lies_in_the_quoted_range():
    assert 0.314 <= TARIFFS["flat"].retail_price(WEEK).min() == TARIFFS["flat"].retail_price(WEEK).max() <= 0.323
    assert 0.090 <= TARIFFS["flat"].feed_in_price(WEEK).min() == TARIFFS["flat"].feed_in_price(WEEK).max() <= 0.125


def test_every_shipped_plan_says_where_and_when_it_is_from():
    assert set(TARIFFS) == {*PRICES, "flat", "da_maddpg"}
    for name, plan in TARIFFS.items():
        assert plan.name == name
        assert plan.source
        assert plan.date == ("2021-08-19" if name == "da_maddpg" else "2018-11-28")
        assert TARIFFS.summary(name) == plan.summary != ""


def test_import_does_not_load_yaml_or_frames():
    code = (
        "import sys, p2p_market.tariffs; "
        "sys.exit(', '.join({'yaml', 'polars', 'pandas', 'pydantic'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run(  # noqa: S603  # our own interpreter and text
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# Own plans


GOOD = """
summary: two prices
source: my bill
date: 2024-01-31
retail:
  price_dollars_per_kwh: 0.20
  windows:
    - {name: night, days: weekdays, from: 22.5, to: "06:30", price_dollars_per_kwh: 0.10}
feed_in:
  price_dollars_per_kwh: 0.05
"""


def test_a_window_past_midnight_asks_each_interval_for_its_own_day(tmp_path):
    plan = load_plan(write(tmp_path, GOOD))
    assert (plan.name, plan.summary, plan.source, plan.date) == ("own", "two prices", "my bill", "2024-01-31")
    price = plan.retail_price(WEEK).reshape(7, 48)
    night = np.r_[0:13, 45:48]
    assert (price[:5, night] == 0.10).all()  # Friday evening is a weekday's
    assert (price[:5, 13:45] == 0.20).all()
    assert (price[5:] == 0.20).all()  # Saturday morning is not


def test_the_price_is_that_of_the_interval_start(tmp_path):
    plan = load_plan(write(tmp_path, GOOD))
    five = Calendar.regular(MONDAY, 288, 5)
    assert plan.retail_price(five)[[77, 78, 269, 270]].tolist() == [0.10, 0.20, 0.20, 0.10]


def test_a_window_that_changes_inside_an_interval_is_an_error(tmp_path):
    plan = load_plan(write(tmp_path, GOOD))
    with pytest.raises(ConfigError, match=r"'night' \(weekdays, 22:30-06:30\) changes at 22:30, inside an interval of"):
        plan.retail_price(Calendar.regular(MONDAY, 24, 60))


def test_a_whole_day_window(tmp_path):
    text = GOOD.replace("from: 22.5", "from: 0").replace('"06:30"', "24").replace("weekdays", "weekends")
    price = load_plan(write(tmp_path, text)).retail_price(WEEK).reshape(7, 48)
    assert (price[:5] == 0.20).all()
    assert (price[5:] == 0.10).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("retail:", "retial:"),
            r"own\.yaml: unknown key 'retial'; did you mean 'retail'\?; known: retail, feed_in",
        ),
        (("days:", "day:"), r"own\.yaml: retail: windows\[0\]: unknown key 'day'; did you mean 'days'\?"),
        (("feed_in:\n  price_dollars_per_kwh: 0.05", ""), r"own\.yaml: key 'feed_in' is missing"),
        (
            ("weekdays", "weekday"),
            r"windows\[0\]: days: 'weekday'; did you mean 'weekdays'\?; expected all, wee",
        ),
        (
            ("22.5", "14:30"),
            r"windows\[0\]: from: 870 is not a clock time; write hours from 0 to 24 such as 14\.5",
        ),
        (("22.5", "25"), r"windows\[0\]: from: 25 is not a clock time"),
        (("22.5", "-1"), r"windows\[0\]: from: -1 is not a clock time"),
        (("22.5", "noon"), r"windows\[0\]: from: 'noon' is not a clock time"),
        (("22.5", '"12:75"'), r"windows\[0\]: from: '12:75' is not a clock time"),
        (("22.5", "6.5"), r"a window from 06:30 to 06:30 is empty; a whole day is from 0 to 24"),
        (("22.5", "24"), r"a window from 24:00 to 06:30 is empty"),
        (("0.20", "twenty"), r"retail: price_dollars_per_kwh: 'twenty' is not a number of \$/kWh"),
        (("0.20", ".nan"), r"retail: price_dollars_per_kwh: nan is not a number"),
        (("0.20", "true"), r"retail: price_dollars_per_kwh: True is not a number"),
        (("\n  windows:\n    -", "\n  windows:\n   "), r"retail: windows: expected a list, found \{"),
        (
            ("    - {name", "    - night\n    - {name"),
            r"windows\[0\]: expected keys with values, found 'night'",
        ),
        (("0.05", "-0.05"), r"'own' at 00:00 on a weekday: feed-in price -0.05 \$/kWh, retail price 0.1 "),
        (("0.05", "0.15"), r"'own' at 00:00 on a weekday: feed-in price 0.15 \$/kWh, retail price 0.1 \$"),
        (("0.20", "0.04"), r"'own' at 06:30 on a weekday: feed-in price 0.05 \$/kWh, retail price 0.04"),
        (("date: 2024-01-31", "date: [2024"), r"own\.yaml, line \d+, column \d+: not valid YAML"),
        ((GOOD, "flat"), r"own\.yaml: expected keys with values at the top, found 'flat'"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, change, message):
    assert change[0] in GOOD
    with pytest.raises(ConfigError, match=message):
        load_plan(write(tmp_path, GOOD.replace(*change)))


def test_overlapping_windows_are_an_error(tmp_path):
    second = "    - {name: peak, from: 6, to: 9, price_dollars_per_kwh: 0.4}\nfeed_in"
    path = write(tmp_path, GOOD.replace("feed_in", second))
    with pytest.raises(
        ConfigError,
        match=r"'own', retail: windows 'night' \(weekdays, 22:30-06:30\) and 'peak' \(all, 06:00-09:00\)",
    ):
        load_plan(path)


def test_a_missing_file_names_itself(tmp_path):
    with pytest.raises(ConfigError, match=r"tariff file '.*nothing\.yaml' does not exist"):
        load_plan(tmp_path / "nothing.yaml")


# The street


def test_one_plan_is_everybodys():
    schedule = build_schedule("agl_time_of_use", 5, WEEK)
    retail, feed_in = schedule.prices(np.array([30, 0]))
    assert retail.tolist() == [[0.594] * 5, [0.165] * 5]
    assert feed_in.tolist() == [[0.111] * 5] * 2
    assert schedule.plan_names == ("agl_time_of_use",)


def test_a_mix_gives_every_household_its_own_prices(tmp_path):
    write(tmp_path, GOOD)
    shares = {"flat": 0.5, "origin_time_of_use": 0.3, "own.yaml": 0.2}
    schedule = build_schedule(shares, 10, WEEK, seed=3, folder=tmp_path)
    assert schedule.plan_names == tuple(shares)
    assert np.bincount(schedule.plan).tolist() == [5, 3, 2]
    rows = np.array([0, 31, 335])
    retail, feed_in = schedule.prices(rows)
    for household, plan in enumerate(schedule.plan):
        one = build_schedule(schedule.plan_names[plan], 1, WEEK, folder=tmp_path)
        assert (retail[:, household] == one.retail[rows, 0]).all()
        assert (feed_in[:, household] == one.feed_in[rows, 0]).all()
    everything = schedule.prices(np.arange(len(WEEK)))
    assert (schedule.band_high == everything[0].max(axis=1)).all()
    assert (schedule.band_low == everything[1].min(axis=1)).all()


def test_the_seed_places_the_plans_and_nothing_else():
    shares = {"flat": 0.6, "agl_time_of_use": 0.4}
    first, again, other = (build_schedule(shares, 50, WEEK, seed=seed) for seed in (1, 1, 2))
    assert (first.plan == again.plan).all()
    assert (first.plan != other.plan).any()
    assert sorted(first.plan) == sorted(other.plan)
    assert (first.plan[:30] != 0).any()  # shuffled over the slots


@given(
    weights=st.lists(st.integers(0, 20), min_size=1, max_size=4).filter(any),
    num_households=st.integers(1, 60),
)
def test_counts_are_within_one_of_their_share(weights, num_households):
    names = list(TARIFFS)[: len(weights)]
    total = sum(weights)
    shares = {name: weight / total for name, weight in zip(names, weights, strict=True)}
    schedule = build_schedule(shares, num_households, WEEK.select(slice(0, 1)))
    counts = dict(zip(schedule.plan_names, np.bincount(schedule.plan), strict=True))
    assert sum(counts.values()) == num_households
    assert all(counts.values())
    for name, weight in zip(names, weights, strict=True):
        assert abs(counts.get(name, 0) - weight * num_households / total) < 1


def test_equal_remainders_go_to_the_plan_named_first():
    schedule = build_schedule({"flat": 0.5, "agl_time_of_use": 0.5}, 3, WEEK)
    assert np.bincount(schedule.plan).tolist() == [2, 1]
    schedule = build_schedule({"flat": 0.5, "agl_time_of_use": 0.5}, 1, WEEK)
    assert schedule.plan_names == ("flat",)
    assert schedule.band_high[30] == 0.32  # a plan that nobody has does not widen the band


def test_wrong_shares_are_explained():
    with pytest.raises(ConfigError, match=r"shares sum to 0\.9, expected 1 \(flat 0\.5, agl_time_of_use 0\.4\)"):
        build_schedule({"flat": 0.5, "agl_time_of_use": 0.4}, 3, WEEK)
    with pytest.raises(ConfigError, match=r"the share of 'flat' is -0\.5; expected a number from 0 to 1"):
        build_schedule({"flat": -0.5, "agl_time_of_use": 1.5}, 3, WEEK)
    with pytest.raises(ConfigError, match=r"the share of 'flat' is 'half'"):
        build_schedule({"flat": "half"}, 3, WEEK)
    with pytest.raises(ConfigError, match=r"shares sum to 0, expected 1 \(none given\)"):
        build_schedule({}, 3, WEEK)
    with pytest.raises(ConfigError, match="num_households = 0"):
        build_schedule("flat", 0, WEEK)
    thirds = {"flat": 0.333, "agl_time_of_use": 0.333, "origin_time_of_use": 0.333}
    assert np.bincount(build_schedule(thirds, 300, WEEK).plan).tolist() == [100, 100, 100]


def test_an_unknown_plan_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown tariff plan 'agl_tou'"):
        build_schedule("agl_tou", 3, WEEK)
    with pytest.raises(UnknownNameError, match="did you mean 'agl_time_of_use'"):
        build_schedule({"flat": 1.0, "agl_time_of_usw": 0.0}, 3, WEEK)


def test_a_plan_of_ones_own_class_is_checked_against_the_calendar(monkeypatch):
    class Spot:
        summary = "a price series"

        def retail_price(self, calendar):
            return np.full(len(calendar), 0.2)

        def feed_in_price(self, calendar):
            return np.where(np.arange(len(calendar)) == 62, 0.3, 0.1)

    monkeypatch.setattr(TARIFFS, "_entries", dict(TARIFFS))
    TARIFFS.register("spot", Spot())
    with pytest.raises(
        ConfigError,
        match=r"'spot' at 2012-07-03 07:00 \(Tuesday\): feed-in price 0\.3 \$/kWh, retail price 0\.2 \$/kWh",
    ):
        build_schedule({"flat": 0.5, "spot": 0.5}, 2, WEEK)


def test_a_schedule_is_read_only_and_pickles():
    schedule = build_schedule({"flat": 0.5, "agl_time_of_use": 0.5}, 4, WEEK)
    with pytest.raises(ValueError, match="read-only"):
        schedule.retail[0] = 0
    copy = pickle.loads(pickle.dumps(schedule))  # noqa: S301  # our own bytes
    assert (copy.retail == schedule.retail).all()
    assert (copy.plan == schedule.plan).all()
