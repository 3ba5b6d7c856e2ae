"""The mechanisms that draw lots, drop trades or take turns, and the pools, against loops over exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from auction.markets import run_with_lots
from auction.test_against_reference import number, numbers
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import continuous, multi_unit, pool, unit
from reference.double_auction import Answer, Mechanism, settle
from reference.efficient import Ties
from strategies import Book, books, crossing_books

import p2p_market
from p2p_market.auction.clearing import Clearing

quick = settings(max_examples=30)
many = settings(max_examples=1000)


@dataclass(frozen=True)
class Lots:
    """A draw for each order, all tickets of muda different; exact in binary."""

    halves: tuple[int, ...]
    queue: tuple[int, ...]

    @property
    def exact(self) -> dict[int, Fraction]:
        return {i: Fraction(16 * h + t + 1, 32) for i, (h, t) in enumerate(zip(self.halves, self.queue, strict=True))}

    @property
    def floats(self) -> np.ndarray:
        return np.array([float(draw) for draw in self.exact.values()])


def lots_of(book: Book) -> st.SearchStrategy[Lots]:
    n = len(book)
    coins = st.tuples(*[st.integers(0, 1)] * n)
    return st.builds(Lots, coins, st.permutations(range(n)).map(tuple))


def one_lot(book: Book) -> Book:
    return Book(book.cents, tuple(16 * int(np.sign(size)) for size in book.sixteenths))


def by_arrival(lots: Lots) -> list[int]:
    return sorted(lots.exact, key=lambda i: lots.exact[i])


# Label: mechanism, options, the same as a loop given lots and tie rule, and whether all orders are one lot.
Reference = Callable[[Lots, Ties], Mechanism]
CASES: dict[str, tuple[str, dict[str, Any], Reference, bool]] = {
    "trade reduction": ("trade_reduction", {}, lambda _, ties: unit.trade_reduction(ties), True),
    "mcafee": ("mcafee", {}, lambda _, ties: unit.mcafee(ties), True),
    "sbba": ("sbba", {}, lambda lots, ties: unit.sbba(lots.exact, ties), True),
    "huang": ("huang", {}, lambda _, __: multi_unit.huang(), False),
    "huang, order": ("huang", {"drop": "order"}, lambda lots, _: multi_unit.huang("order", lots.exact), False),
    "muda, lottery": ("muda", {}, lambda lots, _: multi_unit.muda("lottery", lots.exact), False),
    "muda, vickrey": (
        "muda",
        {"long_side": "vickrey"},
        lambda lots, _: multi_unit.muda("vickrey", lots.exact),
        False,
    ),
    "vcg": ("vcg", {}, lambda _, ties: multi_unit.vcg(None, ties), False),
    "continuous": ("continuous", {}, lambda lots, _: continuous.continuous(by_arrival(lots)), False),
    "continuous, mid": (
        "continuous",
        {"pair_price": "mid"},
        lambda lots, _: continuous.continuous(by_arrival(lots), "mid"),
        False,
    ),
}
POOLS = {
    "mid_market_rate": pool.mid_market_rate,
    "supply_demand_ratio": pool.supply_demand_ratio,
    "bill_sharing": pool.bill_sharing,
}


def assert_same(clearing: Clearing, answer: Answer, price_error: float = 1e-15) -> None:
    """Fills to the last bit but for a quotient's rounding, and no dust; prices and money to rounding."""
    filled = numbers(answer.filled)
    np.testing.assert_array_equal(clearing.filled != 0, filled != 0)
    np.testing.assert_allclose(clearing.filled, filled, rtol=4e-16, atol=1e-16)
    np.testing.assert_allclose(clearing.unit_price, numbers(answer.unit_price), rtol=1e-13, atol=price_error)
    np.testing.assert_allclose(clearing.payment, numbers(answer.payment), rtol=1e-13, atol=100 * price_error)
    for name in ("clearing_price", "price_low", "price_high"):
        expected = number(getattr(answer, name))
        assert float(getattr(clearing, name)) == pytest.approx(expected, rel=1e-13, abs=price_error, nan_ok=True), name
    for name in ("traded", "operator_surplus", "network_payment", "grid_payment"):
        expected = float(getattr(answer, name))
        assert float(getattr(clearing, name)) == pytest.approx(expected, rel=1e-13, abs=1e3 * price_error), name


def compare(case: str, book: Book, lots: Lots, ties: str) -> None:
    _, _, reference, is_unit = CASES[case]
    book = one_lot(book) if is_unit else book
    clearing = clear(case, book, lots, ties=ties)
    answer = settle(book.exact_price, book.exact_quantity, reference(lots, lots.exact if ties == "random" else ties))
    assert_same(clearing, answer)


def clear(case: str, book: Book, lots: Lots, **rules: Any) -> Clearing:
    mechanism, options, _, _ = CASES[case]
    label = mechanism + "".join(f": {key}={value}" for key, value in options.items())
    return run_with_lots(label, book.price, book.quantity, lots.floats, **rules)


some_books = st.one_of(books, crossing_books.filter(lambda book: len(book) <= 12))
with_lots = some_books.flatmap(lambda book: st.tuples(st.just(book), lots_of(book)))
TIES = st.sampled_from(["prorata", "prorata", "priority", "random"])


@pytest.mark.parametrize("case", CASES)
@quick
@given(drawn=with_lots, ties=TIES)
def test_fills_and_prices(case, drawn, ties):
    compare(case, *drawn, ties)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@many
@given(drawn=with_lots, ties=TIES)
def test_fills_and_prices_of_many_books(case, drawn, ties):
    compare(case, *drawn, ties)


cents_of_fee = st.sampled_from([0, 1, 2, 3, 5])
shares = st.sampled_from([Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(1)])


@pytest.mark.parametrize("case", CASES)
@quick
@given(
    drawn=with_lots,
    fee=cents_of_fee,
    network_fee=cents_of_fee,
    share=shares,
    energy_unit=st.sampled_from([None, 1 / 16]),
)
def test_with_fees_per_kwh_on_ticks(case, drawn, fee, network_fee, share, energy_unit):
    book, lots = drawn
    _, _, reference, is_unit = CASES[case]
    book = one_lot(book) if is_unit else book
    fees = {"fee": Fraction(fee, 100), "network_fee": Fraction(network_fee, 100), "fee_share": share}
    answer = settle(book.exact_price, book.exact_quantity, reference(lots, "prorata"), **fees)
    as_floats = {name: float(value) for name, value in fees.items()}
    clearing = clear(case, book, lots, price_tick=0.01, energy_unit=energy_unit, **as_floats)
    assert_same(clearing, answer)


@pytest.mark.parametrize("case", CASES)
@quick
@given(drawn=with_lots, rate=st.sampled_from([Fraction(1, 4), Fraction(1, 8)]), share=shares)
def test_with_a_fee_that_is_a_share_of_the_price(case, drawn, rate, share):
    book, lots = drawn
    _, _, reference, is_unit = CASES[case]
    book = one_lot(book) if is_unit else book
    answer = settle(book.exact_price, book.exact_quantity, reference(lots, "prorata"), fee_rate=rate, fee_share=share)
    clearing = clear(case, book, lots, fee_rate=float(rate), fee_share=float(share))
    # shifted prices, quotients now, are rounded to twelve decimals so that equal ones stay equal
    assert_same(clearing, answer, price_error=1e-11)


# Households with several orders, each on one side


@st.composite
def owned_books(draw: st.DrawFn) -> tuple[Book, Lots, list[int]]:
    """Draw a book whose orders belong to few households, 0 to 2 on the buyers' side and 3 to 5 on the sellers'."""
    book = draw(some_books)
    places = st.integers(0, 2)
    household = [draw(places) + (3 if size < 0 else 0) for size in book.sixteenths]
    return book, draw(lots_of(book)), household


OWNED = {
    "vcg": ("vcg", lambda _, household: multi_unit.vcg(household)),
    "muda, lottery": ("muda", lambda lots, household: multi_unit.muda("lottery", lots.exact, household)),
    "muda, vickrey": (
        "muda: long_side=vickrey",
        lambda lots, household: multi_unit.muda("vickrey", lots.exact, household),
    ),
}


@pytest.mark.parametrize("case", OWNED)
@quick
@given(drawn=owned_books())
def test_by_household(case, drawn):
    book, lots, household = drawn
    variant, reference = OWNED[case]
    answer = settle(book.exact_price, book.exact_quantity, reference(lots, dict(enumerate(household))))
    clearing = run_with_lots(variant, book.price, book.quantity, lots.floats, household=household)
    # own orders of one price stand in either order in a queue, so only their sum is decided
    totals, expected = np.zeros((2, 6)), np.zeros((2, 6))
    np.add.at(totals, (slice(None), household), np.stack([clearing.filled, clearing.payment]))
    np.add.at(expected, (slice(None), household), np.stack([numbers(answer.filled), numbers(answer.payment)]))
    np.testing.assert_allclose(totals, expected, rtol=1e-13, atol=1e-15)
    traded = clearing.filled != 0
    price = np.array([number(p) for p in answer.unit_price])
    both = traded & ~np.isnan(price)
    np.testing.assert_allclose(clearing.unit_price[both], price[both], rtol=1e-13)


# Continuous: who meets whom


@pytest.mark.parametrize("pair_price", ["maker", "mid"])
@quick
@given(drawn=with_lots, in_arrays=st.booleans())
def test_a_given_arrival(pair_price, drawn, in_arrays):
    """In the order given, in array order by default, and by lot with a seed."""
    book, lots = drawn
    arrival = list(range(len(book))) if in_arrays else by_arrival(lots)
    answer = settle(book.exact_price, book.exact_quantity, continuous.continuous(arrival, pair_price))
    given_arrival = {} if in_arrays else {"arrival": arrival}
    clearing = p2p_market.clear(book.price, book.quantity, "continuous", pair_price=pair_price, **given_arrival)
    assert_same(clearing, answer)


@quick
@given(drawn=st.lists(st.tuples(*[st.integers(1, 5)] * 4), min_size=2, max_size=4))
def test_an_arrival_for_each_market(drawn):
    price = np.array(drawn, dtype=float)
    quantity = np.tile([1.0, -2.0, 2.0, -1.0], (len(drawn), 1))
    arrival = np.array([np.random.default_rng(b).permutation(4) for b in range(len(drawn))])
    together = p2p_market.clear(price, quantity, "continuous", arrival=arrival)
    for b in range(len(drawn)):
        alone = p2p_market.clear(price[b], quantity[b], "continuous", arrival=arrival[b])
        np.testing.assert_array_equal(together.payment[b], alone.payment)


# Pools


@st.composite
def tariffs(draw: st.DrawFn, count: int) -> tuple[list[Fraction], list[Fraction]]:
    """Draw retail and feed-in prices in cents, one for all or one a household."""
    retail, feed_in = st.integers(30, 60), st.integers(0, 30)
    if draw(st.booleans()):
        return [Fraction(draw(retail), 100)] * count, [Fraction(draw(feed_in), 100)] * count
    return (
        [Fraction(draw(retail), 100) for _ in range(count)],
        [Fraction(draw(feed_in), 100) for _ in range(count)],
    )


def compare_pool(name: str, book: Book, data: st.DataObject) -> None:
    retail, feed_in = data.draw(tariffs(len(book)))
    fees = {
        "fee": Fraction(data.draw(st.sampled_from([0, 0, 2, 5, 40])), 100),
        "network_fee": Fraction(data.draw(st.sampled_from([0, 0, 1])), 100),
        "fee_rate": data.draw(st.sampled_from([Fraction(0), Fraction(0), Fraction(1, 8)])),
        "fee_share": data.draw(shares),
    }
    answer = pool.pool(book.exact_quantity, retail, feed_in, POOLS[name], **fees)
    clearing = p2p_market.clear(
        book.price,
        book.quantity,
        name,
        retail_price=numbers(retail),
        feed_in_price=numbers(feed_in),
        **{key: float(value) for key, value in fees.items()},
    )
    assert_same(clearing, answer)


@pytest.mark.parametrize("name", POOLS)
@quick
@given(book=some_books, data=st.data())
def test_pools(name, book, data):
    compare_pool(name, book, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", POOLS)
@many
@given(book=some_books, data=st.data())
def test_pools_on_many_books(name, book, data):
    compare_pool(name, book, data)


@pytest.mark.parametrize("name", POOLS)
@quick
@given(book=some_books, retail=st.integers(30, 60), feed_in=st.integers(0, 30))
def test_pools_by_what_buyers_pay_and_sellers_get(name, book, retail, feed_in):
    """Check the checker: the published two-price form of each rule, under one tariff."""
    retail_price, feed_in_price = Fraction(retail, 100), Fraction(feed_in, 100)
    n = len(book)
    answer = pool.pool(book.exact_quantity, [retail_price] * n, [feed_in_price] * n, POOLS[name])
    d = sum((q for q in book.exact_quantity if q > 0), Fraction(0))
    g = sum((-q for q in book.exact_quantity if q < 0), Fraction(0))
    mid = (retail_price + feed_in_price) / 2
    for q, price in zip(book.exact_quantity, answer.unit_price, strict=True):
        if q == 0:
            assert price is None
        elif name == "mid_market_rate":
            buys = mid if g >= d else (g * mid + (d - g) * retail_price) / d
            sells = mid if g <= d else (d * mid + (g - d) * feed_in_price) / g
            assert price == (buys if q > 0 else sells)
        elif name == "bill_sharing":
            assert price == (retail_price * max(d - g, 0) / d if q > 0 else feed_in_price * max(g - d, 0) / g)
        elif d > 0 and g <= d:
            r = g / d
            p_s = (
                retail_price
                if r == 0
                else feed_in_price * retail_price / ((retail_price - feed_in_price) * r + feed_in_price)
            )
            assert price == (p_s * r + retail_price * (1 - r) if q > 0 else p_s)
        else:
            assert price == feed_in_price
