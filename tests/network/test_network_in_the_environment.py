"""Feeder limits and losses through the whole environment: who is told what, and that all markets are the same alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from streets import assert_same, homes, random_actions, random_batch, street_env, street_vector_env

from p2p_market.experiment import run
from p2p_market.metrics import describe
from p2p_market.network import Network
from p2p_market.vector_env import AuctionVectorEnv

TIGHT = {"feeders": 2, "import_limit_kw": 1.5, "export_limit_kw": 0.4, "losses": {"other_feeder": 0.04}}
PRICED = TIGHT | {"rule": "scarcity_price", "scarcity_price_dollars_per_kwh": 0.5}
INFOS = ("curtailed", "shed", "shed_cost", "scarcity_payment", "loss_payment")
BATTERIES = {"devices": {"battery": {"share": 0.5}}, "scenario.action": "price_quantity_storage"}


def play(env: AuctionVectorEnv, num_steps: int = 60) -> list[tuple[Any, ...]]:
    """Two episodes, from one seed, and actions of a market that depend on its place alone."""
    observations, infos = env.reset(seed=4)
    rngs = [np.random.default_rng(place) for place in range(env.num_envs)]
    played: list[tuple[Any, ...]] = [(observations.copy(), infos)]
    for _ in range(num_steps):
        shape = (env.num_agents, *env.single_action_space.shape)
        played.append(env.step(np.stack([rng.uniform(-1.0, 1.0, shape).astype(np.float32) for rng in rngs])))
    return played


@pytest.mark.parametrize("devices", [{}, BATTERIES], ids=["no devices", "batteries"])
def test_a_network_without_limits_and_losses_changes_nothing(devices: dict[str, Any]) -> None:
    overrides = {"observation": ["demand", "pv", "last_price", "last_volume"], **devices}
    without = play(street_vector_env(2, 5, overrides=overrides))
    with_one = play(street_vector_env(2, 5, overrides=overrides | {"network": {"feeders": 2}}))
    for (*plain, plain_infos), (*other, infos) in zip(without, with_one, strict=True):
        assert_same(plain, other)
        assert all(not infos.pop(name).any() for name in INFOS if name in infos)
        assert_same(plain_infos, infos)


def test_without_a_network_nobody_asks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("there is no network")

    for name in ("limit", "settle", "no_flow"):
        monkeypatch.setattr(Network, name, never)
    env = street_vector_env(2, 5, overrides=BATTERIES)
    env.reset(seed=0)
    *_, infos = env.step(random_batch(env, np.random.default_rng(0)))
    assert not set(INFOS) & set(infos)
    assert env.controller.state.feeder_flow is None


@pytest.mark.parametrize("network", [TIGHT, PRICED], ids=["pro_rata", "scarcity_price"])
@pytest.mark.parametrize("more", [{}, BATTERIES], ids=["no devices", "batteries"])
def test_a_market_is_the_same_alone(network: dict[str, Any], more: dict[str, Any]) -> None:
    overrides = {"network": network, "reward.name": "community_saving", **more}
    alone, three = (play(street_vector_env(size, 5, overrides=overrides)) for size in (1, 3))
    for (*one, infos), (*others, all_infos) in zip(alone, three, strict=True):
        assert_same(one, [values[:1] for values in others])
        assert_same(infos, {name: values[:1] for name, values in all_infos.items()})
    assert any(infos["final_obs"].any() for *_, infos in alone if "final_obs" in infos)


def test_infos_and_observations_tell_what_the_feeder_did() -> None:
    env = street_env(6, homes(12, pv_share=1.0), overrides={"network": TIGHT})
    assert {"feeder_load", "feeder_import_limit", "feeder_export_limit"} <= set(env.model.scenario.observer.names)
    load = env.model.scenario.observer.column("feeder_load")
    observations, infos = env.reset(seed=2)
    assert all(set(INFOS) <= set(info) and info["shed"] == 0.0 for info in infos.values())
    assert all(observation[load] == 0.0 for observation in observations.values())
    rng, cuts = np.random.default_rng(0), np.zeros(2)
    while env.agents:
        observations, _, _, _, infos = env.step(random_actions(env, rng))
        transition = env.controller.transition
        assert transition is not None
        network = transition.network
        assert network is not None
        flow = network.network.feeders.add_up(transition.before.net_load)[0]
        assert (flow <= 0.75 + 1e-9).all()
        assert (-flow <= 0.2 + 1e-9).all()
        for place, (agent, info) in enumerate(infos.items()):
            limited = network.limited
            assert info["curtailed"] == limited.curtailed[0, place]
            assert info["shed"] == limited.shed[0, place]
            assert info["shed_cost"] == pytest.approx(25.0 * info["shed"])
            assert info["loss_payment"] == network.loss_payment[0, place]
            own = flow[network.network.feeders.feeder[place]]
            assert observations[agent][load] == pytest.approx(own / (0.75 if own > 0.0 else 0.2), abs=1e-6)
            assert abs(info["filled"]) <= abs(transition.before.net_load[0, place]) + 1e-12
            cuts += info["curtailed"], info["shed"]
    assert (cuts > 1.0).all()


def test_what_is_curtailed_is_never_offered() -> None:
    """One roof on a feeder that may not feed in: it has nothing to sell, though its neighbours on the other need it."""
    overrides = {"network": {"feeders": 2, "export_limit_kw": 0.0}, "tariff.plan": "flat"}
    env = street_vector_env(1, 2, homes(12, pv_share=0.5), overrides=overrides | {"street.pv_share": 0.5})
    env.reset(seed=0)
    curtailed = 0.0
    for _ in range(48):
        *_, infos = env.step(np.ones((1, 2, 2), dtype=np.float32))
        assert infos["traded"][0] == 0.0
        curtailed += infos["curtailed"].sum()
    assert curtailed > 0.5


def test_idle_batteries_gain_nothing_by_limits_on_the_default() -> None:
    """The bill to beat is under the same limits, shed load included, so doing nothing saves nothing by flexibility."""
    overrides = BATTERIES | {"network": TIGHT}
    env = street_vector_env(2, 5, overrides=overrides)
    env.reset(seed=1)
    shed = 0.0
    for _ in range(48):
        *_, infos = env.step(np.zeros((2, 5, 3), dtype=np.float32))
        np.testing.assert_allclose(infos["flexibility_gain"], 0.0, atol=1e-12)
        shed += infos["shed"].sum()
    assert shed > 0.5


@pytest.mark.parametrize("network", [TIGHT, PRICED], ids=["pro_rata", "scarcity_price"])
def test_commitments_are_limited_as_announced_and_again_as_metered(network: dict[str, Any]) -> None:
    overrides = {
        "market.settlement": "imbalance",
        "scenario.forecast": {"kind": "noisy", "horizon": 2, "error": 0.8},
        "network": network,
    }
    env = street_vector_env(2, 6, homes(12, pv_share=1.0), overrides=overrides)
    env.reset(seed=0)
    rng, differ = np.random.default_rng(0), 0
    for _ in range(40):
        env.step(random_batch(env, rng))
        transition = env.controller.transition
        assert transition is not None
        assert transition.network is not None
        feeders, limited, before = transition.network.network.feeders, transition.network.limited, transition.before
        metered = before.demand - before.pv + limited.curtailed - limited.shed
        np.testing.assert_allclose(before.net_load, metered, atol=1e-12)
        assert (np.abs(transition.orders.quantity) <= np.abs(transition.announced) + 1e-9).all()
        if network is TIGHT:
            for load in (transition.announced, before.net_load):
                assert (feeders.add_up(load) <= 0.75 + 1e-9).all()
                assert (-feeders.add_up(load) <= 0.2 + 1e-9).all()
        np.testing.assert_allclose(limited.flow, feeders.add_up(before.net_load), atol=1e-9)
        differ += np.count_nonzero(before.net_load != transition.announced)
    assert differ > 100


def test_markets_that_are_reset_forget_the_flow_of_their_feeders() -> None:
    env = street_vector_env(3, 5, overrides={"network": TIGHT})
    env.reset(seed=0)
    env.step(random_batch(env, np.random.default_rng(0)))
    flow = env.controller.state.feeder_flow
    assert flow is not None
    assert flow.all()
    env.reset(mask=np.array([False, True, False]))
    kept = env.controller.state.feeder_flow
    assert kept is not None
    np.testing.assert_array_equal(kept, flow * [[1.0], [0.0], [1.0]])


@pytest.mark.parametrize("network", [TIGHT, PRICED], ids=["pro_rata", "scarcity_price"])
@pytest.mark.parametrize("more", [{}, {"devices": {"battery": {"share": 0.5}}, "population.storage": "time_of_use"}])
def test_key_figures_follow_from_the_frames(network: dict[str, Any], more: dict[str, Any]) -> None:
    overrides = {"data.days": 4, "data.num_homes": 10, "run.days": 2, "run.figures": False, "network": network, **more}
    results = run(num_households=6, overrides=overrides)
    kpis, households, intervals = results.kpis, results.households, results.intervals
    names = ["curtailed_kwh", "shed_kwh", "shed_cost_dollars", "scarcity_payment_dollars", "loss_kwh"]
    for name in (*names, "loss_payment_dollars", "default_bill_dollars"):
        assert intervals[name].sum() == pytest.approx(households[name].sum())
        if name in kpis:
            assert kpis[name] == pytest.approx(households[name].sum())
    device_cost = households["device_cost_dollars"].sum() if more else 0.0
    cost = kpis["bills_dollars"] + device_cost + kpis["shed_cost_dollars"] - kpis["operator_surplus_dollars"]
    assert kpis["community_cost_dollars"] == pytest.approx(cost)
    assert kpis["grid_only_cost_dollars"] == pytest.approx(households["default_bill_dollars"].sum())
    totals = results.household_totals
    assert totals["saving_dollars"].sum() == pytest.approx(6 * kpis["saving_mean_dollars"])
    assert totals["saving_dollars"].min() == pytest.approx(kpis["saving_worst_dollars"])
    assert kpis["loss_payment_dollars"] > 0.0
    unserved = kpis["grid_import_kwh"] + kpis["shed_kwh"]
    assert kpis["self_sufficiency"] == pytest.approx(1.0 - unserved / kpis["demand_kwh"])
    if network is TIGHT:
        assert kpis["feeder_peak_import_kw"] == pytest.approx(1.5)
        assert kpis["feeder_peak_export_kw"] == pytest.approx(0.4)
        assert kpis["shed_kwh"] > 0.0
        assert kpis["curtailed_kwh"] > 0.0
        assert kpis["scarcity_payment_dollars"] == 0.0
    else:
        assert kpis["feeder_peak_import_kw"] > 1.5
        assert kpis["scarcity_payment_dollars"] > 0.0
        assert kpis["shed_kwh"] == kpis["curtailed_kwh"] == 0.0
    rows = dict(describe(kpis))
    assert rows["Shed by feeder limits"] == f"{kpis['shed_kwh']:,.1f} kWh"
    assert rows["Feeders at their limit"] == f"{100.0 * kpis['feeder_share_at_limit']:.1f} % of the time"


def test_peaks_and_the_time_at_a_limit_by_hand() -> None:
    from p2p_market.network import FEEDER_RULES, Feeders  # noqa: PLC0415 (for this one test)

    feeders = Feeders(np.array([0, 1, 1]), np.array([1000.0, np.inf]), np.array([np.inf, 500.0]))
    network = Network(feeders, FEEDER_RULES["pro_rata"])
    net_load = np.array([[[1.0, 0.4, 0.2]], [[0.9, -0.4, -0.1]], [[-0.7, 0.3, 2.0]], [[0.0, 0.0, 0.0]]])
    figures = network.key_figures({"net_load_kwh": net_load}, interval_hours=0.5)
    assert figures["feeder_peak_import_kw"] == pytest.approx(4.6)
    assert figures["feeder_peak_export_kw"] == pytest.approx(1.4)
    assert figures["feeder_share_at_limit"] == 2 / 8
