"""Scripted households in a running market: their memory, its episodes, its random numbers, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from streets import assert_same, homes, random_batch, street_vector_env

import p2p_market
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.controller import AuctionController
from p2p_market.errors import ConfigError
from p2p_market.model import Transition
from p2p_market.policies import POLICIES

# who bids by a plan plays beside a storage rule that plans, see test_planners.py
WITHOUT_PLAN = [name for name, policy in POLICIES.items() if not policy.reads_plan]
EVERYBODY = {name: 1.0 / len(WITHOUT_PLAN) for name in WITHOUT_PLAN}
REMEMBER = [name for name, policy in POLICIES.items() if policy.learns]
MIXED_PLANS = {"flat": 0.5, "agl_time_of_use": 0.5}
CONFIGS = Path(__file__).parents[2] / "configs"


def controller_of(policy: str | dict[str, float], num_markets: int = 1, **overrides: Any) -> AuctionController:
    num_households = overrides.pop("num_households", 9)
    config = load_config(None, {"num_households": num_households, "tariff.plan": MIXED_PLANS, **overrides})
    return build_controller(config, container=homes(), num_markets=num_markets, learners_follow=policy)


def play(controller: AuctionController, num_intervals: int) -> list[Transition]:
    return [controller.run_auction(None).transition for _ in range(num_intervals)]


def orders_of(transitions: list[Transition], market: int = 0) -> list[np.ndarray]:
    return [
        np.stack([t.orders.price[market], t.orders.quantity[market], t.clearing.filled[market]]) for t in transitions
    ]


@pytest.mark.parametrize(("mechanism", "rounds"), [*((name, 1) for name in MECHANISMS), ("continuous", 3)])
def test_everybody_plays_in_every_market(mechanism: str, rounds: int) -> None:
    lot = 0.25 if MECHANISMS[mechanism].promises.unit_lots else None
    overrides = {"market.mechanism": mechanism, "market.lot_kwh": lot, "market.audit": True, "market.rounds": rounds}
    controller = controller_of(EVERYBODY, num_markets=2, **overrides)
    controller.reset(seed=3)
    for transition in play(controller, 48):
        state, orders, settlement = transition.before, transition.orders, transition.settlement
        assert np.isfinite(orders.price).all()
        wanted = np.abs(state.net_load)
        assert (orders.quantity * state.net_load >= 0.0).all()
        assert (np.abs(orders.quantity) <= wanted + 1e-9).all()
        traded = transition.clearing.filled + settlement.grid_import - settlement.grid_export
        if not MECHANISMS[mechanism].is_pool:
            np.testing.assert_allclose(traded, state.net_load, atol=1e-9)
            in_band = (orders.price >= state.price_low[:, None] - 1e-9) & (
                orders.price <= state.price_high[:, None] + 1e-9
            )
            assert (in_band | (orders.quantity == 0.0)).all()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_everybody_plays_by_the_rules_of_every_shipped_configuration(path: Path) -> None:
    sections = yaml.safe_load(path.read_text(encoding="utf-8"))
    market = sections.get("market", sections.get("base", {}).get("market", {}))
    controller = controller_of(EVERYBODY, **{f"market.{key}": value for key, value in market.items()})
    controller.reset(seed=0)
    traded = sum(transition.clearing.traded[0] for transition in play(controller, 48))
    assert (traded > 0.0) == (controller.operator.rules.mechanism != "grid_only")


@pytest.mark.parametrize("name", WITHOUT_PLAN)
def test_a_market_of_a_batch_is_the_market_alone(name: str) -> None:
    batch, alone = controller_of(name, num_markets=3), controller_of(name)
    for controller in (batch, alone):
        controller.reset(seed=5)
    together, single = play(batch, 30), play(alone, 30)
    assert_same(orders_of(together), orders_of(single))
    rounds = {"market.mechanism": "continuous", "market.rounds": 2}
    batch, alone = controller_of(name, num_markets=3, **rounds), controller_of(name, **rounds)
    for controller in (batch, alone):
        controller.reset(seed=5)
    assert_same(orders_of(play(batch, 10)), orders_of(play(alone, 10)))
    if name not in ("grid_only", "truthful"):
        assert any((t.orders.price[0] != t.orders.price[1]).any() for t in together)


@pytest.mark.parametrize("name", [name for name in WITHOUT_PLAN if name != "grid_only"])
def test_the_seed_decides(name: str) -> None:
    controller = controller_of(name, num_markets=2)
    runs = []
    for seed in (7, 7, 8):
        controller.reset(seed=seed)
        runs.append(orders_of(play(controller, 20)))
    assert_same(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("name", REMEMBER)
def test_a_new_episode_forgets_and_its_neighbours_do_not(name: str) -> None:
    controller, unbroken = controller_of(name, num_markets=3), controller_of(name, num_markets=3)
    for each in (controller, unbroken):
        each.reset(seed=1)
        play(each, 20)
    lived = [{key: values.copy() for key, values in memory.items()} for memory in controller.followers.memories]
    mask = np.array([False, True, False])
    controller.reset(mask=mask)
    for before, after in zip(lived, controller.followers.memories, strict=True):
        assert before.keys() == after.keys()
        for key in before:
            np.testing.assert_array_equal(after[key][~mask], before[key][~mask])
    begun = controller_of(name, num_markets=3)
    begun.reset(seed=1)
    forgotten, first = controller.followers.memories[0], begun.followers.memories[0]
    assert any((lived[0][key][1] != values[1]).any() for key, values in forgotten.items())
    if POLICIES[name].num_start_draws:  # a new episode draws a new temperament
        assert any((forgotten[key][1] != first[key][1]).any() for key in first)
    else:
        assert_same({key: values[1] for key, values in forgotten.items()}, {k: v[1] for k, v in first.items()})
    after = play(controller, 10), play(unbroken, 10)
    assert_same(orders_of(after[0], 0), orders_of(after[1], 0))
    assert_same(orders_of(after[0], 2), orders_of(after[1], 2))


def test_learners_and_every_policy_share_a_street() -> None:
    env = street_vector_env(
        2, 12, learners=3, max_cycles=6, overrides={"population.scripted": EVERYBODY, "tariff.plan": MIXED_PLANS}
    )
    rng = np.random.default_rng(0)
    env.reset(seed=0)
    for _ in range(13):  # through two automatic resets
        observations, *_ = env.step(random_batch(env, rng))
        assert np.isfinite(observations).all()


def test_a_policy_hands_back_new_arrays() -> None:
    for name in REMEMBER:
        controller = controller_of(name, num_markets=2)
        controller.reset(seed=0)
        play(controller, 10)
        kept = controller.followers.memories[0]
        copies = {key: values.copy() for key, values in kept.items()}
        play(controller, 5)
        for key, values in copies.items():
            np.testing.assert_array_equal(kept[key], values, err_msg=f"{name}: {key}")
        assert controller.followers.memories[0] is not kept


def test_who_is_filled_by_a_pool_learns_nothing_from_it() -> None:
    controller = controller_of("zip", **{"market.mechanism": "mid_market_rate"})
    controller.reset(seed=0)
    before = controller.followers.memories[0]
    play(controller, 5)
    assert controller.followers.memories[0] is before


def test_options_reach_the_policy_from_yaml_and_overrides(tmp_path: Path) -> None:
    path = tmp_path / "street.yaml"
    path.write_text("population:\n  options: {linear: {slope: 0.5}, zip: {margin: [0.2, 0.2]}}\n", encoding="utf-8")
    config = load_config(path, {"population.options.zip.relative_step": 0.1, "num_households": 9})
    controller = build_controller(config, container=homes(), learners_follow={"linear": 0.5, "zip": 0.5})
    chosen = {type(policy).__name__: policy.options for policy, _ in controller.population.scripted}
    assert chosen["Linear"] == {"slope": 0.5}
    assert chosen["Zip"]["margin"] == (0.2, 0.2)
    assert chosen["Zip"]["relative_step"] == 0.1
    assert POLICIES["linear"].options == {"slope": 0.1}
    assert load_config(config).digest == config.digest


def test_options_change_what_a_run_gives() -> None:
    overrides = {"data.num_homes": 8, "data.days": 8, "run.days": 1, "run.policy": "linear"}
    truthful = p2p_market.run(num_households=6, overrides={**overrides, "run.policy": "truthful"})
    straight = p2p_market.run(num_households=6, overrides={**overrides, "population.options.linear.slope": 0})
    steep = p2p_market.run(num_households=6, overrides={**overrides, "population.options": {"linear": {"slope": 0.4}}})
    assert straight.kpis == pytest.approx(truthful.kpis)
    assert steep.kpis["mean_price_dollars_per_kwh"] != truthful.kpis["mean_price_dollars_per_kwh"]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"zpi": {}}, "unknown policy 'zpi'; did you mean 'zip'"),
        ({"truthful": {"k": 1}}, "policy 'truthful' takes no option 'k'; its options are: none"),
        (
            {"linear": {"slop": 1}},
            "policy 'linear' takes no option 'slop'; did you mean 'slope'.; its options are: slope",
        ),
        ({"linear": {"slope": -1}}, "policy 'linear': slope is -1; expected a number from 0 to 1000"),
        ({"linear": {"slope": True}}, "policy 'linear': slope is True; expected a number from 0 to 1000"),
        ({"zip": {"margin": 0.1}}, "policy 'zip': margin is 0.1; expected two numbers from 0 to 1, the smaller first"),
        ({"zip": {"margin": [0.3, 0.1]}}, r"policy 'zip': margin is \[0.3, 0.1\]; expected two numbers from 0 to 1"),
        ({"gd": {"num_intervals": 0}}, "policy 'gd': num_intervals is 0; expected a whole number from 1 to 1000"),
        ({"gd": {"num_prices": 2.0}}, "policy 'gd': num_prices is 2.0; expected a whole number from 2 to 10000"),
        ({"adaptive_aggressive": {"theta": 3}}, "policy 'adaptive_aggressive': theta is 3; expected .* from -8 to 2"),
        (
            {"best_response": {"num_lots": "many"}},
            "policy 'best_response': num_lots is 'many'; expected a whole number",
        ),
    ],
)
def test_options_that_cannot_be_are_refused_when_the_configuration_is_read(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=f"population.*{text}"):
        load_config(None, {"population.options": options})
