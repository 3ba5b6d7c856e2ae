"""A pool of households and a span of days: nothing else of the data is drawn, read or known."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from streets import homes

import p2p_market
from p2p_market.build import build_controller
from p2p_market.config_loading import dump_config, load_config
from p2p_market.data.synthetic import synthetic_community
from p2p_market.data_loading import load_data, select_data
from p2p_market.errors import ConfigError, DataError

SMALL: dict[str, Any] = {"data.num_homes": 30, "data.days": 20, "street.num_households": 4, "street.pv_share": 0.5}


@pytest.mark.parametrize(
    "forecast", [None, {"kind": "perfect", "horizon": 3}, {"kind": "rolling_mean", "days": 2, "horizon": 5}]
)
def test_episodes_read_nothing_outside_of_pool_and_days(forecast: dict[str, Any] | None) -> None:
    """Whatever else the data holds, an episode is the same: the rest is set to nan-like nonsense."""
    pool = ["home 1", "home 3", "home 5", "home 8"]
    first, last = dt.date(2013, 1, 16), dt.date(2013, 1, 20)
    overrides = {
        "street.pool": pool,
        "episode.first_day": first,
        "episode.last_day": last,
        "scenario.forecast": forecast,
        "scenario.observation": "full",
        "street.num_households": 4,
    }
    data = homes(12, 9, pv_share=0.5)
    inside = np.zeros(data.demand.shape, dtype=bool)
    day = data.calendar.start.astype("datetime64[D]")
    span = (day >= np.datetime64(first)) & (day <= np.datetime64(last))
    columns = [data.customer_ids.index(name) for name in pool]
    inside[np.ix_(np.flatnonzero(span), columns)] = True
    other = data.from_arrays(
        np.where(inside, data.demand, 99.0),
        np.where(inside, data.pv, 99.0 * (data.pv_capacity > 0.0)),
        calendar=data.calendar,
        customer_ids=data.customer_ids,
        pv_capacity=data.pv_capacity,
    )
    one, two = (
        p2p_market.vector_env(data_container=container, num_envs=16, overrides=overrides) for container in (data, other)
    )
    (first_seen, _), (second_seen, _) = one.reset(seed=0), two.reset(seed=0)
    starts = one.controller.model.scenario.calendar.start[one.controller.state.row]
    assert len(set(starts.tolist())) > 1
    actions = np.zeros((16, 4, 2), np.float32)
    for _ in range(48):
        np.testing.assert_array_equal(first_seen, second_seen)
        first_seen, rewards, _, _, infos = one.step(actions)
        second_seen, other_rewards, *_, other_infos = two.step(actions)
        np.testing.assert_array_equal(rewards, other_rewards)
    np.testing.assert_array_equal(infos["final_obs"], other_infos["final_obs"])


def test_the_last_start_leaves_room_for_the_interval_after_the_episode_and_for_forecasts() -> None:
    overrides = {"episode.first_day": "2013-01-15", "episode.last_day": "2013-01-18"}
    for forecast, expected in ((None, [15, 16, 17]), ({"kind": "persistence", "horizon": 4}, [16, 17])):
        config = load_config(None, {**overrides, "scenario.forecast": forecast})
        controller = build_controller(config, container=homes(12, 9), num_markets=200)
        controller.reset(seed=0)
        start = controller.model.scenario.calendar.start[controller.state.row]
        days = start.astype("datetime64[D]").astype(object)
        assert sorted({day.day for day in days.tolist()}) == expected


def test_synthetic_homes_of_a_pool_are_those_of_the_whole_community() -> None:
    config = load_config(
        None, {**SMALL, "street.pool": ["4-6", 21], "episode.first_day": "2012-07-05", "episode.last_day": "2012-07-08"}
    )
    container, whole = load_data(config), synthetic_community(30, days=20)
    assert container.customer_ids == ("4", "5", "6", "21")
    rows = slice(4 * 48, 8 * 48)
    np.testing.assert_array_equal(container.demand, whole.demand[rows][:, [3, 4, 5, 20]])
    np.testing.assert_array_equal(container.pv, whole.pv[rows][:, [3, 4, 5, 20]])
    np.testing.assert_array_equal(container.pv_capacity, whole.pv_capacity[[3, 4, 5, 20]])
    assert str(container.calendar.start[0]) == "2012-07-05T00:00"
    assert select_data(config, container) is container, "what is cut already stays as it is"
    assert select_data(config, whole).customer_ids == container.customer_ids


def test_runs_stay_in_the_span() -> None:
    settings = {**SMALL, "episode.first_day": "2012-07-05", "episode.last_day": "2012-07-07", "run.days": None}
    results = p2p_market.run(overrides=settings)
    starts = results.intervals["start"]
    assert (starts.min(), starts.max()) == (dt.datetime(2012, 7, 5), dt.datetime(2012, 7, 7, 23, 30))


def test_all_and_fixed_households_are_those_of_the_pool() -> None:
    for households in ("all", "fixed"):
        config = load_config(None, {"street.pool": ["home 0", "home 2"], "households": households, "num_households": 2})
        controller = build_controller(config, container=homes())
        assert controller.model.data_container.customer_ids == ("home 0", "home 2")


def test_a_range_is_written_back_as_it_was_given() -> None:
    config = load_config(None, {"street.pool": "1-180"})
    assert config.street.pool == ("1-180",)
    assert "- 1-180\n" in dump_config(config)


CONFIG_ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"street.pool": []}, "nobody is in it; name households, or ranges of numbers such as 1-180"),
    ({"street.pool": ["9-3"]}, "the range '9-3' ends before it begins; write it as 3-9"),
    ({"street.pool": ["1-4", 3]}, "household '3' is in it twice; name each once"),
    ({"street.pool": {"a": 1}}, "street.pool: given {'a': 1}; expected a list"),
    (
        {"street.pool": ["1-4"], "households": ["4", "5"]},
        "households names 5, and pool does not have them; leave one of the two out",
    ),
    (
        {"episode.first_day": "2013-01-02", "episode.last_day": "2013-01-01"},
        "first_day is 2013-01-02, and last_day 2013-01-01 is before it; exchange them",
    ),
    (
        {"episode.first_day": "2013-01-02", "episode.start": "2013-01-01 12:00"},
        "start is 2013-01-01 12:00:00, outside of first_day 2013-01-02 to last_day null; move one of them",
    ),
    ({"episode.last_day": "soon"}, "episode.last_day: given 'soon'; "),
]


@pytest.mark.parametrize(("overrides", "text"), CONFIG_ERRORS, ids=[str(given) for given, _ in CONFIG_ERRORS])
def test_wrong_pools_and_days(overrides: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(None, overrides)
    assert text in str(caught.value)


DATA_ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"street.pool": ["29-35"]}, "street.pool: 31, 32, 33 and 2 more not in the data, which has 30 households: 1, 2,"),
    (
        {"episode.first_day": "2013-01-02"},
        "episode.first_day 2013-01-02 to last_day null: the data has no interval then; it runs from 2012-07-01",
    ),
    ({"episode.last_day": "2012-06-30"}, "the data has no interval then; it runs from 2012-07-01 to 2012-07-20"),
    (
        {"episode.first_day": "2012-07-03", "episode.last_day": "2012-07-03"},
        "no stretch of 49 intervals without a gap or a change of clock in the data (48 intervals from 2012-07-03T00:00",
    ),
]


@pytest.mark.parametrize(("overrides", "text"), DATA_ERRORS, ids=[str(given) for given, _ in DATA_ERRORS])
def test_pools_and_days_that_the_data_does_not_have(overrides: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError) as caught:
        build_controller(load_config(None, {**SMALL, **overrides}))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("chosen", "text"),
    [
        ([0], "homes: there is no home 0; a community of 5 has 1 to 5"),
        ([6], "homes: there is no home 6"),
        ([], "homes: expected at least one home, and each of them once"),
        ([2, 2], "homes: expected at least one home, and each of them once"),
    ],
)
def test_wrong_homes_of_a_community(chosen: list[int], text: str) -> None:
    with pytest.raises(DataError) as caught:
        synthetic_community(5, days=1, homes=chosen)
    assert text in str(caught.value)
