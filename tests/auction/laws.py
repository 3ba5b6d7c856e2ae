"""The laws that mechanisms may promise, each as one check of a variant on one book."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from auction.markets import FEED_IN, RETAIL, VARIANTS, assert_close, is_pool, run_with_lots, suited
from hypothesis import strategies as st
from reference.efficient import largest_volume
from scipy.optimize import linprog
from strategies import Book, books, crossing_books, float_books

from p2p_market.auction.clearing import Clearing

FEES = st.sampled_from(
    [
        {},
        {},
        {"fee": 0.02},
        {"fee": 0.01, "network_fee": 0.03, "fee_share": 0.25},
        {"fee_rate": 0.1, "fee_share": 1.0},
        {"fee_rate": 0.05, "fee": 0.01, "network_fee": 0.01},
    ]
)
GRIDS = st.sampled_from([{}, {}, {"price_tick": 0.01}, {"price_tick": 0.0001, "energy_unit": 0.001}])
TIES = st.sampled_from(["prorata", "prorata", "priority", "random"])


@dataclass(frozen=True)
class Market:
    """One book, with the rules that it is cleared by, and a lot for each order."""

    price: np.ndarray
    quantity: np.ndarray
    rules: dict[str, Any] = field(default_factory=dict)
    lots: np.ndarray | None = None

    def of(self, variant: str) -> Market:
        """The market with quantities that the variant is defined for."""
        lots = np.linspace(0.05, 0.95, len(self.price)) if self.lots is None else self.lots
        return replace(self, quantity=suited(variant, self.quantity), lots=lots)

    def clear(self, variant: str, **changes: Any) -> Clearing:
        return run_with_lots(variant, self.price, self.quantity, self.lots, **{**self.rules, **changes})

    def reordered(self, order: np.ndarray) -> Market:
        return replace(
            self,
            price=self.price[order],
            quantity=self.quantity[order],
            lots=None if self.lots is None else self.lots[order],
        )


@st.composite
def markets(draw: st.DrawFn, book: Any = None, *, fees: Any = FEES, grids: Any = GRIDS, ties: Any = TIES) -> Market:
    """Draw a book of any kind, rules, and lots that are all different."""
    drawn = draw(st.one_of(books, books, crossing_books, float_books().map(lambda b: b[:2])) if book is None else book)
    price, quantity = (drawn.price, drawn.quantity) if isinstance(drawn, Book) else drawn
    lots = np.random.default_rng(draw(st.integers(0, 2**16))).random(len(price))
    return Market(price, quantity, {**draw(fees), **draw(grids), "ties": draw(ties)}, lots)


def free(book: Any) -> st.SearchStrategy[Market]:
    """Draw markets without fees and grids."""
    return markets(book, fees=st.just({}), grids=st.just({}))


def check_energy(variant: str, market: Market) -> None:
    clearing = market.clear(variant)
    assert abs(clearing.filled.sum()) <= 1e-14 * np.abs(market.quantity).sum()
    assert clearing.filled[clearing.filled > 0].sum() == pytest.approx(float(clearing.traded), rel=1e-14)


def check_fills(variant: str, market: Market) -> None:
    clearing = market.clear(variant)
    assert (clearing.filled * market.quantity >= 0).all()
    # an energy unit takes a quantity that is 1e-6 of a unit short of the grid as on the grid
    slack = 1e-6 * market.rules.get("energy_unit", 0.0)
    assert (np.abs(clearing.filled) <= np.abs(market.quantity) + slack).all()


def check_money(variant: str, market: Market) -> None:
    clearing = market.clear(variant)
    settled = market.quantity if is_pool(variant) else clearing.filled
    np.testing.assert_allclose(
        clearing.payment, np.where(settled != 0, clearing.unit_price * settled, 0.0), rtol=1e-14, atol=1e-16
    )
    destination = clearing.operator_surplus + clearing.network_payment + clearing.grid_payment
    assert clearing.payment.sum() == pytest.approx(float(destination), abs=1e-13)
    network_fee = market.rules.get("network_fee", 0.0)
    assert float(clearing.network_payment) == pytest.approx(network_fee * float(clearing.traded), abs=1e-15)
    if is_pool(variant):
        rest = market.quantity - clearing.filled
        with_grid = (np.where(rest > 0, RETAIL, FEED_IN) * rest).sum()
        assert float(clearing.grid_payment) == pytest.approx(float(with_grid), abs=1e-12)
    else:
        assert clearing.grid_payment == 0


def check_prices_where_settled(variant: str, market: Market) -> None:
    """No price exactly where nothing is settled; the interval of the orders, whatever the mechanism makes of it."""
    clearing = market.clear(variant)
    settled = market.quantity if is_pool(variant) else clearing.filled
    np.testing.assert_array_equal(np.isnan(clearing.unit_price), settled == 0)
    assert (clearing.payment[settled == 0] == 0).all()
    assert (clearing.traded == 0) == (not clearing.filled.any())
    assert clearing.traded > 0 or np.isnan(clearing.clearing_price)
    if is_pool(variant):
        for price in (clearing.price_low, clearing.price_high):
            np.testing.assert_array_equal(price, clearing.clearing_price)
        return
    efficient = market.clear("uniform_price")
    np.testing.assert_array_equal(clearing.price_low, efficient.price_low)
    np.testing.assert_array_equal(clearing.price_high, efficient.price_high)
    assert np.isnan(clearing.price_low) == (efficient.traded == 0)
    assert float(clearing.traded) <= float(efficient.traded) * (1 + 1e-12) or not _is_order_based_and_safe(variant)


def _is_order_based_and_safe(variant: str) -> bool:
    # a continuous market can trade more than the largest volume at one price: extramarginal orders find each other
    return VARIANTS[variant][0] not in ("continuous", "muda")


def check_individual_rationality(variant: str, market: Market) -> None:
    clearing = market.clear(variant)
    retail, feed_in = (RETAIL, FEED_IN) if is_pool(variant) else (market.price, market.price)
    loss = np.where(market.quantity > 0, clearing.unit_price - retail, feed_in - clearing.unit_price)
    # prices that a fee has shifted are rounded to 1e-12 $/kWh, or 1e-6 of a tick
    assert (loss[~np.isnan(loss)] <= (1e-11 if "fee_rate" in market.rules else 1e-12)).all()


def check_budget(variant: str, market: Market, budget: str | None = None) -> None:
    clearing = market.clear(variant)
    fee_income = market.rules.get("fee", 0.0) * float(clearing.traded)
    if market.rules.get("fee_rate"):
        fee_income += _ad_valorem_income(market, clearing, is_pool(variant))
    surplus = float(clearing.operator_surplus) - fee_income
    budget = VARIANTS[variant][2] if budget is None else budget
    if budget in {"strong", "grid"}:
        assert surplus == pytest.approx(0, abs=1e-12)
    elif budget == "weak":
        assert surplus >= -1e-9  # a rounded shifted price times a volume
    else:
        assert budget == "deficit"
        assert surplus <= 1e-9


def _ad_valorem_income(market: Market, clearing: Clearing, pool: bool) -> float:
    """Recompute the operator's share of the price from what each household paid, order by order."""
    rate, share = market.rules["fee_rate"], market.rules.get("fee_share", 0.5)
    if pool:
        return rate * float(clearing.clearing_price) * float(clearing.traded) if clearing.traded > 0 else 0.0
    per_kwh = market.rules.get("fee", 0.0) + market.rules.get("network_fee", 0.0)
    income = 0.0
    for filled, paid in zip(clearing.filled, clearing.unit_price, strict=True):
        if filled > 0:
            income += share * rate * filled * (paid - share * per_kwh) / (1 + share * rate)
        elif filled < 0:
            seller = 1 - share
            income += seller * rate * -filled * (paid + seller * per_kwh) / (1 - seller * rate)
    return float(income)


def check_efficiency(variant: str, market: Market) -> None:
    """The largest volume that agrees; nobody is left who would still trade, or is worth more than who trades."""
    clearing = market.clear(variant)
    sizes = [Fraction(size) for size in market.quantity]
    bids = {i: (price, size) for i, (price, size) in enumerate(zip(market.price, sizes, strict=True)) if size > 0}
    asks = {i: (price, -size) for i, (price, size) in enumerate(zip(market.price, sizes, strict=True)) if size < 0}
    assert float(clearing.traded) == pytest.approx(float(largest_volume(bids, asks)), rel=1e-14)
    left = market.quantity - clearing.filled
    best_bid_left = market.price[left > 1e-12].max(initial=-np.inf)
    best_ask_left = market.price[left < -1e-12].min(initial=np.inf)
    assert best_bid_left < best_ask_left
    assert market.price[clearing.filled > 0].min(initial=np.inf) >= best_bid_left
    assert market.price[clearing.filled < 0].max(initial=-np.inf) <= best_ask_left


def check_welfare(variant: str, market: Market) -> None:
    if not len(market.price):
        return
    welfare = float(market.price @ market.clear(variant).filled)
    # maximise sum(price * signed fill), the fills between 0 and the order and summing to 0
    bounds = [(min(q, 0.0), max(q, 0.0)) for q in market.quantity]
    row = np.ones((1, len(market.price)))
    best = linprog(-market.price, A_eq=row, b_eq=[0.0], bounds=bounds, method="highs")
    assert welfare == pytest.approx(-best.fun, abs=1e-9)


def check_order_independence(variant: str, market: Market, seed: int = 0) -> None:
    order = np.random.default_rng(seed).permutation(len(market.price))
    rules = {"ties": "random"} if market.rules.get("ties") == "priority" else {}
    one, other = market.clear(variant, **rules), market.reordered(order).clear(variant, **rules)
    np.testing.assert_allclose(one.filled[order], other.filled, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(one.unit_price[order], other.unit_price, rtol=1e-12)
    np.testing.assert_allclose(one.clearing_price, other.clearing_price, rtol=1e-15)
    assert float(one.operator_surplus) == pytest.approx(float(other.operator_surplus), abs=1e-13)


def check_split_independence(variant: str, market: Market, order: int, part: float) -> None:
    """`part` of an order becomes another order of the same price at the end, with the lot 0.5."""
    quantity = np.append(market.quantity, part)
    quantity[order] -= part
    lots = None if market.lots is None else np.append(market.lots, 0.5)
    more = replace(market, price=np.append(market.price, market.price[order]), quantity=quantity, lots=lots)
    rules = {"ties": "prorata"}
    whole, split = market.clear(variant, **rules), more.clear(variant, **rules)
    for name in ("filled", "payment"):
        totals = getattr(split, name)[:-1].copy()
        totals[order] += getattr(split, name)[-1]
        np.testing.assert_allclose(totals, getattr(whole, name), rtol=1e-14, atol=1e-15, err_msg=name)
    assert_close(_totals(split), _totals(whole), 1e-13)


def _totals(clearing: Clearing) -> Clearing:
    nothing = np.zeros(0)
    return replace(clearing, filled=nothing, payment=nothing, charged_price=nothing)


def check_scaling(variant: str, market: Market, scale: float, exact: bool) -> None:
    """Energy times a number, then prices and tariffs times it; a power of two is exact."""
    one = market.clear(variant)
    more = replace(market, quantity=scale * market.quantity).clear(variant)
    dearer = replace(market, price=scale * market.price).clear(variant, retail=scale * RETAIL, feed_in=scale * FEED_IN)
    for clearing, energy, money in ((more, scale, 1.0), (dearer, 1.0, scale)):
        if exact:
            np.testing.assert_array_equal(clearing.filled, energy * one.filled)
            np.testing.assert_array_equal(clearing.unit_price, money * one.unit_price)
            np.testing.assert_array_equal(clearing.payment, scale * one.payment)
        else:
            np.testing.assert_allclose(clearing.filled, energy * one.filled, rtol=1e-12, atol=1e-12 * energy)
            np.testing.assert_allclose(clearing.unit_price, money * one.unit_price, rtol=1e-11, atol=1e-14 * money)


def check_nothing_orders(variant: str, market: Market, price: float) -> None:
    """Orders of no quantity, at any price, change nothing for the others."""
    keep = market.quantity != 0
    prices = np.where(keep, market.price, price)
    full = replace(market, price=prices).clear(variant)
    alone = market.reordered(np.flatnonzero(keep)).clear(variant)
    np.testing.assert_array_equal(full.filled[keep], alone.filled)
    np.testing.assert_allclose(full.unit_price[keep], alone.unit_price, rtol=1e-13)
    assert (full.filled[~keep] == 0).all()
    np.testing.assert_allclose(full.clearing_price, alone.clearing_price, rtol=1e-15)


ALWAYS = {
    "energy balances": check_energy,
    "fills stay within orders": check_fills,
    "money balances": check_money,
    "prices where something is settled": check_prices_where_settled,
    "the operator keeps what the budget promises": check_budget,
}
"""Laws of every mechanism, on any market."""
