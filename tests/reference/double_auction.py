"""uniform_price, pay_as_bid, pairwise_midpoint and grid_only by their definitions, with fees; exact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reference.efficient import Orders, equilibrium_interval, fill, largest_volume, level_pairs, margins

HALF = Fraction(1, 2)
ZERO = Fraction(0)


@dataclass
class Answer:
    """What a market answers; None where there is no price."""

    filled: list[Fraction]
    unit_price: list[Fraction | None]
    payment: list[Fraction]
    clearing_price: Fraction | None
    price_low: Fraction | None
    price_high: Fraction | None
    operator_surplus: Fraction
    network_payment: Fraction
    grid_payment: Fraction
    traded: Fraction


@dataclass
class PriceRule:
    """Gives every trading household its price in the book that the fee has shifted."""

    prices: Callable[[Orders, Orders, dict[int, Fraction]], dict[int, Fraction]]
    single_price: bool = False


def uniform_price(k: Fraction = HALF, price_rule: str = "ce") -> PriceRule:
    """One price for all: inside the equilibrium interval, or between the marginal bid and ask."""

    def rule(bids: Orders, asks: Orders, filled: dict[int, Fraction]) -> dict[int, Fraction]:
        low, high = equilibrium_interval(bids, asks, filled)
        marginal = k * margins(bids, "bid", filled)[0] + (1 - k) * margins(asks, "ask", filled)[0]
        price = {
            "ce": k * high + (1 - k) * low,
            "marginal": marginal,
            "clip": min(max(marginal, low), high),
        }[price_rule]
        return dict.fromkeys(filled, price)

    return PriceRule(rule, single_price=True)


def pay_as_bid(spread: str = "operator") -> PriceRule:
    """Own limit price for both sides, or pairs trade at the bid (the seller keeps the spread) or at the ask."""
    if spread != "operator":
        return pairwise(Fraction(1) if spread == "seller" else Fraction(0))

    def rule(bids: Orders, asks: Orders, filled: dict[int, Fraction]) -> dict[int, Fraction]:
        return {i: (bids | asks)[i][0] for i in filled}

    return PriceRule(rule)


def pairwise(k: Fraction = HALF) -> PriceRule:
    """Each pair at k * bid + (1 - k) * ask; an order gets the quantity-weighted price of its level."""

    def rule(bids: Orders, asks: Orders, filled: dict[int, Fraction]) -> dict[int, Fraction]:
        pairs = [(bid, ask, q, k * bid + (1 - k) * ask) for bid, ask, q in level_pairs(bids, asks, filled)]
        price = {}
        for side, orders in ((0, bids), (1, asks)):
            for household in (i for i in orders if filled[i] > 0):
                own = [pair for pair in pairs if pair[side] == orders[household][0]]
                price[household] = sum(p * q for *_, q, p in own) / sum(q for _, _, q, _ in own)
        return price

    return PriceRule(rule)


def clear(
    price: Sequence[Fraction],
    quantity: Sequence[Fraction],
    rule: PriceRule,
    ties: str = "prorata",
    fee: Fraction = ZERO,
    network_fee: Fraction = ZERO,
    fee_share: Fraction = HALF,
    fee_rate: Fraction = ZERO,
) -> Answer:
    """Shift the book by the fees, clear it, and settle: buyers pay p + their part, sellers get p - theirs."""
    per_kwh = fee + network_fee

    def bought(p: Fraction) -> Fraction:
        return p * (1 + fee_share * fee_rate) + fee_share * per_kwh

    def sold(p: Fraction) -> Fraction:
        return p * (1 - (1 - fee_share) * fee_rate) - (1 - fee_share) * per_kwh

    bids: Orders = {}
    asks: Orders = {}
    for i, (limit, q) in enumerate(zip(price, quantity, strict=True)):
        if q > 0:
            bids[i] = ((limit - fee_share * per_kwh) / (1 + fee_share * fee_rate), q)
            assert bought(bids[i][0]) == limit
        elif q < 0:
            asks[i] = ((limit + (1 - fee_share) * per_kwh) / (1 - (1 - fee_share) * fee_rate), -q)
            assert sold(asks[i][0]) == limit

    n = len(price)
    volume = largest_volume(bids, asks)
    answer = Answer([ZERO] * n, [None] * n, [ZERO] * n, None, None, None, ZERO, ZERO, ZERO, volume)
    if volume == 0:
        return answer
    filled = fill(bids, "bid", volume, ties) | fill(asks, "ask", volume, ties)
    answer.price_low, answer.price_high = equilibrium_interval(bids, asks, filled)
    prices = rule.prices(bids, asks, filled)
    for i in (i for i in filled if filled[i] > 0):
        own = bought(prices[i]) if i in bids else sold(prices[i])
        answer.filled[i] = filled[i] if i in bids else -filled[i]
        answer.unit_price[i] = own
        answer.payment[i] = own * answer.filled[i]
    if rule.single_price:
        answer.clearing_price = next(iter(prices.values()))
    answer.network_payment = network_fee * volume
    answer.operator_surplus = sum(answer.payment, ZERO) - answer.network_payment
    return answer


def grid_only(quantity: Sequence[Fraction], retail: Sequence[Fraction], feed_in: Sequence[Fraction]) -> Answer:
    """Everybody with the grid: buy at retail, sell at the feed-in price."""
    n = len(quantity)
    answer = Answer([ZERO] * n, [None] * n, [ZERO] * n, None, None, None, ZERO, ZERO, ZERO, ZERO)
    for i, q in enumerate(quantity):
        if q != 0:
            own = retail[i] if q > 0 else feed_in[i]
            answer.unit_price[i] = own
            answer.payment[i] = own * q
            answer.grid_payment += own * q
    return answer
