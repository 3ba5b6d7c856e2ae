"""mid_market_rate, supply_demand_ratio and bill_sharing by their published formulas; exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from reference.double_auction import Answer, Fees

ZERO = Fraction(0)
Inside = Callable[[Fraction, Fraction, Fraction, Fraction], Fraction]  # D, G, retail, feed-in -> price in the pool


def mid_market_rate(deficit: Fraction, surplus: Fraction, retail: Fraction, feed_in: Fraction) -> Fraction:
    """The middle of both prices."""
    return (retail + feed_in) / 2


def supply_demand_ratio(deficit: Fraction, surplus: Fraction, retail: Fraction, feed_in: Fraction) -> Fraction:
    """What sellers get at R = G / D, which is what energy is worth inside the pool."""
    if surplus > deficit:
        return feed_in
    ratio = surplus / deficit
    if ratio == 0:
        return retail
    return feed_in * retail / ((retail - feed_in) * ratio + feed_in)


def bill_sharing(deficit: Fraction, surplus: Fraction, retail: Fraction, feed_in: Fraction) -> Fraction:
    """Nothing: what is matched inside is free."""
    return ZERO


def pool(
    quantity: Sequence[Fraction],
    retail: Sequence[Fraction],
    feed_in: Sequence[Fraction],
    inside: Inside,
    **fees: Fraction,
) -> Answer:
    """Match the shorter side whole and the longer one pro rata; the rest goes to the grid at each one's own tariff.

    The formula is given the buyers' mean retail price and the sellers' mean feed-in price, weighted by energy, as the
    fees leave them; where these have crossed, the grid is better for both and nothing is matched.
    """
    charges = Fees(**fees)
    n = len(quantity)
    answer = Answer([ZERO] * n, [None] * n, [ZERO] * n, None, None, None, ZERO, ZERO, ZERO, ZERO)
    deficit = sum((q for q in quantity if q > 0), ZERO)
    surplus = sum((-q for q in quantity if q < 0), ZERO)
    matched = min(deficit, surplus)
    price = ZERO
    if matched > 0:
        mean_retail = sum(charges.bid(p) * q for p, q in zip(retail, quantity, strict=True) if q > 0) / deficit
        mean_feed_in = sum(charges.ask(p) * -q for p, q in zip(feed_in, quantity, strict=True) if q < 0) / surplus
        if mean_retail < mean_feed_in:
            matched = ZERO
        else:
            price = inside(deficit, surplus, mean_retail, mean_feed_in)
            answer.clearing_price = answer.price_low = answer.price_high = price
    for i, q in enumerate(quantity):
        if q != 0:
            answer.filled[i] = q * matched / (deficit if q > 0 else surplus)
            with_grid = (q - answer.filled[i]) * (retail[i] if q > 0 else feed_in[i])
            inside_price = charges.bought(price) if q > 0 else charges.sold(price)
            answer.payment[i] = with_grid + answer.filled[i] * inside_price
            answer.unit_price[i] = answer.payment[i] / q
            answer.grid_payment += with_grid
    answer.traded = matched
    answer.network_payment = charges.network_fee * matched
    answer.operator_surplus = sum(answer.payment, ZERO) - answer.grid_payment - answer.network_payment
    return answer
