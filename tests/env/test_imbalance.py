"""Trades as commitments: what is announced, what is metered, and what the difference costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streets import assert_same, homes, random_batch, street_env, street_vector_env

import p2p_market
from p2p_market.auction.imbalance import ImbalancePrices, undelivered
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError

DATA = homes(12, 12)
FORECAST = {"kind": "persistence", "horizon": 2}
COMMITTED = {"market.settlement": "imbalance", "scenario.forecast": FORECAST}
energies = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-3.0, 3.0))


def env_with(num_envs: int = 3, **overrides: Any) -> Any:
    return street_vector_env(num_envs, 6, DATA, overrides={**COMMITTED, **overrides})


def bill_by_hand(net_load: float, filled: float, retail: float, feed_in: float, short: float, long: float) -> float:
    """What the grid charges, one kWh after the other in words: first the trade, then the rest."""
    if filled >= 0.0:  # bought
        taken = min(max(net_load, 0.0), filled)
        left_over, more_needed, spare = filled - taken, max(net_load - filled, 0.0), max(-net_load, 0.0)
        return -left_over * long + more_needed * retail - spare * feed_in
    sold = -filled
    delivered = min(max(-net_load, 0.0), sold)
    lacking, more_to_sell, needed = sold - delivered, max(-net_load - sold, 0.0), max(net_load, 0.0)
    return lacking * short - more_to_sell * feed_in + needed * retail


@given(energies, energies, st.floats(1.0, 3.0), st.floats(0.0, 1.0))
@settings(deadline=None)
def test_the_bill_of_a_household_is_the_one_worked_out_in_words(
    net_load: float, filled: float, import_factor: float, export_factor: float
) -> None:
    retail, feed_in, low, high = 0.3, 0.1, 0.08, 0.4
    imbalance = undelivered(np.array([[net_load]]), np.array([[filled]]))
    extra = ImbalancePrices(import_factor, export_factor).extra_payment(
        imbalance, np.array([[retail]]), np.array([[feed_in]]), np.array([low]), np.array([high])
    )
    residual = net_load - filled
    at_tariff = residual * (retail if residual > 0.0 else feed_in)
    expected = bill_by_hand(net_load, filled, retail, feed_in, import_factor * high, export_factor * low)
    assert at_tariff + float(extra[0, 0]) == pytest.approx(expected, abs=1e-12)
    assert extra[0, 0] >= 0.0
    assert abs(float(imbalance[0, 0])) <= abs(filled) + 1e-15
    assert imbalance[0, 0] * filled <= 0.0


def test_a_seller_who_has_less_and_a_buyer_who_needs_less() -> None:
    net_load = np.array([[-0.6, 0.4, 0.5, -0.2, 2.0]])
    filled = np.array([[-1.0, 1.0, -0.3, 0.7, 1.0]])
    expected = [[0.4, -0.6, 0.3, -0.7, 0.0]]
    np.testing.assert_allclose(undelivered(net_load, filled), expected, atol=1e-15)


def test_households_see_a_forecast_and_the_meter_settles() -> None:
    env = env_with()
    observations, _ = env.reset(seed=0)
    scenario, scales = env.controller.model.scenario, env.controller.model.scenario.scales
    demand = env.controller.model.scenario.observer.column("demand")
    rng = np.random.default_rng(0)
    differs = False
    for _ in range(40):
        state = env.controller.state
        yesterday = scenario.read_meters(state.row - 48, state.profile)
        today = scenario.read_meters(state.row, state.profile)
        np.testing.assert_array_equal(state.net_load, yesterday[2])
        np.testing.assert_allclose(observations[..., demand], yesterday[0] / scales.energy, atol=1e-6)
        observations, _, _, _, infos = env.step(random_batch(env, rng))
        transition = env.controller.transition
        np.testing.assert_array_equal(transition.announced, yesterday[2])
        np.testing.assert_array_equal(transition.before.net_load, today[2])
        assert (np.abs(transition.orders.quantity) <= np.abs(yesterday[2]) + 1e-12).all()
        assert (transition.orders.quantity * yesterday[2] >= 0.0).all()
        np.testing.assert_array_equal(infos["imbalance"], undelivered(today[2], transition.clearing.filled))
        differs |= bool(infos["imbalance"].any())
    assert differs


@pytest.mark.parametrize("devices", [{}, {"battery": {"owners": "all", "power_kw": 2.0}}])
def test_energy_and_money_balance(devices: dict[str, Any]) -> None:
    plan = {"flat": 0.5, "agl_time_of_use": 0.5}
    env = env_with(
        4,
        devices=devices,
        **{
            "tariff.plan": plan,
            "market.max_quote_ratio": 2.0,
            "market.audit": True,
            "scenario.action": "price_quantity_storage" if devices else "price_quantity",
            "market.trading_fee_dollars_per_kwh": 0.01,
        },
    )
    env.reset(seed=1)
    rng, lacking, left_over, beyond = np.random.default_rng(1), 0, 0, 0
    for _ in range(47):
        env.step(random_batch(env, rng))
        transition = env.controller.transition
        before, clearing, settlement = transition.before, transition.clearing, transition.settlement
        metered = env.controller.model.scenario.read_meters(before.row, before.profile)
        energy = 0.0 if transition.dispatch is None else transition.dispatch.moves["battery"].energy
        np.testing.assert_allclose(before.net_load, metered[2] + energy, atol=1e-12)
        announced = transition.announced
        np.testing.assert_array_less(np.abs(transition.orders.quantity), 2.0 * np.abs(announced) + 1e-12)
        beyond += int((np.abs(transition.orders.quantity) > np.abs(announced) + 1e-9).sum())
        balance = clearing.filled + settlement.grid_import - settlement.grid_export
        np.testing.assert_allclose(balance, before.net_load, atol=1e-12)
        high, low = before.price_high[:, None], before.price_low[:, None]
        by_hand = np.vectorize(bill_by_hand)(
            before.net_load, clearing.filled, before.retail_price, before.feed_in_price, 1.25 * high, 0.75 * low
        )
        np.testing.assert_allclose(settlement.bill, clearing.payment + by_hand, atol=1e-12)
        to_grid = settlement.grid_payment + settlement.imbalance_payment
        np.testing.assert_allclose(
            settlement.bill.sum(axis=1), to_grid.sum(axis=1) + clearing.operator_surplus, atol=1e-9
        )
        lacking += int((settlement.imbalance > 0.0).sum())
        left_over += int((settlement.imbalance < 0.0).sum())
    assert lacking > 20
    assert left_over > 20
    assert beyond > 20


def test_with_perfect_forecasts_and_honest_quantities_nothing_changes() -> None:
    perfect = {**COMMITTED, "scenario.forecast": {"kind": "perfect", "horizon": 2}}
    committed = street_vector_env(2, 6, DATA, overrides=perfect)
    metered = street_vector_env(2, 6, DATA, overrides={"scenario.forecast": perfect["scenario.forecast"]})
    assert_same(committed.reset(seed=3)[0], metered.reset(seed=3)[0])
    rng = np.random.default_rng(3)
    for _ in range(48):
        actions = random_batch(committed, rng)
        first, second = committed.step(actions), metered.step(actions)
        assert_same(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])
        assert not first[4]["imbalance"].any()


def test_imbalance_prices_never_let_a_household_gain_by_what_it_cannot_deliver() -> None:
    """Whoever sells energy that it does not have pays at least the street's highest retail price for it."""
    env = env_with(
        8, **{"market.imbalance_import_factor": 1.0, "market.imbalance_export_factor": 1.0, "tariff.plan": {
            "flat": 0.5, "agl_time_of_use": 0.5}, "market.max_quote_ratio": 3.0}
    )  # fmt: skip
    env.reset(seed=5)
    rng = np.random.default_rng(5)
    for _ in range(47):
        env.step(random_batch(env, rng))
        transition = env.controller.transition
        settlement, clearing = transition.settlement, transition.clearing
        traded = np.where(clearing.filled != 0.0, clearing.unit_price, 0.0)
        lacking = np.maximum(settlement.imbalance, 0.0)
        left_over = np.maximum(-settlement.imbalance, 0.0)
        assert (lacking * (transition.before.price_high[:, None] - traded) >= -1e-12).all()
        assert (left_over * (traded - transition.before.price_low[:, None]) >= -1e-12).all()


def test_the_run_records_what_was_announced_and_what_it_cost() -> None:
    config = load_config(
        {"street": {"num_households": 6}, "run": {"days": 2, "start": "2012-07-08"}, "data": {"days": 30}},
        {**COMMITTED, "market.imbalance_import_factor": 2.0},
    )
    results = p2p_market.run(config)
    frame = results.households
    assert {"announced_kwh", "imbalance_kwh", "imbalance_payment_dollars"} <= set(frame.columns)
    kpis = results.kpis
    assert kpis["imbalance_kwh"] == pytest.approx(float(np.abs(frame["imbalance_kwh"].to_numpy()).sum()))
    assert kpis["imbalance_payment_dollars"] == pytest.approx(float(frame["imbalance_payment_dollars"].sum()))
    assert 0.0 < kpis["imbalance_kwh"] < kpis["forecast_error_kwh"]
    assert kpis["imbalance_payment_dollars"] > 0.0
    metered = p2p_market.run(config, overrides={"market.settlement": "metered"})
    assert "imbalance_kwh" not in metered.kpis
    assert "imbalance_kwh" not in metered.households.columns
    assert metered.kpis["community_cost_dollars"] < kpis["community_cost_dollars"]


def test_agents_are_told_their_imbalance() -> None:
    env = street_env(4, DATA, overrides=COMMITTED)
    _, infos = env.reset(seed=0)
    assert all(info["imbalance"] == 0.0 == info["imbalance_payment"] for info in infos.values())
    _, _, _, _, infos = env.step({agent: np.ones(2, dtype=np.float32) for agent in env.agents})
    assert all(isinstance(info["imbalance_payment"], float) for info in infos.values())


def test_a_market_depends_on_the_seed_and_its_place_alone() -> None:
    forecast = {"kind": "noisy", "horizon": 1, "error": 0.4}
    many, one = (env_with(num, **{"scenario.forecast": forecast}) for num in (5, 1))
    assert_same(many.reset(seed=2)[0][:1], one.reset(seed=2)[0])
    rng = np.random.default_rng(2)
    for _ in range(60):
        actions = random_batch(many, rng)
        first, second = many.step(actions), one.step(actions[:1])
        assert_same(first[0][:1], second[0])
        np.testing.assert_array_equal(first[1][:1], second[1])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"market.max_quote_ratio": 1.5}, r"max_quote_ratio is 1.5, and only what a household has.*settlement"),
        (
            {"market.settlement": "imbalance", "market.mechanism": "mid_market_rate"},
            r"'mid_market_rate' is a pool rule.*market.settlement is 'imbalance'",
        ),
        ({"market.imbalance_import_factor": 0.9}, r"imbalance_import_factor"),
        ({"market.imbalance_export_factor": 1.1}, r"imbalance_export_factor"),
        ({"market.settlement": "imbalanced"}, r"market.settlement"),
        ({"market.max_quote_ratio": 0.5}, r"max_quote_ratio"),
        (
            {"market.settlement": "imbalance", "market.max_quote_ratio": 2.0, "scenario.action": "price"},
            r"max_quote_ratio is 2, and action map 'price' always offers the whole net load.*price_quantity",
        ),
    ],
)
def test_what_cannot_be_is_said_at_load_time(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_controller(load_config({}, overrides), container=DATA)
