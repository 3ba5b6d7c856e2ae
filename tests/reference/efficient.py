"""Who trades how much when as much as possible trades, best price first. Exact: all numbers are fractions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

Orders = dict[int, tuple[Fraction, Fraction]]  # household -> (price, quantity > 0)
Levels = list[tuple[Fraction, Fraction]]  # (price, quantity), best first


def demand(bids: Orders, price: Fraction) -> Fraction:
    """D(p): everything that wants to buy at p or above."""
    return sum((quantity for bid, quantity in bids.values() if bid >= price), Fraction(0))


def supply(asks: Orders, price: Fraction) -> Fraction:
    """S(p): everything that wants to sell at p or below."""
    return sum((quantity for ask, quantity in asks.values() if ask <= price), Fraction(0))


def largest_volume(bids: Orders, asks: Orders) -> Fraction:
    """Q_max = max over p of min(D(p), S(p)); only limit prices can be where it is reached."""
    prices = [price for price, _ in (*bids.values(), *asks.values())]
    return max((min(demand(bids, price), supply(asks, price)) for price in prices), default=Fraction(0))


def best_first(orders: Orders, side: str) -> list[Fraction]:
    """The distinct prices of a side, best first."""
    return sorted({price for price, _ in orders.values()}, reverse=side == "bid")


Ties = str | Mapping[int, Fraction]  # "prorata", "priority" (household order), or a lot for each household


def fill(orders: Orders, side: str, volume: Fraction, ties: Ties) -> dict[int, Fraction]:
    """Hand a volume to a side, best price first; a level that gets less than it wants shares by the tie rule."""
    filled = dict.fromkeys(orders, Fraction(0))
    for price in best_first(orders, side):
        level = {household: quantity for household, (own, quantity) in sorted(orders.items()) if own == price}
        share = min(volume / sum(level.values()), Fraction(1))
        for household in sorted(level, key=lambda i: i if isinstance(ties, str) else ties[i]):
            quantity = level[household]
            if ties == "prorata":
                filled[household] = quantity * share
            else:  # one after the other
                filled[household] = min(quantity, volume)
                volume -= filled[household]
        if ties == "prorata":
            volume -= share * sum(level.values())
    return filled


def margins(orders: Orders, side: str, filled: dict[int, Fraction]) -> tuple[Fraction, Fraction | None]:
    """The price of the last accepted unit, and of the next one that is not (None: there is none)."""
    last = [orders[i][0] for i in orders if filled[i] > 0]
    rest = [orders[i][0] for i in orders if filled[i] < orders[i][1]]
    if side == "bid":
        return min(last), max(rest, default=None)
    return max(last), min(rest, default=None)


def equilibrium_interval(bids: Orders, asks: Orders, filled: dict[int, Fraction]) -> tuple[Fraction, Fraction]:
    """[max(p_a, n_b), min(p_b, n_a)]: the prices at which exactly this volume clears."""
    p_b, n_b = margins(bids, "bid", filled)
    p_a, n_a = margins(asks, "ask", filled)
    return max(p_a, p_a if n_b is None else n_b), min(p_b, p_b if n_a is None else n_a)


def filled_levels(orders: Orders, side: str, filled: dict[int, Fraction]) -> Levels:
    """What trades at each price of a side, best first."""
    return [(p, sum(filled[i] for i in orders if orders[i][0] == p)) for p in best_first(orders, side)]


def level_pairs(bids: Orders, asks: Orders, filled: dict[int, Fraction]) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Walk the book, best bid level with best ask level: (bid price, ask price, quantity)."""
    buys, sells = filled_levels(bids, "bid", filled), filled_levels(asks, "ask", filled)
    pairs = []
    while buys and sells:
        (bid, want), (ask, have) = buys[0], sells[0]
        quantity = min(want, have)
        pairs.append((bid, ask, quantity))
        buys[0], sells[0] = (bid, want - quantity), (ask, have - quantity)
        if buys[0][1] == 0:
            del buys[0]
        if sells and sells[0][1] == 0:
            del sells[0]
    return [pair for pair in pairs if pair[2] > 0]
