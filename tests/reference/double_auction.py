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


@dataclass
class Fees:
    """What is charged on energy that is matched locally."""

    fee: Fraction = ZERO
    network_fee: Fraction = ZERO
    fee_share: Fraction = HALF
    fee_rate: Fraction = ZERO

    def bought(self, p: Fraction) -> Fraction:
        """What a buyer pays at a price p before fees."""
        return p * (1 + self.fee_share * self.fee_rate) + self.fee_share * (self.fee + self.network_fee)

    def sold(self, p: Fraction) -> Fraction:
        """What a seller gets at a price p before fees."""
        seller_share = 1 - self.fee_share
        return p * (1 - seller_share * self.fee_rate) - seller_share * (self.fee + self.network_fee)

    def bid(self, limit: Fraction) -> Fraction:
        """The highest price before fees that a buyer with this limit can pay."""
        price = (limit - self.fee_share * (self.fee + self.network_fee)) / (1 + self.fee_share * self.fee_rate)
        assert self.bought(price) == limit
        return price

    def ask(self, limit: Fraction) -> Fraction:
        """The lowest price before fees that a seller with this limit can take."""
        seller_share = 1 - self.fee_share
        price = (limit + seller_share * (self.fee + self.network_fee)) / (1 - seller_share * self.fee_rate)
        assert self.sold(price) == limit
        return price


@dataclass
class Decision:
    """What a mechanism decides in the book that the fees have shifted: energy and price of every order that trades."""

    filled: dict[int, Fraction]
    price: dict[int, Fraction]
    single_price: Fraction | None = None


Mechanism = Callable[[Orders, Orders], Decision]  # bids, asks


def settle(price: Sequence[Fraction], quantity: Sequence[Fraction], mechanism: Mechanism, **fees: Fraction) -> Answer:
    """Shift the book by the fees, let the mechanism decide, and settle: buyers pay p + their part, sellers get less."""
    charges = Fees(**fees)
    bids: Orders = {}
    asks: Orders = {}
    for i, (limit, q) in enumerate(zip(price, quantity, strict=True)):
        if q > 0:
            bids[i] = (charges.bid(limit), q)
        elif q < 0:
            asks[i] = (charges.ask(limit), -q)

    n = len(price)
    answer = Answer([ZERO] * n, [None] * n, [ZERO] * n, None, None, None, ZERO, ZERO, ZERO, ZERO)
    volume = largest_volume(bids, asks)
    if volume > 0:
        efficient = fill(bids, "bid", volume, "prorata") | fill(asks, "ask", volume, "prorata")
        answer.price_low, answer.price_high = equilibrium_interval(bids, asks, efficient)
    decision = mechanism(bids, asks)
    for i, energy in decision.filled.items():
        if energy > 0:
            own = charges.bought(decision.price[i]) if i in bids else charges.sold(decision.price[i])
            answer.filled[i] = energy if i in bids else -energy
            answer.unit_price[i] = own
            answer.payment[i] = own * answer.filled[i]
    answer.traded = sum((q for q in answer.filled if q > 0), ZERO)
    answer.clearing_price = decision.single_price if answer.traded > 0 else None
    answer.network_payment = charges.network_fee * answer.traded
    answer.operator_surplus = sum(answer.payment, ZERO) - answer.network_payment
    return answer


def clear(
    price: Sequence[Fraction],
    quantity: Sequence[Fraction],
    rule: PriceRule,
    ties: str = "prorata",
    **fees: Fraction,
) -> Answer:
    """The efficient trades at the prices of a rule."""

    def mechanism(bids: Orders, asks: Orders) -> Decision:
        volume = largest_volume(bids, asks)
        if volume == 0:
            return Decision({}, {})
        filled = fill(bids, "bid", volume, ties) | fill(asks, "ask", volume, ties)
        prices = rule.prices(bids, asks, filled)
        return Decision(filled, prices, next(iter(prices.values())) if rule.single_price else None)

    return settle(price, quantity, mechanism, **fees)


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
