"""A continuous double auction as two lists of resting orders; exact."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from reference.double_auction import Decision, Mechanism
from reference.efficient import Orders
from reference.limit_order_book import LimitOrderBook

Trade = tuple[int, int, Fraction, Fraction]  # buyer, seller, quantity, price


def trades(bids: Orders, asks: Orders, arrival: Sequence[int], pair_price: str = "maker") -> list[Trade]:
    """Orders arrive one by one; each meets the best that rest, older ones first at one price, and rests itself."""
    left = {i: quantity for i, (_, quantity) in (bids | asks).items()}
    resting_bids: list[int] = []
    resting_asks: list[int] = []
    made: list[Trade] = []
    for i in (i for i in arrival if i in left):
        buys = i in bids
        limit = (bids | asks)[i][0]
        others = resting_asks if buys else resting_bids
        while left[i] > 0:
            prices = [(bids | asks)[j][0] for j in others]
            if not prices:
                break
            best = prices.index(min(prices) if buys else max(prices))  # the first one, which is the oldest
            price = prices[best]
            if price > limit if buys else price < limit:
                break
            j = others[best]
            quantity = min(left[i], left[j])
            at = price if pair_price == "maker" else (price + limit) / 2
            made.append((i, j, quantity, at) if buys else (j, i, quantity, at))
            left[i] -= quantity
            left[j] -= quantity
            if left[j] == 0:
                del others[best]
        if left[i] > 0:
            (resting_bids if buys else resting_asks).append(i)
    return made


def continuous(arrival: Sequence[int], pair_price: str = "maker") -> Mechanism:
    """Each order's energy, and the mean price of its trades."""

    def decide(bids: Orders, asks: Orders) -> Decision:
        filled: dict[int, Fraction] = {}
        paid: dict[int, Fraction] = {}
        for buyer, seller, quantity, price in trades(bids, asks, arrival, pair_price):
            for i in (buyer, seller):
                filled[i] = filled.get(i, Fraction(0)) + quantity
                paid[i] = paid.get(i, Fraction(0)) + quantity * price
        return Decision(filled, {i: paid[i] / filled[i] for i in filled})

    return decide


Quote = tuple[Fraction, Fraction]  # price, signed quantity; 0 is no quote


def trades_in_rounds(
    rounds: Sequence[Sequence[Quote]], arrival: Sequence[int], pair_price: str = "maker"
) -> list[tuple[int, int, Fraction, Fraction]]:
    """Households quote round by round, each by its place; trades name quotes by their place in all rounds together."""
    num_households = len(rounds[0])
    quotes = [quote for a_round in rounds for quote in a_round]
    book = LimitOrderBook()
    traded = dict.fromkeys(range(num_households), Fraction(0))
    standing: dict[int, int] = {}
    made = []
    for i in arrival:
        price, quantity = quotes[i]
        household = i % num_households
        if quantity == 0:
            continue
        book.cancel(household)
        standing[household] = i
        rest = max(abs(quantity) - traded[household], Fraction(0))
        if rest == 0:
            continue
        for _, maker, size, at in book.submit(household, price, rest if quantity > 0 else -rest):
            j = standing[maker]
            price_of_pair = at if pair_price == "maker" else (at + price) / 2
            made.append((i, j, size, price_of_pair) if quantity > 0 else (j, i, size, price_of_pair))
            traded[household] += size
            traded[maker] += size
    return made
