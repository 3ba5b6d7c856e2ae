"""Nothing that households and a market do costs less than the bound, on drawn streets through the real environment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streets import homes

from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError, MissingExtraError
from p2p_market.experiment import run
from p2p_market.metrics import describe, gains_from_trade
from p2p_market.policies.storage import STORAGE_RULES
from p2p_market.recorder import Recorder
from p2p_market.results import summarise
from p2p_market.run_bounds import bound_figures, check_bounds

NUM_INTERVALS = 24
PLANS: list[Any] = ["agl_time_of_use", {"flat": 0.5, "agl_time_of_use": 0.5}, {"flat": 0.4, "origin_time_of_use": 0.6}]
SIZES: list[Any] = [
    {"owners": "all", "capacity_kwh": 4.0, "power_kw": 3.0},
    {"share": 0.6, "owners": "all", "capacity_kwh": 2.0, "charge_efficiency": 0.8, "wear_dollars_per_kwh": 0.02},
    {"owners": "all", "minimum_share": 0.3, "initial_share": 0.3, "self_discharge_per_hour": 0.02},
]
NETWORKS: list[dict[str, Any] | None] = [
    None,
    None,
    {"feeders": 2, "import_limit_kw": 2.0, "export_limit_kw": 0.5, "losses": {"other_feeder": 0.05}},
    {"feeders": 3, "import_limit_kw": [1.0, 9.0, 2.0], "value_of_lost_load_dollars_per_kwh": 0.6},
    {
        "feeders": 2,
        "import_limit_kw": 1.5,
        "export_limit_kw": [0.0, 1.0],
        "rule": "scarcity_price",
        "scarcity_price_dollars_per_kwh": 0.3,
    },
]


def figures_of(overrides: dict[str, Any], *, num_homes: int = 5, action_seed: int | None = None) -> dict[str, float]:
    """Play a hand-made street, by rules or with random actions, and work out its key figures with the bounds."""
    config = load_config(overrides={"street": {"num_households": num_homes}, **overrides})
    controller = build_controller(
        config,
        container=homes(8, 3, seed=config.seed),
        num_markets=2,
        horizon=NUM_INTERVALS,
        learners_follow=config.run.policy if action_seed is None else None,
    )
    scenario = controller.model.scenario
    recorder = Recorder(NUM_INTERVALS, *controller.get_size(), scenario.fleet.devices, network=scenario.network)
    check_bounds(controller, NUM_INTERVALS)
    controller.reset(seed=config.seed)
    rng = np.random.default_rng(action_seed)
    for _ in range(NUM_INTERVALS):
        actions = None
        if action_seed is not None:
            actions = rng.uniform(-1.0, 1.0, (2, num_homes, controller.get_action_space().shape[0]))
        recorder.record(controller.run_auction(actions).transition)
    gains = gains_from_trade(recorder)
    return summarise(controller, recorder, gains, bound_figures(controller, recorder))


def assert_in_order(figures: dict[str, float]) -> None:
    size = 1e-7 * (1.0 + abs(figures["grid_only_cost_dollars"]))
    assert figures["optimal_cost_dollars"] <= figures["optimal_plan_cost_dollars"] + size
    assert figures["optimal_cost_dollars"] <= figures["community_cost_dollars"] + size
    assert figures["optimal_cost_dollars"] <= figures["selfish_cost_dollars"] + size
    if "curtailed_kwh" not in figures:  # batteries that look at their tariff alone may overload their feeder together
        assert figures["selfish_cost_dollars"] <= figures["grid_only_cost_dollars"] + size
    if not np.isnan(figures["value_captured"]):
        assert figures["value_captured"] <= 1.0 + 1e-6


@st.composite
def streets(draw: st.DrawFn) -> dict[str, Any]:
    mechanism = draw(st.sampled_from(sorted(MECHANISMS)))
    fee = draw(st.sampled_from([{}, {"market.network_fee_dollars_per_kwh": 0.02}]))
    if draw(st.booleans()):
        fee = {**fee, "market.trading_fee_dollars_per_kwh": 0.01}
    lots = {"market.lot_kwh": 0.2} if MECHANISMS[mechanism].promises.unit_lots else {}
    return {
        "market.mechanism": mechanism,
        "tariff.plan": draw(st.sampled_from(PLANS)),
        "devices": {"battery": draw(st.sampled_from(SIZES))},
        "population.storage": draw(st.sampled_from(sorted(STORAGE_RULES))),
        "scenario.forecast": {"kind": draw(st.sampled_from(["perfect", "noisy", "persistence"])), "horizon": 6},
        "run.policy": draw(st.sampled_from(["truthful", "zero_intelligence", "grid_only", "linear", "zip"])),
        "seed": draw(st.integers(0, 50)),
        "network": draw(st.sampled_from(NETWORKS)),
        **fee,
        **lots,
    }


@given(streets())
@settings(max_examples=40, deadline=None)
def test_no_rule_under_any_mechanism_costs_less_than_the_bound(overrides: dict[str, Any]) -> None:
    assert_in_order(figures_of(overrides))


@given(streets(), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_no_actions_of_learners_cost_less_than_the_bound(overrides: dict[str, Any], action_seed: int) -> None:
    overrides["scenario.action"] = "price_quantity_storage"
    assert_in_order(figures_of(overrides, num_homes=3, action_seed=action_seed))


@given(streets(), st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_curtailing_pv_leads_no_lower(overrides: dict[str, Any], action_seed: int) -> None:
    overrides |= {"scenario.action": "full_devices", "network": None}
    overrides["devices"] = {**overrides["devices"], "pv_curtailment": {}}
    assert_in_order(figures_of(overrides, num_homes=3, action_seed=action_seed))


def test_without_batteries_truthful_trade_at_one_price_captures_all_value() -> None:
    figures = figures_of({"tariff.plan": {"flat": 0.5, "agl_time_of_use": 0.5}, "run.policy": "truthful"})
    assert figures["optimal_cost_dollars"] == pytest.approx(figures["community_cost_dollars"])
    assert figures["selfish_cost_dollars"] == pytest.approx(figures["grid_only_cost_dollars"])
    assert figures["value_captured"] == pytest.approx(1.0)
    alone = figures_of({"run.policy": "grid_only"})
    assert alone["value_captured"] == pytest.approx(0.0, abs=1e-9)


def test_where_nothing_can_be_saved_no_value_is_captured() -> None:
    figures = figures_of({"run.policy": "truthful", "street.pv_share": 0.0})
    assert np.isnan(figures["value_captured"])
    assert ("Value captured", "-") in describe(figures)


@pytest.mark.parametrize("limit", [{"export_limit_kw": 0.3}, {"import_limit_kw": 1.0}])
def test_where_nothing_can_be_steered_limits_leave_no_gap(limit: dict[str, Any]) -> None:
    """What is curtailed is worth the feed-in price, what is shed its own value less the retail price."""
    figures = figures_of({"run.policy": "truthful", "network": limit, "street.pv_share": 0.8})
    assert figures["curtailed_kwh"] + figures["shed_kwh"] > 1.0
    assert figures["optimal_cost_dollars"] == pytest.approx(figures["community_cost_dollars"], abs=1e-6)


@pytest.mark.parametrize("network", NETWORKS[2:])
def test_under_limits_the_bound_is_tight_at_one_tariff(network: dict[str, Any]) -> None:
    """Up to what losses cost, and rounding to the energy grid, there is a plan that costs no more than the bound."""
    figures = figures_of(
        {
            "network": network,
            "devices": {"battery": SIZES[0]},
            "population.storage": "self_consumption",
            "seed": 3,
        }
    )
    assert_in_order(figures)
    without = figures_of({"devices": {"battery": SIZES[0]}, "population.storage": "self_consumption", "seed": 3})
    assert figures["optimal_cost_dollars"] > without["optimal_cost_dollars"] + 0.01
    assert figures["community_cost_dollars"] > without["community_cost_dollars"] + 0.1
    assert figures["optimal_plan_cost_dollars"] - figures["optimal_cost_dollars"] < 0.2


SMALL = {"data.days": 2, "data.num_homes": 8, "num_households": 4, "run.days": 1, "run.figures": False}


def test_a_run_tells_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    battery = {"devices": {"battery": {"owners": "all"}}, "population.storage": "self_consumption"}
    plain = run(overrides={**SMALL, **battery, "run.bounds": False}).kpis
    asked = run(overrides={**SMALL, **battery, "run.bounds": True}).kpis
    added = {"selfish_cost_dollars", "optimal_cost_dollars", "optimal_plan_cost_dollars", "value_captured"}
    assert set(asked) - set(plain) == added
    assert {name: asked[name] for name in plain} == pytest.approx(plain, nan_ok=True)
    assert_in_order(asked)
    labels = dict(describe(asked))
    assert labels["Community cost, optimum: together at best"] == f"{asked['optimal_cost_dollars']:,.2f} $"
    assert labels["Value captured"] == f"{100.0 * asked['value_captured']:.1f} %"
    assert "Value captured" not in dict(describe(plain))
    assert run(overrides={**SMALL, **battery}).kpis == pytest.approx(asked, nan_ok=True)  # nobody said
    large = {**SMALL, **battery, "run.num_markets": 60}  # x 4 households x 48 intervals
    assert "optimal_cost_dollars" not in run(overrides=large).kpis
    monkeypatch.setattr("p2p_market.run_bounds.find_spec", lambda _: None)
    assert "optimal_cost_dollars" not in run(overrides={**SMALL, **battery}).kpis


def test_a_run_that_is_too_large_for_its_bounds_ends_before_it_starts() -> None:
    played: list[int] = []
    with pytest.raises(ConfigError, match=r"4 households and 17520 intervals are 70,080 household-intervals.*run.days"):
        run(
            overrides={**SMALL, "data.days": 366, "run.days": 365, "run.bounds": True},
            progress=lambda done, _: played.append(done),
        )
    assert played == []


def test_other_devices_have_no_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    controller = build_controller(load_config(overrides=SMALL))
    monkeypatch.setattr(controller.model.scenario.fleet, "devices", {"kettle": object()})
    with pytest.raises(ConfigError, match=r"run.bounds: the street has devices of the kind kettle, which do not"):
        check_bounds(controller, 48)


def test_without_scipy_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p2p_market.run_bounds.find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"run.bounds needs the package 'scipy'.*p2p-market\[bounds\]"):
        run(overrides={**SMALL, "run.bounds": True})
