"""Storage rules that plan: what they reach in the market, what their bids say, and where they cannot play."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streets import homes, street_env, street_vector_env

from p2p_market.bounds import Episode
from p2p_market.bounds.street_plan import plan_street
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.controller import AuctionController
from p2p_market.devices.battery import Batteries, BatteryDesign
from p2p_market.errors import ConfigError, MissingExtraError
from p2p_market.metrics import gains_from_trade
from p2p_market.policies import BidView, as_callable
from p2p_market.policies.bidding import MarginalValue
from p2p_market.recorder import Recorder
from p2p_market.results import summarise
from p2p_market.run_bounds import bound_figures

NUM_INTERVALS = 36
MIXED = {"flat": 0.5, "agl_time_of_use": 0.5}
BATTERY = {"battery": {"owners": "all", "share": 0.7, "capacity_kwh": 4.0, "power_kw": 3.0}}


def controller_of(overrides: dict[str, Any], *, num_markets: int = 1, scripted: bool = True) -> AuctionController:
    config = load_config(overrides={"street": {"num_households": 5}, "devices": BATTERY, **overrides})
    return build_controller(
        config,
        container=homes(8, 4, seed=config.seed),
        num_markets=num_markets,
        horizon=NUM_INTERVALS,
        start=np.datetime64("2013-01-15", "m"),
        learners_follow=config.run.policy if scripted else None,
    )


def figures_of(overrides: dict[str, Any]) -> dict[str, float]:
    """Play a street by rules, and work out its key figures with the bounds."""
    controller = controller_of(overrides)
    recorder = Recorder(NUM_INTERVALS, *controller.get_size(), controller.model.scenario.fleet.devices)
    controller.reset(seed=1)
    for _ in range(NUM_INTERVALS):
        recorder.record(controller.run_auction(None).transition)
    return summarise(controller, recorder, gains_from_trade(recorder), bound_figures(controller, recorder))


@pytest.mark.parametrize("plan", ["agl_time_of_use", MIXED], ids=["one tariff", "two"])
@pytest.mark.parametrize("policy", ["truthful", "marginal_value"])
def test_the_plan_of_the_optimum_is_what_the_market_carries_out(plan: Any, policy: str) -> None:
    figures = figures_of({"population.storage": "optimal", "run.policy": policy, "tariff.plan": plan})
    # a watt-hour at most, of every battery and interval, at the highest price
    rounding = 0.001 * 0.6 * NUM_INTERVALS * 4
    assert figures["community_cost_dollars"] == pytest.approx(figures["optimal_plan_cost_dollars"], abs=rounding)
    assert figures["optimal_cost_dollars"] <= figures["community_cost_dollars"] + 1e-7
    if plan != MIXED:
        assert figures["value_captured"] == pytest.approx(1.0, abs=0.005)


@pytest.mark.parametrize("plan", ["agl_time_of_use", MIXED], ids=["one tariff", "two"])
def test_with_a_perfect_forecast_and_a_long_horizon_mpc_is_the_optimum(plan: Any) -> None:
    forecast = {"kind": "perfect", "horizon": NUM_INTERVALS}
    shared = {"tariff.plan": plan, "scenario.forecast": forecast}
    optimal, ahead, short = (
        figures_of({**shared, "population.storage": rule, **more})["community_cost_dollars"]
        for rule, more in (("optimal", {}), ("mpc", {}), ("mpc", {"scenario.forecast.horizon": 2}))
    )
    assert ahead == pytest.approx(optimal, rel=0.001)
    assert short > 1.01 * ahead


def test_with_one_tariff_planning_anew_in_every_interval_comes_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"tariff.plan": "agl_time_of_use", "scenario.forecast": {"kind": "perfect", "horizon": NUM_INTERVALS}}
    optimal = figures_of({**shared, "population.storage": "optimal"})["community_cost_dollars"]
    monkeypatch.setattr("p2p_market.policies.planners._Kept.holds", lambda *_: False)
    ahead = figures_of({**shared, "population.storage": "mpc"})["community_cost_dollars"]
    assert ahead == pytest.approx(optimal, rel=0.001)


def test_alone_and_without_a_market_the_selfish_plan_costs_what_its_bound_says() -> None:
    figures = figures_of({"population.storage": "selfish_optimal", "run.policy": "grid_only", "tariff.plan": MIXED})
    rounding = 0.001 * 0.6 * NUM_INTERVALS * 4
    assert figures["community_cost_dollars"] == pytest.approx(figures["selfish_cost_dollars"], abs=rounding)
    forecast = {"kind": "perfect", "horizon": NUM_INTERVALS}
    ahead = figures_of(
        {
            "population.storage": "selfish_mpc",
            "run.policy": "grid_only",
            "tariff.plan": MIXED,
            "scenario.forecast": forecast,
        }
    )
    assert ahead["community_cost_dollars"] == pytest.approx(figures["selfish_cost_dollars"], abs=2.0 * rounding)


def test_the_value_of_a_stored_kwh_is_what_one_more_saves() -> None:
    rng = np.random.default_rng(3)
    hours, designs = 24, [BatteryDesign(wear_dollars_per_kwh=0.01, self_discharge_per_hour=0.01)]
    retail = np.repeat(np.where(np.arange(hours) > 15, 0.5, 0.2)[:, None], 3, axis=1)
    batteries = Batteries.of_designs(designs, np.array([0, 0, -1]), 1.0, 1000)
    episode = Episode(rng.normal(0.5, 1.0, (hours, 3)), retail, 0.2 * retail, batteries, np.full(3, 0.2))
    plan = plan_street(episode, trade=True)
    more = Episode(
        episode.net_load,
        retail,
        episode.feed_in_price,
        batteries,
        np.full(3, 0.2),
        start=batteries.initial + np.array([0.01, 0.0, 0.0]),
    )
    saved = (plan.objective - plan_street(more, trade=True).objective) / 0.01
    # what is stored before the first interval loses by it what self-discharge takes
    of_batteries = plan.devices["battery"]
    np.testing.assert_array_equal(of_batteries.device.owners, [0, 1])
    assert of_batteries.value[0, 0] * batteries.retention[0] == pytest.approx(saved, rel=1e-6)


def test_bids_say_what_the_plan_says_within_the_own_tariff() -> None:
    controller = controller_of({"population.storage": "optimal", "tariff.plan": "flat"})
    controller.reset(seed=1)
    rules = controller.operator.rules
    view = BidView(
        net_load=np.array([[1.0, 1.0, 1.0, -1.0, -1.0, -1.0]]),
        retail_price=np.full((1, 6), 0.3),
        feed_in_price=np.full((1, 6), 0.1),
        price_low=np.full((1, 1), 0.1),
        price_high=np.full((1, 1), 0.3),
        published_price=np.zeros((1, 1)),
        published_volume=np.zeros((1, 1)),
        rules=rules,
        households=np.arange(6),
        draws=np.empty((1, 0, 1)),
        planned_worth=np.array([[0.2, 0.9, np.nan, 0.2, 0.0, np.nan]]),
    )
    price, quantity = MarginalValue().bid(view, {})
    tick = rules.price_tick or 0.0
    np.testing.assert_allclose(price, [[0.2 + tick, 0.3, 0.3, 0.2 - tick, 0.1, 0.1]])
    np.testing.assert_array_equal(quantity, view.net_load)


def test_whoever_learns_steers_the_own_battery_and_the_plan_the_others() -> None:
    overrides = {
        "population": {"learners": 2, "storage": "optimal"},
        "scenario.action": "price_storage",
        "tariff.plan": MIXED,
    }
    controller = controller_of(overrides, num_markets=2, scripted=False)
    batteries = controller.model.scenario.fleet.devices["battery"]
    controller.reset(seed=4)
    learners = controller.population.learners
    moved = np.zeros(controller.get_size())
    for _ in range(NUM_INTERVALS):
        transition = controller.run_auction(np.zeros((2, 2, 2))).transition
        assert transition.dispatch is not None
        moved += np.abs(transition.dispatch.moves["battery"].energy)
    assert (moved[:, learners] == 0.0).all()
    others = batteries.owners.copy()
    others[learners] = False
    assert others.any()
    assert (moved[:, others] > 0.0).all()


@pytest.mark.parametrize("rule", ["optimal", "mpc"])
def test_a_market_of_a_batch_is_planned_as_if_it_were_alone_and_anew_after_a_reset(rule: str) -> None:
    overrides = {
        "population": {"learners": 1, "storage": rule},
        "scenario.forecast": {"kind": "noisy", "horizon": 4},
        "scenario.action": "price",
        "tariff.plan": MIXED,
    }

    def played(num_markets: int, num_intervals: int = 10) -> list[np.ndarray]:
        controller = controller_of(overrides, num_markets=num_markets, scripted=False)
        controller.reset(seed=5)
        stored = []
        for interval in range(num_intervals):
            if interval == 4:
                controller.reset(mask=np.arange(num_markets) == 0)
            controller.run_auction(np.zeros((num_markets, 1, 1)))
            stored.append(controller.state.devices["battery"]["stored"].copy())
        return stored

    alone, together = played(1), played(3)
    for one, three in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one[0], three[0])
    assert not np.array_equal(together[-1][0], together[-1][1])


def test_planners_are_neighbours_in_either_environment() -> None:
    overrides = {
        "population": {"learners": 1, "storage": "mpc", "scripted": "marginal_value"},
        "devices": BATTERY,
        "scenario.forecast": {"kind": "persistence", "horizon": 4},
    }
    env = street_env(4, overrides=overrides, max_cycles=3)
    env.reset(seed=1)
    while env.agents:
        env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    assert env.controller.state.elapsed[0] == 3
    batch = street_vector_env(2, 4, overrides=overrides)
    batch.reset(seed=1)
    batch.step(np.zeros((2, 1, 2), dtype=np.float32))
    assert np.ptp(batch.controller.state.devices["battery"]["stored"]) > 0.0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"population.storage": "mpc"},
            r"population.storage: 'mpc' plans over forecasts, and there are none; set scenario.forecast",
        ),
        (
            {"population.storage": "idle", "run.policy": "marginal_value"},
            r"policy 'marginal_value' bids by the plan of a storage rule, and population.storage is 'idle'.*'mpc'",
        ),
        ({"population.storage": "optimum"}, r"optimum.*optimal"),
    ],
)
def test_where_a_plan_cannot_be_made_is_said_before_anything_is_played(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        controller_of(overrides)


def test_without_scipy_a_planner_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2p_market.policies.planners.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"the storage rule 'optimal' needs the package 'scipy'"):
        controller_of({"population.storage": "optimal"})


def test_a_policy_that_bids_by_a_plan_has_none_in_an_observation() -> None:
    with pytest.raises(ConfigError, match="bids by the plan of a storage rule, which no feature of an observation"):
        as_callable("marginal_value", street_env(4))


@pytest.mark.parametrize(
    ("rule", "unseen"),
    [("optimal", "meters of all neighbours"), ("mpc", "meters of all neighbours"), ("selfish_mpc", "efficiencies")],
)
def test_a_plan_cannot_be_made_from_an_observation(rule: str, unseen: str) -> None:
    with pytest.raises(ConfigError, match=rf"{unseen}.*which no observation shows; let it play as population.storage"):
        as_callable(rule, street_env(4))


def test_a_street_without_batteries_has_nothing_to_plan() -> None:
    figures = figures_of({"devices": {}, "population.storage": "optimal", "run.policy": "marginal_value"})
    truthful = figures_of({"devices": {}, "run.policy": "truthful"})
    assert figures["community_cost_dollars"] == truthful["community_cost_dollars"]
