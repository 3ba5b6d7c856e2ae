"""The recipes of CONTRIBUTING.md, followed with toy parts: what is registered is known everywhere at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import p2p_market
from p2p_market.auction.book import SortedBook
from p2p_market.auction.mechanisms import MECHANISMS, Mechanism, Promises
from p2p_market.auction.orders import Allocation
from p2p_market.catalogue import registries
from p2p_market.cli import main
from p2p_market.errors import ConfigError, MechanismError, UnknownNameError
from p2p_market.model import MarketState, Transition
from p2p_market.policies import POLICIES, BidView, Rule
from p2p_market.rewards import REWARDS, RewardRule
from p2p_market.scenario.features import FEATURES, Feature, ObservationScales
from p2p_market.types import FloatArray

SMALL: dict[str, Any] = {"data.num_homes": 8, "data.days": 8, "run.days": 1, "market.audit": True}


@pytest.fixture(autouse=True)
def _registered_for_one_test(monkeypatch: pytest.MonkeyPatch) -> None:
    for registry in registries().values():
        if "_entries" in vars(registry):
            monkeypatch.setattr(registry, "_entries", dict(registry._entries))


def listed(capsys: pytest.CaptureFixture[str], kind: str) -> str:
    """What ``p2p-market list`` says, its lines joined."""
    assert main(["list", kind]) == 0
    return re.sub(r"\s+", " ", capsys.readouterr().out)


# A mechanism: `f(book: SortedBook, *, options) -> Allocation`


def best_for_buyers(book: SortedBook, *, part: float = 1.0) -> Allocation:
    """The efficient trades, at a price near the lower end of those that clear the market."""
    if not 0.0 <= part <= 1.0:
        raise MechanismError(f"part is {part!r}; expected a number from 0 to 1")
    margin = book.margin
    price = part * margin.price_low + (1.0 - part) * margin.price_high
    return Allocation(
        filled=np.copysign(book.efficient_fill, book.quantity),
        unit_price=price[:, None],
        clearing_price=price,
        price_low=margin.price_low,
        price_high=margin.price_high,
    )


def test_a_mechanism(capsys: pytest.CaptureFixture[str]) -> None:
    promises = Promises(
        individually_rational=True, budget="strong", efficient=True, truthful_in_price=False, truthful_in_quantity=False
    )
    MECHANISMS.register("best_for_buyers", Mechanism(best_for_buyers, promises))

    bids, asks = [100, 90, 80, 70, 60], [80, 85, 95, 100, 110]
    quantity = [1.0] * 5 + [-1.0] * 5
    clearing = p2p_market.clear([*bids, *asks], quantity, "best_for_buyers")
    assert (clearing.clearing_price, clearing.traded, clearing.payment[:2].tolist()) == (85, 2, [85, 85])
    assert p2p_market.clear([*bids, *asks], quantity, "best_for_buyers", part=0.5, fee=1.0).clearing_price == 87.5

    settings = {**SMALL, "market.mechanism": "best_for_buyers", "plan": {"flat": 0.5, "agl_time_of_use": 0.5}}
    results = p2p_market.run(num_households=6, overrides=settings)
    same = p2p_market.run(
        num_households=6, overrides={**settings, "market.mechanism": "uniform_price", "market.options.k": 0.0}
    )
    assert results.kpis["traded_kwh"] > 0.0
    assert results.households.equals(same.households)
    env = p2p_market.parallel_env(num_households=6, overrides=settings)
    env.reset(seed=0)
    env.step({agent: env.action_space(agent).sample() for agent in env.agents})
    assert env.controller.operator.rules.mechanism == "best_for_buyers"

    with pytest.raises(ConfigError, match="takes no option 'prat'; did you mean 'part'"):
        p2p_market.parallel_env(overrides={**settings, "market.options": {"prat": 1.0}})
    with pytest.raises(ConfigError, match="part is 2; expected a number from 0 to 1"):
        p2p_market.parallel_env(overrides={**settings, "market.options": {"part": 2}})
    assert "best_for_buyers The efficient trades, at a price near the lower end" in listed(capsys, "mechanisms")


def test_what_one_test_registers_the_next_does_not_see() -> None:
    with pytest.raises(UnknownNameError, match="unknown mechanism 'best_for_buyers'"):
        p2p_market.clear([2.0, 1.0], [1.0, -1.0], "best_for_buyers")


def test_a_name_is_given_once() -> None:
    with pytest.raises(ValueError, match="mechanism 'grid_only' is registered already; choose another name"):
        MECHANISMS.register("grid_only", MECHANISMS["pay_as_bid"])


# A policy: `f(view: BidView) -> (price, quantity)`


def half_truth(view: BidView) -> tuple[FloatArray, FloatArray]:
    """Bid what the grid would charge or pay, for half of the net load."""
    return np.where(view.net_load > 0.0, view.retail_price, view.feed_in_price), 0.5 * view.net_load


def test_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    POLICIES.register("half_truth", Rule(half_truth))
    results = p2p_market.run(num_households=6, overrides={**SMALL, "run.policy": "half_truth"})
    net_load, order = (results.households[name].to_numpy() for name in ("net_load_kwh", "order_kwh"))
    np.testing.assert_allclose(order, 0.5 * net_load, atol=0.0011)
    assert results.kpis["traded_kwh"] > 0.0
    assert "half_truth Bid what the grid would charge or pay, for half" in listed(capsys, "policies")


# A feature: `f(state, scales) -> array`


def _demand_squared(state: MarketState, scales: ObservationScales) -> FloatArray:
    return (state.demand / scales.energy) ** 2


def test_a_feature(capsys: pytest.CaptureFixture[str]) -> None:
    FEATURES.register("demand_squared", Feature(_demand_squared, 0.0, 1.0, "1", "own", "square of the own demand"))
    env = p2p_market.parallel_env(
        num_households=4, overrides={**SMALL, "scenario.observation": ["demand", "demand_squared"]}
    )
    observations, _ = env.reset(seed=0)
    for agent, observation in observations.items():
        assert env.observation_space(agent).contains(observation)
        assert observation[1] == pytest.approx(observation[0] ** 2)
    assert "demand_squared square of the own demand" in listed(capsys, "features")


# A reward: `f(transition) -> {part: array}`


def thrift(transition: Transition) -> Mapping[str, FloatArray]:
    """Little bought from the grid, and little paid."""
    settlement = transition.settlement
    return {"paid": -settlement.bill, "import_kwh": -settlement.grid_import}


def test_a_reward(capsys: pytest.CaptureFixture[str]) -> None:
    REWARDS.register("thrift", RewardRule(thrift, ("paid", "import_kwh")))
    settings = {"reward.name": "thrift", "reward.scale": 2.0, "reward.weights": {"import_kwh": 0.5}}
    env = p2p_market.parallel_env(num_households=4, overrides={**SMALL, **settings})
    env.reset(seed=0)
    actions = {agent: env.action_space(agent).sample() for agent in env.agents}
    _, rewards, _, _, infos = env.step(actions)
    for agent, info in infos.items():
        assert rewards[agent] == pytest.approx(2.0 * (info["paid"] + 0.5 * info["import_kwh"]))
        assert info["paid"] == -info["bill"]
    assert "thrift Little bought from the grid, and little paid." in listed(capsys, "rewards")
    with pytest.raises(ValueError, match="reward part 'bill': infos hold something else by this name"):
        RewardRule(thrift, ("bill", "import_kwh"))


def test_a_tariff_plan(tmp_path: Path) -> None:
    shipped = (Path(p2p_market.__file__).parent / "tariff_plans.yaml").read_text(encoding="utf-8")
    block = re.search(r"^flat:\n(?:[ ]+.*\n)+", shipped, re.MULTILINE)
    assert block, "the block that a new plan is modelled on"
    path = tmp_path / "mine.yaml"
    path.write_text(re.sub(r"^  ", "", block.group(0).split("\n", 1)[1], flags=re.MULTILINE), encoding="utf-8")
    overrides = {**SMALL, "tariff.plan": path}
    assert p2p_market.run(num_households=4, overrides=overrides).kpis == pytest.approx(
        p2p_market.run(num_households=4, overrides={**SMALL, "tariff.plan": "flat"}).kpis
    )
