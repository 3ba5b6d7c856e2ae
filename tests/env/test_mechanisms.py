"""Every mechanism in the environment: a day is played, audited, and the same again with the same seed."""

from __future__ import annotations

import re

import numpy as np
import pytest
from streets import homes, random_batch, street_env, street_vector_env

import p2p_market
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.rules import AuctionRules
from p2p_market.build import build_controller, build_rules
from p2p_market.errors import ConfigError

PLANS = {"flat": 0.5, "agl_time_of_use": 0.5}
OPTIONS = [(name, {}) for name in MECHANISMS]
OPTIONS += [("huang", {"drop": "order"}), ("muda", {"long_side": "vickrey"}), ("continuous", {"pair_price": "mid"})]
every_mechanism = pytest.mark.parametrize(("mechanism", "options"), OPTIONS)


def market(mechanism: str, options: dict[str, str]) -> dict[str, object]:
    lot = 0.2 if MECHANISMS[mechanism].promises.unit_lots else None
    return {"mechanism": mechanism, "market.options": options, "lot_kwh": lot, "audit": True, "tariff.plan": PLANS}


@every_mechanism
def test_a_day_of_random_actions(mechanism, options):
    env = street_env(8, **market(mechanism, options))
    totals = []
    for _ in range(2):
        env.reset(seed=3)
        for number, agent in enumerate(env.possible_agents):
            env.action_space(agent).seed(number)
        total = dict.fromkeys(env.possible_agents, 0.0)
        while env.agents:
            _, rewards, _, _, _ = env.step({agent: env.action_space(agent).sample() for agent in env.agents})
            for agent, reward in rewards.items():
                total[agent] += reward
        totals.append(total)
    assert totals[0] == totals[1]
    assert all(np.isfinite(list(totals[0].values())))


@every_mechanism
def test_a_market_of_a_batch_has_its_own_lots(mechanism, options):
    """Market b depends on the seed and b alone, so 2 markets are the first 2 of 5."""
    many, few = (street_vector_env(size, 8, **market(mechanism, options)) for size in (5, 2))
    rng = np.random.default_rng(0)
    many.reset(seed=4)
    few.reset(seed=4)
    for _ in range(30):
        actions = random_batch(many, rng)
        together, alone = many.step(actions), few.step(actions[:2])
        np.testing.assert_array_equal(together[1][:2], alone[1])


@pytest.mark.parametrize("mechanism", [name for name in MECHANISMS if name != "grid_only"])
def test_a_sunny_noon_is_traded(mechanism):
    """No mechanism is silently idle, and its pairs are there to be read.

    Bids are drawn: truthful asks would all stand at one level, the feed-in price, which some mechanisms give up whole.
    """
    config = p2p_market.load_config(
        {"street": {"households": "all"}, "population": {"learners": 0, "scripted": "zero_intelligence"}},
        market(mechanism, {}) | {"episode.start": "2013-01-14 12:00", "episode.num_intervals": 4},
    )
    controller = build_controller(config, container=homes(12), num_markets=8)
    controller.reset(seed=0)
    transition = controller.run_auction(None).transition
    traded = transition.clearing.traded
    assert traded.max() > 0.1
    for number in range(8):
        assert transition.context.transaction(number).quantity.sum() == pytest.approx(traded[number])
        assert transition.context.get_orderbook(number).traded == traded[number]


@pytest.mark.parametrize("mechanism", ["trade_reduction", "mcafee", "sbba"])
def test_mechanisms_for_lots_want_to_know_the_lot(mechanism):
    message = (
        f"mechanism {mechanism!r} is defined for orders of one size; set market.lot_kwh, e.g. to 0.25, or choose "
        "'huang' or 'muda', which take orders of any size"
    )
    with pytest.raises(ConfigError, match=re.escape(message)):
        p2p_market.load_config(None, {"mechanism": mechanism})
    assert p2p_market.load_config(None, {"mechanism": mechanism, "lot_kwh": 0.25}).market.lot_kwh == 0.25


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"lot_kwh": 0.0015}, "market: lot is 0.0015 kWh; expected a whole number of units of 0.001 kWh"),
        ({"lot_kwh": 0.0001}, "market: lot is 0.0001 kWh; expected a whole number of units of 0.001 kWh"),
        ({"lot_kwh": 0.0}, "market.lot_kwh: given 0.0; expected greater than 0"),
        ({"lot_kwh": -1}, "market.lot_kwh: given -1; expected greater than 0"),
    ],
)
def test_lots_that_cannot_be(overrides, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        build_rules(p2p_market.load_config(None, overrides))


def test_lots_are_as_large_as_they_say():
    rules = AuctionRules(lot=0.3, energy_unit=0.001)
    need = np.array([0.1 + 0.2, 0.3, 0.299, -0.3, -0.5, 0.0, 2.0])
    assert rules.order_size(need).tolist() == [0.3, 0.3, 0.0, -0.3, -0.3, 0.0, 0.3]


def test_a_fixed_order_of_arrival_fits_the_street():
    overrides = {"mechanism": "continuous", "street.num_households": 3}
    good = p2p_market.load_config(None, overrides | {"market.options": {"arrival": [2, 0, 1]}})
    build_controller(good, container=homes(12))
    short = p2p_market.load_config(None, overrides | {"market.options": {"arrival": [0, 1]}})
    with pytest.raises(ConfigError, match=re.escape("market: arrival has shape (2,)")):
        build_controller(short, container=homes(12))
