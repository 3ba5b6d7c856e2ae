"""Streets at the edge of what makes sense, and uses at the edge of what is reasonable."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from streets import homes, street_env, street_vector_env

import p2p_market
from p2p_market.data.calendar import Calendar
from p2p_market.data.container import DataContainer
from p2p_market.errors import ActionError, ConfigError, DataError, EpisodeError


def play(data: DataContainer | None = None, num_households: int = 6, **overrides: Any) -> float:
    """Energy traded in an episode of random actions [kWh]; observations and rewards are checked on the way."""
    env = street_env(num_households, data, overrides={k.replace("__", "."): v for k, v in overrides.items()})
    rng = np.random.default_rng(0)
    observations, _ = env.reset(seed=0)
    traded, steps = 0.0, 0
    while env.agents:
        assert all(env.observation_space(agent).contains(values) for agent, values in observations.items())
        actions = {agent: rng.uniform(-1, 1, env.action_space(agent).shape or ()) for agent in env.agents}
        observations, rewards, _, _, infos = env.step(actions)
        assert np.isfinite(list(rewards.values())).all()
        traded += sum(abs(info["filled"]) for info in infos.values()) / 2
        steps += 1
    assert steps == env.max_cycles
    assert all(env.observation_space(agent).contains(values) for agent, values in observations.items())
    return traded


def flat_homes(num_intervals: int, num_homes: int = 3, start: str = "2013-01-14", **keywords: Any) -> DataContainer:
    calendar = Calendar.regular(start, num_intervals, **keywords)
    return DataContainer.from_arrays(np.ones((num_intervals, num_homes)), calendar=calendar)


@pytest.mark.parametrize(
    ("overrides", "trades"),
    [
        ({"street__pv_share": 0}, False),
        ({"street__pv_share": 1}, True),
        ({"num_intervals": 1}, False),
        ({"num_intervals": 191}, True),
        ({"energy_unit_wh": 0.1}, True),
        ({"energy_unit_wh": 1e-4}, True),
        ({"energy_unit_wh": 100}, True),
        ({"energy_unit_wh": 1000}, False),
        ({"price_tick_dollars_per_kwh": None}, True),
        ({"price_tick_dollars_per_kwh": 1e-9}, True),
        ({"price_tick_dollars_per_kwh": 1}, False),
        ({"trading_fee_dollars_per_kwh": 1e9}, False),
        ({"trading_fee_share_of_price": 0.999, "buyer_share_of_fees": 0.0}, False),
        ({"reference_power_kw": 1e-300}, True),
        ({"reference_power_kw": 1e300}, True),
        ({"reward__scale": -1e300}, True),
        ({"reward__scale": 0}, True),
        ({"reward__weights": {"trading_gain": 0}}, True),
        ({"pv_capacity_kw": 1e9}, True),
        ({"pv_capacity_kw": 1e-9}, False),
        ({"observation": ["last_price"]}, True),
        ({"observation": ["demand"]}, True),
        ({"seed": 10**30}, True),
        ({"tariff__plan": {"flat": 1.0, "agl_time_of_use": 0.0}}, True),
    ],
    ids=str,
)
def test_extreme_settings_play(overrides: dict[str, Any], trades: bool) -> None:
    assert (play(**overrides) > 0.0) == trades


@pytest.mark.parametrize("num_households", [1, 2, 60])
def test_any_number_of_households_plays(num_households: int) -> None:
    assert (play(num_households=num_households) > 0.0) == (num_households > 1)


@pytest.mark.parametrize("interval_minutes", [5, 6, 10, 15, 20, 60])
def test_any_length_of_interval_plays(interval_minutes: int) -> None:
    data = homes(12, 2, interval_minutes=interval_minutes)
    env = street_env(6, data)
    assert env.max_cycles == 24 * 60 // interval_minutes
    # the power that counts as 1 does not depend on how long an interval is
    assert env.model.scenario.scales.energy == pytest.approx(10.0 * interval_minutes / 60)
    assert play(data) > 0.0


def test_homes_without_pv_and_without_demand_play() -> None:
    assert play(homes(pv_share=0.0)) == 0.0
    nothing = DataContainer.from_arrays(np.zeros((96, 3)), calendar=Calendar.regular("2013-01-14", 96))
    assert play(nothing, 3) == 0.0


def test_a_fixed_episode_may_end_with_the_data() -> None:
    assert play(num_intervals=192, episode__start="2013-01-14") > 0.0
    assert play(num_intervals=1, episode__start="2013-01-17 23:30") == 0.0
    assert play(flat_homes(1), 2, num_intervals=1, episode__start="2013-01-14") == 0.0
    with pytest.raises(DataError, match=r"no stretch of 193 intervals without a gap or a change of clock"):
        play(num_intervals=192)


def test_days_of_clock_change_are_played_when_named_or_allowed() -> None:
    around = homes(12, 3, start="2012-10-06")  # the clock is put forward on the 7th
    assert play(around, episode__start="2012-10-07") > 0.0
    assert play(around, skip_clock_changes=False, episode__days=2) > 0.0
    with pytest.raises(DataError, match=r"\(episode.skip_clock_changes: false takes days of clock change too\)$"):
        play(around, episode__days=2)


def test_random_episodes_start_at_midnight_where_they_can() -> None:
    env = street_vector_env(32, 2, flat_homes(48 * 4, start="2013-01-14 12:00"))
    env.reset(seed=0)
    hours = env.controller.model.scenario.calendar.hour[env.controller.state.row]
    assert (hours == 0.0).all()
    assert len(set(env.controller.state.row.tolist())) > 1
    assert play(flat_homes(49, start="2013-01-14 12:00"), 2) == 0.0  # the only day there is


def test_gaps_are_never_played_across() -> None:
    calendar = Calendar.regular("2013-01-14", 240)
    rows = np.r_[0:60, 70:240]
    data = DataContainer.from_arrays(np.ones((230, 3)), calendar=calendar.select(rows))
    env = street_vector_env(64, 2, data)
    env.reset(seed=0)
    starts = env.controller.state.row
    assert set(calendar.select(rows).day[starts].astype(str).tolist()) == {"2013-01-14", "2013-01-16", "2013-01-17"}
    with pytest.raises(DataError, match=r"the 96 intervals from 2013-01-14T00:00 have a gap; start elsewhere"):
        street_env(2, data, overrides={"episode.start": "2013-01-14", "episode.days": 2})


def test_readings_that_the_energy_unit_cannot_count_are_refused() -> None:
    data = DataContainer.from_arrays(np.full((96, 3), 2e6), calendar=Calendar.regular("2013-01-14", 96))
    with pytest.raises(
        ConfigError, match=r"of 1 Wh is too fine for readings of up to 2e[+]06 kWh; expected at least 2 Wh"
    ):
        street_env(2, data)
    assert play(data, 2, energy_unit_wh=10) == 0.0


def test_a_ragged_mask_is_a_clear_error() -> None:
    with pytest.raises(EpisodeError, match=r"reset\(mask=...\) is .*; expected 2 booleans"):
        street_vector_env(2).reset(mask=[[True], [True, False]])  # type: ignore[list-item]


@pytest.mark.parametrize("num_days", [0, 10**9])
def test_synthetic_data_has_a_length_that_fits_a_computer(num_days: int) -> None:
    with pytest.raises(ConfigError, match=r"data\.days: given"):
        p2p_market.parallel_env(overrides={"data.days": num_days})


def test_the_turn_based_environment_says_what_is_wrong_and_clips() -> None:
    env = p2p_market.env(data_container=homes(), num_households=2)
    with pytest.raises(AttributeError, match="agent_selection cannot be accessed before reset"):
        _ = env.agent_selection
    env.reset(seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the wrapper logs what it clips
        env.step(np.array([7.0, -7.0], np.float32))
    with pytest.raises(AssertionError, match="cannot take in a nan action"):  # PettingZoo's wrapper, at once
        env.step(np.array([np.nan, 0.0], np.float32))
    env.step(np.array([0.0, 0.0], np.float32))
    assert env.agent_selection == "household_0"


def test_numbers_that_are_hardly_numbers() -> None:
    env = street_env(2)
    env.reset(seed=0)
    env.step({"household_0": np.array([1e308, -1e308]), "household_1": np.array([5e-324, -0.0])})
    with pytest.raises(ActionError, match="action of 'household_1' is not an array of numbers: int too large"):
        env.step({"household_0": np.zeros(2), "household_1": [10**400, 0]})
    batch = street_vector_env(1, 2)
    batch.reset(seed=0)
    with pytest.raises(ActionError, match="actions are not an array of numbers: int too large"):
        batch.step([[[10**400, 0], [0, 0]]])  # type: ignore[arg-type]
