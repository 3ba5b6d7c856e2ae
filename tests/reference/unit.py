"""trade_reduction, mcafee and sbba for lots of one size, by their definitions; exact."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from reference.double_auction import Decision, Mechanism
from reference.efficient import Orders, Ties, fill


def _sorted_limits(bids: Orders, asks: Orders) -> tuple[list[Fraction], list[Fraction], int, Fraction]:
    """Bids from the highest on, asks from the lowest on, the number k of pairs that gain, and the lot."""
    b = sorted((price for price, _ in bids.values()), reverse=True)
    s = sorted(price for price, _ in asks.values())
    k = 0
    while k < min(len(b), len(s)) and b[k] >= s[k]:
        k += 1
    lots = {quantity for _, quantity in (*bids.values(), *asks.values())}
    assert len(lots) <= 1
    return b, s, k, lots.pop() if lots else Fraction(0)


def _best(bids: Orders, asks: Orders, lots: Fraction, ties: Ties) -> dict[int, Fraction]:
    if lots == 0:
        return {}
    return fill(bids, "bid", lots, ties) | fill(asks, "ask", lots, ties)


def trade_reduction(ties: Ties = "prorata") -> Mechanism:
    """The k - 1 best pairs; buyers pay b_k, sellers get s_k."""

    def decide(bids: Orders, asks: Orders) -> Decision:
        b, s, k, lot = _sorted_limits(bids, asks)
        if k <= 1:
            return Decision({}, {})
        prices = dict.fromkeys(bids, b[k - 1]) | dict.fromkeys(asks, s[k - 1])
        return Decision(_best(bids, asks, (k - 1) * lot, ties), prices)

    return decide


def mcafee(ties: Ties = "prorata") -> Mechanism:
    """All k pairs at (b_{k+1} + s_{k+1}) / 2 where s_k <= that <= b_k, else trade reduction."""

    def decide(bids: Orders, asks: Orders) -> Decision:
        b, s, k, lot = _sorted_limits(bids, asks)
        if 0 < k < min(len(b), len(s)):
            p = (b[k] + s[k]) / 2
            if s[k - 1] <= p <= b[k - 1]:
                return Decision(_best(bids, asks, k * lot, ties), dict.fromkeys((*bids, *asks), p), p)
        return trade_reduction(ties)(bids, asks)

    return decide


def sbba(draw: Mapping[int, Fraction], ties: Ties = "prorata") -> Mechanism:
    """One price, s_{k+1} or b_k, whichever is lower; in the second case the seller with the lowest draw stays out."""

    def decide(bids: Orders, asks: Orders) -> Decision:
        b, s, k, lot = _sorted_limits(bids, asks)
        if k == 0:
            return Decision({}, {})
        if k < len(s) and s[k] <= b[k - 1]:
            p = s[k]
            return Decision(_best(bids, asks, k * lot, ties), dict.fromkeys((*bids, *asks), p), p)
        p = b[k - 1]
        sellers = sorted((i for i in asks if asks[i][0] <= s[k - 1]), key=lambda i: draw[i])
        assert len(sellers) == k  # no tie at s_k, or it would be s_{k+1} too
        filled = fill(bids, "bid", (k - 1) * lot, ties) if k > 1 else {}
        filled |= dict.fromkeys(sellers[1:], lot)
        return Decision(filled, dict.fromkeys((*bids, *asks), p), p)

    return decide
