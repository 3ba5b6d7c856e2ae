"""Several bidding rounds inside an interval of the environment: who quotes what, and what becomes of it."""

from __future__ import annotations

import dataclasses
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from reference import continuous as reference
from streets import assert_same, homes, random_actions, random_batch, street_env, street_vector_env

import p2p_market
from p2p_market.build import build_controller
from p2p_market.controller import AuctionController
from p2p_market.errors import ConfigError
from p2p_market.policies import POLICIES

PLANS = {"flat": 0.5, "agl_time_of_use": 0.5}
NOON = {"episode.start": "2013-01-14 11:00", "episode.num_intervals": 4}
ROUNDS: dict[str, Any] = {"mechanism": "continuous", "market.rounds": 3, "audit": True, "tariff.plan": PLANS}


def street(num_markets: int = 3, **overrides: Any) -> AuctionController:
    config = p2p_market.load_config(
        {"street": {"households": "all"}, "population": {"learners": 0, "scripted": "zero_intelligence"}},
        ROUNDS | NOON | overrides,
    )
    controller = build_controller(config, container=homes(12), num_markets=num_markets)
    controller.reset(seed=0)
    return controller


def test_an_interval_is_that_of_the_lists_of_quotes():
    """Zero-intelligence quotes of three rounds, replayed by the slow reference in ticks and watt-hours."""
    transition = street().run_auction(None).transition
    context, clearing = transition.context, transition.clearing
    assert context.quotes is not None
    assert context.draws is not None
    ticks = np.rint(context.quotes.price * 10_000).astype(int)
    units = np.rint(context.quotes.quantity * 1000).astype(int)
    for b in range(3):
        rounds = [
            [(Fraction(int(p)), Fraction(int(q))) for p, q in zip(*one, strict=True)]
            for one in zip(ticks[b].reshape(3, 12), units[b].reshape(3, 12), strict=True)
        ]
        by_lot = np.argsort(context.draws[b].reshape(3, 12), axis=1) + 12 * np.arange(3)[:, None]
        filled, paid = np.zeros(12), np.zeros(12)
        made = reference.trades_in_rounds(rounds, by_lot.ravel().tolist())
        for buyer, seller, quantity, price in made:
            for quote, sign in ((buyer, 1), (seller, -1)):
                filled[quote % 12] += sign * int(quantity)
                paid[quote % 12] += sign * float(quantity * price)
        assert (np.rint(clearing.filled[b] * 1000) == filled).all()
        np.testing.assert_allclose(clearing.payment[b], paid * 1e-7, rtol=1e-12, atol=1e-12)
        pairs = context.transaction(b)
        assert len(pairs) == len(made) > 5
        assert pairs.buyer.tolist() == [buyer % 12 for buyer, *_ in made]
        np.testing.assert_array_equal(np.bincount(pairs.buyer, pairs.quantity, 12) > 0, filled > 0)


def test_every_round_asks_anew_and_knows_which_it_is(monkeypatch):
    seen = []

    def bid(view):
        seen.append((view.round, view.num_rounds, view.draws))
        return POLICIES["zero_intelligence"].bid(view, {})

    controller = street()
    controller.followers.groups = ((dataclasses.replace(POLICIES["zero_intelligence"], function=bid), np.arange(12)),)
    transition = controller.run_auction(None).transition
    assert [(number, rounds) for number, rounds, _ in seen] == [(0, 3), (1, 3), (2, 3)]
    price = transition.context.quotes.price.reshape(3, 3, 12)
    assert len(np.unique(price)) > 0.9 * price.size
    np.testing.assert_array_equal(transition.orders.price, price[:, 2])  # what is recorded is the last
    np.testing.assert_array_equal(transition.orders.quantity, transition.before.net_load)


def test_more_rounds_take_more_of_the_gains_from_zero_intelligence():
    def traded(rounds: int) -> float:
        controller = street(num_markets=40, **{"market.rounds": rounds, "tariff.plan": "flat"})
        return float(sum(controller.run_auction(None).transition.clearing.traded.sum() for _ in range(4)))

    once, twice, often = (traded(rounds) for rounds in (1, 2, 8))
    assert once < 0.8 * twice < 0.8 * often


def test_truthful_quotes_that_are_renewed_change_nothing_but_the_order_of_arrival():
    """Under one plan all truthful bids and asks are alike, so whoever can trade does in the first round."""
    one, three = (
        street(scripted="truthful", **{"market.rounds": rounds, "tariff.plan": "flat"}).run_auction(None).transition
        for rounds in (1, 3)
    )
    np.testing.assert_allclose(one.clearing.traded, three.clearing.traded, rtol=1e-12)


def test_learners_concede_evenly_from_the_first_round_to_the_last():
    env = street_env(
        5, action="price_concession", **{**ROUNDS, "market.rounds": 4, "price_tick_dollars_per_kwh": None}, **NOON
    )
    env.reset(seed=1)
    env.step({agent: np.array([-0.8, 0.4], dtype=np.float32) for agent in env.agents})
    context = env.controller.transition.context
    low, high = context.price_low[0], context.price_high[0]
    position = 2.0 * (context.quotes.price[0].reshape(4, 5) - low) / (high - low) - 1.0
    for number, expected in enumerate([-0.8, -0.4, 0.0, 0.4]):
        np.testing.assert_allclose(position[number], expected, rtol=0, atol=1e-7)
    assert (context.orders.quantity == env.controller.transition.before.net_load).all()


def test_learners_without_concession_keep_their_price():
    env = street_env(5, **ROUNDS, **NOON)
    env.reset(seed=1)
    env.step(random_actions(env, np.random.default_rng(0)))
    price = env.controller.transition.context.quotes.price.reshape(3, 5)
    assert (price == price[0]).all()


@pytest.mark.parametrize("action", ["price_quantity", "price_concession"])
def test_the_same_seed_and_a_market_of_a_batch(action):
    many, few, again = (street_vector_env(size, 8, action=action, **ROUNDS, **NOON) for size in (4, 2, 4))
    for env in (many, few, again):
        env.reset(seed=4)
    for _ in range(4):
        actions = random_batch(many, np.random.default_rng(2))
        together, alone, same = many.step(actions), few.step(actions[:2]), again.step(actions)
        np.testing.assert_array_equal(together[1][:2], alone[1])
        assert_same(together[:4], same[:4])


def test_a_run_records_one_row_a_household():
    overrides = ROUNDS | {"run.days": 1, "run.trades": True, "run.policy": "zero_intelligence", "data.days": 2}
    results = p2p_market.run(num_households=6, overrides=overrides | {"data.num_homes": 8})
    assert results.households.height == 48 * 6
    assert results.trades is not None
    assert results.trades["quantity_kwh"].sum() == pytest.approx(results.kpis["traded_kwh"])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"mechanism": "vcg", "rounds": 2},
            "mechanism 'vcg' clears all orders at once, and market.rounds is 2; set it to 1, or choose 'continuous'",
        ),
        ({"mechanism": "continuous", "rounds": 0}, "market.rounds: given 0; expected greater than or equal to 1"),
        (
            {"mechanism": "continuous", "market.options": {"rounds": 2}},
            "the number of rounds is market.rounds; leave it out of market.options",
        ),
        (
            {"mechanism": "continuous", "action": "price_concession"},
            "scenario.action 'price_concession' moves from a first to a last bidding round, and market.rounds is 1",
        ),
    ],
)
def test_rounds_that_cannot_be(overrides, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        p2p_market.load_config(None, overrides)
