"""Scripted bidders without an environment: views made by hand, and a call market that repeats itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from p2p_market.auction.clearing import clear_orders
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.policies import BidView, Memory, Outcome, Policy, PublishedBook

RULES = AuctionRules("uniform_price")


def view_of(
    net_load: npt.ArrayLike,
    retail_price: npt.ArrayLike = 0.30,
    feed_in_price: npt.ArrayLike = 0.10,
    *,
    band: tuple[float, float] | None = None,
    draws: npt.ArrayLike | None = None,
    rules: AuctionRules = RULES,
) -> BidView:
    """One market, or with two axes several, of households that see just this."""
    needs = np.atleast_2d(np.asarray(net_load, dtype=float))
    retail, feed_in = (np.broadcast_to(np.asarray(p, dtype=float), needs.shape) for p in (retail_price, feed_in_price))
    low, high = (feed_in.min(), retail.max()) if band is None else band
    column = np.zeros((len(needs), 1))
    return BidView(
        net_load=needs,
        retail_price=retail,
        feed_in_price=feed_in,
        price_low=column + low,
        price_high=column + high,
        published_price=column,
        published_volume=column,
        rules=rules,
        households=np.arange(needs.shape[1]),
        draws=np.empty((len(needs), 0, needs.shape[1])) if draws is None else np.asarray(draws, dtype=float),
    )


def outcome_of(
    price: npt.ArrayLike,
    quantity: npt.ArrayLike,
    filled: npt.ArrayLike,
    published_price: float,
    *,
    traded: float | None = None,
) -> Outcome:
    """What one interval brought; the own orders are all there is in its book."""
    own_price, own_quantity, own_fill = (np.atleast_2d(np.asarray(v, dtype=float)) for v in (price, quantity, filled))
    volume = np.abs(own_fill).sum() if traded is None else traded
    column = np.zeros((len(own_price), 1))
    return Outcome(
        price=own_price,
        quantity=own_quantity,
        filled=own_fill,
        published_price=column + published_price,
        published_volume=column + volume,
        book=PublishedBook(own_price, own_quantity, own_fill),
    )


@dataclass(frozen=True)
class Round:
    """One auction of a repeated call market, arrays (B, N) and (B,)."""

    price: npt.NDArray[np.float64]
    filled: npt.NDArray[np.float64]
    clearing_price: npt.NDArray[np.float64]
    memory: Memory


def repeated_market(
    policy: Policy,
    value: Sequence[float],
    quantity: Sequence[float],
    num_rounds: int,
    *,
    band: tuple[float, float],
    seeds: Sequence[int] = (0,),
    rules: AuctionRules = RULES,
    **options: Any,
) -> Iterator[Round]:
    """Let everybody follow one policy in the same market again and again, one market a seed."""
    policy = policy.with_options("tested", options)
    generators = [np.random.default_rng(seed) for seed in seeds]
    size = np.tile(np.asarray(quantity, dtype=float), (len(seeds), 1))
    num_households = size.shape[1]

    def draws(count: int) -> npt.NDArray[np.float64]:
        return np.stack([rng.random((count, num_households)) for rng in generators])

    memory = policy.start(draws(policy.num_start_draws), num_households)
    for _ in range(num_rounds):
        view = view_of(size, value, value, band=band, draws=draws(policy.num_draws), rules=rules)
        price, quantities = policy.bid(view, memory)
        clearing = clear_orders(rules, Orders(price, quantities))
        published = np.where(clearing.traded > 0.0, clearing.clearing_price, 0.0)[:, None]
        book = PublishedBook(price, quantities, clearing.filled)
        outcome = Outcome(price, quantities, clearing.filled, published, clearing.traded[:, None], book)
        memory = policy.learn(view, outcome, memory)
        yield Round(price, clearing.filled, clearing.clearing_price, memory)
