"""Books that hypothesis draws: coarse grids, many ties, empty sides, and floats that only almost agree."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

CAP_LOW, CAP_HIGH = 11, 59  # cents: a feed-in and a retail price


@dataclass(frozen=True)
class Book:
    """Orders on exact grids: prices in cents, signed quantities in sixteenths of a kWh."""

    cents: tuple[int, ...]
    sixteenths: tuple[int, ...]

    @property
    def price(self) -> np.ndarray:
        """(N,) [$/kWh] the decimal fraction that is nearest to the cents."""
        return np.array(self.cents, dtype=np.float64) / 100

    @property
    def quantity(self) -> np.ndarray:
        """(N,) [kWh], exact in binary."""
        return np.array(self.sixteenths, dtype=np.float64) / 16

    @property
    def exact_price(self) -> list[Fraction]:
        """[$/kWh] the decimal numbers that were meant."""
        return [Fraction(cents, 100) for cents in self.cents]

    @property
    def exact_quantity(self) -> list[Fraction]:
        """[kWh]."""
        return [Fraction(sixteenths, 16) for sixteenths in self.sixteenths]

    def __len__(self) -> int:
        return len(self.cents)


any_price = st.integers(0, 100)
few_prices = st.sampled_from([20, 21, 22, 25, 30])  # ties are the rule, not the exception
any_size = st.integers(1, 64)
few_sizes = st.sampled_from([1, 2, 3, 8, 16])
sign = st.sampled_from([-1, 1])
some_side = st.sampled_from([-1, -1, 0, 1, 1])


def _book(orders: list[tuple[int, int]]) -> Book:
    return Book(tuple(price for price, _ in orders), tuple(size for _, size in orders))


def _orders(price: st.SearchStrategy, side: st.SearchStrategy, size: st.SearchStrategy, **lengths: int):
    order = st.tuples(price, st.builds(lambda a, b: a * b, side, size))
    return st.lists(order, **{"max_size": 12, **lengths}).map(_book)


def _by_side(bid_price: int, ask_price: int, sizes: list[int]) -> Book:
    return _book([(bid_price if size > 0 else ask_price, size) for size in sizes])


signed_sizes = st.builds(lambda a, b: a * b, sign, few_sizes)
random_books = _orders(any_price, some_side, any_size)
tied_books = _orders(few_prices, some_side, few_sizes)
one_sided_books = st.one_of(_orders(few_prices, st.just(1), few_sizes), _orders(few_prices, st.just(-1), few_sizes))
all_zero_books = _orders(few_prices, st.just(0), few_sizes)
two_level_books = st.builds(_by_side, few_prices, few_prices, st.lists(signed_sizes, max_size=12))
cap_books = _orders(st.sampled_from([CAP_LOW, CAP_LOW, CAP_HIGH, CAP_HIGH, 20, 30]), sign, any_size)

books = st.one_of(random_books, tied_books, tied_books, one_sided_books, all_zero_books, two_level_books, cap_books)
"""Any book of 0 to 12 orders."""

crossing_books = st.builds(
    lambda book, bid, ask: Book((*book.cents, 100, 0), (*book.sixteenths, bid, -ask)),
    st.one_of(random_books, tied_books, cap_books),
    any_size,
    any_size,
)
"""Books in which something trades for certain."""


@st.composite
def batches(draw: st.DrawFn, max_markets: int = 5) -> list[Book]:
    """Draw several books of one length, of different kinds."""
    length = draw(st.integers(0, 12))
    kinds = st.one_of(
        _orders(any_price, some_side, any_size, min_size=length, max_size=length),
        _orders(few_prices, some_side, few_sizes, min_size=length, max_size=length),
        _orders(few_prices, sign, few_sizes, min_size=length, max_size=length),
        st.just(Book((20,) * length, (0,) * length)),
    )
    return draw(st.lists(kinds, min_size=1, max_size=max_markets))


@st.composite
def float_books(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[int], list[int]]:
    """Draw prices and quantities that are sums of tenths: equal in decimal, a rounding error apart in binary.

    Also returns the whole numbers of tenths that were meant.
    """
    tenths = st.integers(1, 6)
    count = draw(st.integers(0, 12))
    prices = [draw(tenths) for _ in range(count)]
    sizes = [draw(tenths) * draw(some_side) for _ in range(count)]

    def drifted(number: int) -> float:
        total = 0.0
        for _ in range(abs(number)):  # not sum(), which compensates rounding from Python 3.12 on
            total += 0.1
        return float(np.copysign(total, number))

    return np.array([drifted(p) for p in prices]), np.array([drifted(q) for q in sizes]), prices, sizes


def stack(batch: list[Book]) -> tuple[np.ndarray, np.ndarray]:
    """Return prices and quantities of a batch, (B, N) each."""
    return np.stack([book.price for book in batch]), np.stack([book.quantity for book in batch])
