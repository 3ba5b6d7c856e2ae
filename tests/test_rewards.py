"""Rewards that look beyond the own bill, and shaping: hand-made cases, sums, and what cannot be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streets import random_batch, street_vector_env

from p2p_market.errors import ConfigError
from p2p_market.social_rewards import distances_to_others

BATTERY: dict[str, Any] = {
    "devices": {"battery": {"share": 0.5, "capacity_kwh": 4.0, "power_kw": 2.0}},
    "action": "price_quantity_storage",
}


def steps(**overrides: Any) -> Any:
    """Transitions and infos of a day of random actions in two markets of five."""
    env = street_vector_env(2, 5, overrides=overrides)
    env.reset(seed=1)
    rng = np.random.default_rng(1)
    for _ in range(48):
        _, rewards, _, _, infos = env.step(random_batch(env, rng))
        yield env.controller.transition, rewards, infos


@pytest.mark.parametrize("street", [{}, BATTERY], ids=["plain", "batteries"])
def test_shares_of_the_community_add_up_to_its_saving(street: dict[str, Any]) -> None:
    fee = {"trading_fee_dollars_per_kwh": 0.02, "network_fee_dollars_per_kwh": 0.01}
    for transition, _, infos in steps(**street, **fee, **{"reward.name": "community_saving"}):
        settlement, clearing = transition.settlement, transition.clearing
        device_cost = 0.0 if transition.dispatch is None else transition.dispatch.cost.sum(axis=1)
        cost = settlement.bill.sum(axis=1) + device_cost - clearing.operator_surplus
        saving = transition.default_bill.sum(axis=1) - cost
        np.testing.assert_allclose(infos["community_saving"].sum(axis=1), saving, atol=1e-12)
        assert (infos["community_saving"] == infos["community_saving"][:, :1]).all()


def test_a_blend_goes_from_the_own_to_the_common_saving() -> None:
    both = [
        list(steps(**{"reward.name": "blend", "reward.options": {"own_weight": weight}})) for weight in (0.0, 0.25, 1.0)
    ]
    shared = list(steps(**{"reward.name": "community_saving"}))
    own = list(steps(**{"reward.name": "bill_saving"}))
    for (_, none, _), (_, some, _), (_, whole, _), (_, together, _), (_, alone, _) in zip(
        *both, shared, own, strict=True
    ):
        np.testing.assert_allclose(none, together, atol=1e-6)
        np.testing.assert_allclose(whole, alone, atol=1e-6)
        np.testing.assert_allclose(some, 0.25 * alone + 0.75 * together, atol=1e-6)


def test_distances_to_others_by_hand() -> None:
    behind, ahead = distances_to_others(np.array([[3.0, 1.0, 1.0, 0.0]]))
    assert behind.tolist() == [[0.0, 2.0, 2.0, 5.0]]
    assert ahead.tolist() == [[7.0, 1.0, 1.0, 0.0]]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=9))
def test_distances_to_others_against_a_loop(values: list[float]) -> None:
    behind, ahead = distances_to_others(np.array([values]))
    for place, own in enumerate(values):
        assert behind[0, place] == pytest.approx(sum(max(other - own, 0.0) for other in values), abs=1e-9)
        assert ahead[0, place] == pytest.approx(sum(max(own - other, 0.0) for other in values), abs=1e-9)


def test_inequity_aversion_is_the_published_formula() -> None:
    options = {"reward.name": "inequity_averse", "reward.options": {"envy": 0.8, "guilt": 0.3}, "reward.scale": 1.0}
    for transition, rewards, _ in steps(**options):
        saving = transition.default_bill - transition.settlement.bill
        gap = saving[:, None, :] - saving[:, :, None]  # what the second has more than the first
        expected = saving - (0.8 * np.maximum(gap, 0.0) + 0.3 * np.maximum(-gap, 0.0)).sum(axis=2) / 4
        np.testing.assert_allclose(rewards, expected, atol=1e-6)


def test_the_street_pays_for_its_peak_and_those_who_need_energy_bear_it() -> None:
    peaks = 0
    options = {"dollars_per_kwh": 2.0, "free_kwh_per_household": 0.2}
    for transition, _, infos in steps(**{"reward.name": "peak_penalty", "reward.options": options}):
        net_load, penalty = transition.before.net_load, infos["peak_penalty"]
        for market in range(2):
            beyond = max(net_load[market].sum() - 1.0, 0.0)
            assert penalty[market].sum() == pytest.approx(-2.0 * beyond, abs=1e-12)
            assert (penalty[market][net_load[market] <= 0.0] == 0.0).all()
            peaks += beyond > 0.0
    assert 0 < peaks < 96


@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_shaping_adds_up_to_the_potential_of_the_start_whatever_is_done(gamma: float) -> None:
    env = street_vector_env(2, 5, overrides=BATTERY | {"reward.shaping": {"gamma": gamma}})
    rng = np.random.default_rng(0)
    scenario = env.controller.model.scenario
    batteries = scenario.fleet.devices["battery"]
    start = batteries.initial * batteries.discharge_efficiency * scenario.fleet.off_peak_price  # type: ignore[attr-defined]  # a battery
    for _ in range(2):
        env.reset()
        total, moved = np.zeros((2, 5)), 0.0
        for interval in range(48):
            _, rewards, *_, infos = env.step(random_batch(env, rng))
            total += gamma**interval * infos["shaping"]
            moved = max(moved, float(np.abs(infos["shaping"]).max()))
            parts = infos["trading_gain"] + infos["flexibility_gain"] + infos["shaping"]
            np.testing.assert_allclose(rewards, 3.0 * parts, atol=1e-5)
        np.testing.assert_allclose(total, np.broadcast_to(-start, (2, 5)), atol=1e-12)
        assert moved > 0.05


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"reward.options": {"weight": 1}}, "reward 'bill_saving' takes no option 'weight'; its options are: none"),
        (
            {"reward.name": "blend", "reward.options": {"own": 1}},
            "reward 'blend' takes no option 'own'.*its options are: own_weight",
        ),
        (
            {"reward.name": "blend", "reward.options": {"own_weight": 2}},
            "reward 'blend': own_weight is 2; expected a share from 0 to 1",
        ),
        (
            {"reward.name": "inequity_averse", "reward.options": {"guilt": 0.7}},
            "envy is 0.5 and guilt is 0.7; expected 0 <= guilt <= envy and guilt below 1",
        ),
        (
            {"reward.name": "peak_penalty", "reward.options": {"dollars_per_kwh": -1}},
            "dollars_per_kwh is -1; expected 0 or more",
        ),
        ({"reward.name": "peak_penalty", "reward.options": {"dollars_per_kwh": "a"}}, "is 'a'; expected a number"),
        (
            {"reward.shaping": {}},
            "reward.shaping.potential 'stored_energy' is about a device, battery, and nobody on this street has one",
        ),
        (
            {"reward.shaping": {"potential": "stored"}},
            "reward.shaping.potential: .*unknown potential 'stored'; did you mean 'stored_energy'",
        ),
    ],
)
def test_what_cannot_be_is_an_error_at_load(overrides: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        street_vector_env(1, 5, overrides=overrides)
