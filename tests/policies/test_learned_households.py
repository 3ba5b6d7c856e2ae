"""Learned policies as households among others: what they play, on which streets, and where they do not fit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from networks import policy_of
from streets import homes, street_vector_env

import p2p_market
from p2p_market.build import build_controller
from p2p_market.comparison import compare
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError, UnknownNameError
from p2p_market.learned import load_policy
from p2p_market.policies.planners import Planning

DATA = homes(12, 4)
BATTERY = {"devices": {"battery": {"share": 0.75, "owners": "all", "capacity_kwh": 6.0, "power_kw": 3.0}}}
STREETS: dict[str, dict[str, Any]] = {
    "price and quantity": {},
    "price alone": {"action": "price"},
    "a battery too": {"action": "price_quantity_storage", "overrides": BATTERY},
    "all devices": {"action": "full_devices", "overrides": BATTERY},
    "a choice": {"action": "discrete_price"},
    "choices, a battery too": {"action": "multi_discrete_storage", "overrides": BATTERY},
    "two bidding rounds": {"action": "price_concession", "overrides": {"market.rounds": 2}, "mechanism": "continuous"},
    "the book": {"observation": "order_book"},
    "other scales": {"overrides": {"scenario.reference_power_kw": 4.0}},
    "more than there is": {"overrides": {"market.settlement": "imbalance", "market.max_quote_ratio": 2.0}},
}


def followers_of(policy: Any, num_households: int = 4, num_markets: int = 2, **keywords: Any) -> Any:
    """A controller in which all households follow a policy."""
    overrides = {"num_households": num_households, **keywords.pop("overrides", {}), **keywords}
    config = load_config(None, overrides)
    return build_controller(config, container=DATA, num_markets=num_markets, learners_follow=policy)


def seen_in(controller: Any) -> np.ndarray:
    """Limit prices, quantities, fills and bills (4, B, N) of the last interval."""
    last = controller.transition
    return np.stack([last.orders.price, last.orders.quantity, last.clearing.filled, last.settlement.bill])


def play(controller: Any, intervals: int = 40) -> np.ndarray:
    """What happens (T, 4, B, N) in the first intervals, without learners."""
    controller.reset(seed=3)
    seen = []
    for _ in range(intervals):
        controller.run_auction(None)
        seen.append(seen_in(controller))
    return np.stack(seen)


def steer(env: Any, policy: Any, intervals: int = 40) -> np.ndarray:
    """The same, all learners steered by a policy."""
    observations, _ = env.reset(seed=3)
    seen = []
    for _ in range(intervals):
        observations, *_ = env.step(policy(observations))
        seen.append(seen_in(env.controller))
    return np.stack(seen)


@pytest.mark.parametrize("street", list(STREETS))
def test_who_follows_plays_as_a_learner_that_is_steered_by_it(street: str) -> None:
    keywords = STREETS[street]
    env = street_vector_env(2, 4, DATA, **keywords)
    policy = policy_of(env, seed=4, head="choice" if env.controller.model.scenario.action_map.levels else "tanh")
    found = play(followers_of(policy, **{**keywords, "overrides": dict(keywords.get("overrides", {}))}))
    np.testing.assert_array_equal(found, steer(env, policy))
    assert len(np.unique(found[:, 0])) > 5  # prices of their own
    assert np.abs(found[:, 1]).sum() > 0.0


@pytest.mark.parametrize("storage", ["idle", "self_consumption", "selfish_optimal"])
def test_some_learn_and_others_follow(tmp_path: Path, storage: str) -> None:
    keywords: dict[str, Any] = {"action": "price_quantity_storage", "overrides": BATTERY}
    env = street_vector_env(2, 4, DATA, **keywords)
    file = policy_of(env).save(tmp_path / "run" / "best.npz")
    policy = load_policy(file)
    population = {"population.learners": ["household_1"], "population.scripted": str(file), "storage": storage}
    alone = street_vector_env(2, 4, DATA, **{**keywords, "overrides": BATTERY | population})
    one, _ = alone.reset(seed=5)
    all_of_them, _ = env.reset(seed=5)
    rng = np.random.default_rng(0)
    for _ in range(30):
        action = rng.uniform(-1.0, 1.0, (2, 1, 3)).astype(np.float32)
        together = policy(all_of_them)
        together[:, [1]] = action
        np.testing.assert_array_equal(one, all_of_them[:, [1]])
        all_of_them, *_, infos = env.step(together)
        one, *_, own = alone.step(action)
        np.testing.assert_array_equal(own["bill"], infos["bill"][:, [1]])


def test_batteries_that_it_does_not_steer_follow_the_storage_rule() -> None:
    policy = policy_of(street_vector_env(1, 4, DATA))
    still, ruled = (
        play(followers_of(policy, overrides=BATTERY | {"population.storage": rule}))
        for rule in ("idle", "self_consumption")
    )
    assert not np.array_equal(still, ruled)
    steering = policy_of(street_vector_env(1, 4, DATA, action="price_quantity_storage", overrides=BATTERY))
    still, ruled = (
        play(followers_of(steering, overrides=BATTERY | {"population.storage": rule}))
        for rule in ("idle", "self_consumption")
    )
    np.testing.assert_array_equal(still, ruled)


def test_planners_leave_out_the_batteries_that_a_learned_policy_steers() -> None:
    policy = policy_of(street_vector_env(1, 4, DATA, action="price_quantity_storage", overrides=BATTERY))
    config = load_config(None, BATTERY | {"num_households": 4, "population.storage": "optimal"})
    follow = [policy, "truthful", "truthful", policy]
    rule, alone = (
        build_controller(config, container=DATA, learners_follow=followed).storage_rule
        for followed in (follow, "truthful")
    )
    assert isinstance(rule, Planning)
    assert isinstance(alone, Planning)
    expected = alone._steered["battery"] & [False, True, True, False]
    np.testing.assert_array_equal(rule._steered["battery"], expected)
    assert expected.any()


def test_it_sees_its_own_features_whatever_learners_see() -> None:
    policy = policy_of(street_vector_env(1, 4, DATA, observation="order_book"))
    expected = play(followers_of(policy, observation="order_book"))
    np.testing.assert_array_equal(play(followers_of(policy, observation="private")), expected)
    blind = dataclasses.replace(policy, networks={"household": without_book(policy)})
    assert not np.array_equal(play(followers_of(blind)), expected)


def without_book(policy: Any) -> Any:
    network = policy.networks["household"]
    first = network.weights[0].copy()
    first[policy.features.index("best_bid") :] = 0.0
    return dataclasses.replace(network, weights=(first, *network.weights[1:]))


def test_its_numbers_are_multiples_of_its_own_scales() -> None:
    scaled = {"scenario.reference_power_kw": 4.0}
    policy = policy_of(street_vector_env(1, 4, DATA, overrides=scaled), head="tanh")
    expected = play(followers_of(policy, overrides=scaled))
    np.testing.assert_array_equal(play(followers_of(policy)), expected)
    other = dataclasses.replace(policy, reference_power_kw=10.0)
    assert not np.array_equal(play(followers_of(other)), expected)
    with pytest.raises(ConfigError, match=r"trained for other reference power \[kW\] than this street has: 4"):
        policy.check(street_vector_env(1, 4, DATA).controller)


@pytest.mark.parametrize("num_households", [2, 9])
def test_one_network_plays_streets_of_every_size(num_households: int) -> None:
    policy = policy_of(street_vector_env(1, 4, DATA))
    env = street_vector_env(2, num_households, DATA)
    at_home = policy.played_by(env.agents, env.controller.model.scenario.street.roles)
    at_home.check(env.controller)
    np.testing.assert_array_equal(play(followers_of(policy, num_households)), steer(env, at_home))


def test_networks_go_with_roles_or_with_names() -> None:
    env = street_vector_env(1, 5, DATA, agent_names="role")
    agents = tuple(env.agents)
    by_role = {role: tuple(name for name in agents if name.startswith(role)) for role in ("prosumer", "consumer")}
    policy = policy_of(env, by_role)
    named_by_role, by_number = (play(followers_of(policy, 7, agent_names=names)) for names in ("role", "household"))
    np.testing.assert_array_equal(named_by_role, by_number)
    swapped = dataclasses.replace(
        policy,
        networks={"prosumer": policy.networks["consumer"], "consumer": policy.networks["prosumer"]},
    )
    assert not np.array_equal(play(followers_of(swapped, 7)), by_number)
    assert [policy.group_of(name, "consumer") for name in ("prosumer_7", "prosumer_0", "household_3")] == [
        "consumer",
        "prosumer",
        "consumer",
    ]
    numbered = street_vector_env(1, 2, DATA)
    own = policy_of(numbered, {"household_0": ("household_0",), "household_1": ("household_1",)})
    play(followers_of(own, 2), 2)
    with pytest.raises(
        ConfigError,
        match=r"'random' has a network for each of household_0, household_1, and 'household_2', a consumer, is none",
    ):
        followers_of(own, 3, overrides={"street.pv_share": 0.5})


def test_mixes_shares_and_lists() -> None:
    env = street_vector_env(1, 4, DATA)
    policies = [policy_of(env, seed=seed) for seed in (0, 1)]
    controller = followers_of([policies[0], "truthful", policies[1], policies[0]])
    assert [slots.tolist() for _, slots in controller.population.learned] == [[0, 3], [2]]
    assert [slots.tolist() for _, slots in controller.population.scripted] == [[1]]
    play(controller, 2)
    with pytest.raises(ConfigError, match="3 policies are given, and 4 households would learn"):
        followers_of(["truthful"] * 3)


def test_a_file_is_a_policy_wherever_one_is_named(tmp_path: Path) -> None:
    file = policy_of(street_vector_env(1, 4, DATA)).save(tmp_path / "run" / "best.npz")
    for path in (file, file.with_suffix(""), file.parent):
        results = p2p_market.run(num_households=4, overrides={"run.days": 1, "run.policy": path})
        assert results.kpis["traded_kwh"] > 0.0
    mixed = {"run.policy": {str(file): 0.5, "truthful": 0.5}, "run.days": 1}
    found = p2p_market.run(num_households=4, overrides=mixed)
    assert found.kpis != results.kpis
    compared = compare(
        {
            "base": {"run": {"days": 1}},
            "populations": {"learned": str(file), "truthful": "truthful"},
            "mechanisms": ["uniform_price"],
            "sizes": [4, 6],
        }
    )
    saved = dict(compared.summary.select("population", "saving_dollars").iter_rows())
    assert saved["learned"] != saved["truthful"]


def test_evaluation_is_the_same_by_hand_and_by_file_and_on_streets_of_other_sizes(tmp_path: Path) -> None:
    policy = policy_of(p2p_market.make("storage10-v0", kind="vector"))
    file = policy.save(tmp_path / "best.npz")
    keywords: dict[str, Any] = {"references": False, "bounds": False, "episodes": 2}

    def by_hand(observations: Any) -> Any:
        return policy(observations)

    bills = [
        p2p_market.evaluate(player, "storage10-v0", **keywords).summary["bill_dollars"][0]
        for player in (policy, str(file), by_hand)
    ]
    assert bills[0] == bills[1] == bills[2]
    larger = p2p_market.evaluate(policy, "storage10-v0", overrides={"num_households": 15}, **keywords)
    assert larger.players["random"].num_households == 15
    with pytest.raises(
        ConfigError, match=r"storage is 'time_of_use', and the learned policy 'random . time_of_use' steers its b"
    ):
        p2p_market.evaluate(policy, "storage10-v0", storage="time_of_use", **keywords)
    bidder = policy_of(p2p_market.make("storage10-v0", kind="vector", overrides={"scenario.action": "price_quantity"}))
    ruled = p2p_market.evaluate(bidder, "storage10-v0", storage="time_of_use", **keywords)
    assert list(ruled.players) == ["random + time_of_use"]


def test_features_actions_and_devices_that_a_street_does_not_have() -> None:
    with_battery = street_vector_env(1, 4, DATA, action="price_quantity_storage", overrides=BATTERY)
    with pytest.raises(
        ConfigError, match=r"'random' sees features that this street does not have: .*battery.*give the street some"
    ):
        followers_of(policy_of(with_battery))
    plain = policy_of(street_vector_env(1, 4, DATA, observation=["net_load"], action="price"))
    forecasting = dataclasses.replace(plain, features=("net_load_forecast_3",))
    with pytest.raises(ConfigError, match="does not have: net_load_forecast_3; unknown feature"):
        followers_of(forecasting)
    blind = policy_of(
        street_vector_env(
            1, 4, DATA, action="price_quantity_storage", observation=["net_load", "retail_price"], overrides=BATTERY
        )
    )
    with pytest.raises(ConfigError, match="chooses 'battery power', and nobody on this street has a device of kind"):
        followers_of(blind)
    strange = dataclasses.replace(plain, components=("limit price", "mood"))
    with pytest.raises(ConfigError, match="has actions of limit price, mood, and no action map has these"):
        followers_of(strange)
    conceding = street_vector_env(
        1, 4, DATA, action="price_concession", mechanism="continuous", overrides={"market.rounds": 2}
    )
    with pytest.raises(ConfigError, match=r"moves from a first to a last bidding round, and market\.rounds is 1"):
        followers_of(policy_of(conceding))
    quoting = street_vector_env(1, 4, DATA, overrides={"market.settlement": "imbalance", "market.max_quote_ratio": 2.0})
    with pytest.raises(ConfigError, match=r"up to 2 times what there is to trade, and market\.max_quote_ratio is 1"):
        followers_of(policy_of(quoting))


def test_files_that_are_no_policy_are_told_when_the_configuration_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"population\.scripted: .*runs/none/best: no learned policy is there"):
        load_config(None, {"population.scripted": "runs/none/best"})
    broken = tmp_path / "best.npz"
    broken.write_bytes(b"nothing")
    with pytest.raises(ConfigError, match=r"run\.policy.*best\.npz is not a learned policy, or is broken"):
        load_config(None, {"run.policy": {str(broken): 0.5, "truthful": 0.5}})
    with pytest.raises(ConfigError, match="unknown policy 'truthfull'; did you mean 'truthful'"):
        load_config(None, {"run.policy": "truthfull"})
    with pytest.raises((ConfigError, UnknownNameError), match="unknown policy"):
        load_config(None, {"population.options": {str(broken): {}}})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda _: {"head": "sigmoid"}, "its head is 'sigmoid'; expected one of clip, tanh, soft_tanh, choice"),
        (lambda policy: {"agents": policy.agents[:3]}, "its groups are not its agents"),
        (lambda policy: {"features": policy.features[:3]}, "expected 3 features in and 2 numbers out"),
        (lambda policy: {"components": policy.components[:1]}, "expected 15 features in and 1 numbers out"),
        (
            lambda policy: {
                "networks": {
                    "household": dataclasses.replace(
                        policy.networks["household"], biases=(np.full(7, np.nan), np.zeros(2))
                    )
                }
            },
            "has weights that are not numbers",
        ),
    ],
)
def test_files_whose_parts_do_not_fit_together(tmp_path: Path, change: Any, what: str) -> None:
    policy = policy_of(street_vector_env(1, 4, DATA))
    file = dataclasses.replace(policy, **change(policy)).save(tmp_path / "best.npz")
    with pytest.raises(ConfigError, match=f"is not a learned policy, or is broken: .*{what}"):
        load_policy(file)
