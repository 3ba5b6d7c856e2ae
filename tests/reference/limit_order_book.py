"""A limit order book as one list of standing orders, each with its age; exact."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

Trade = tuple[int, int, Fraction, Fraction]  # taker's slot, maker's slot, quantity, price


@dataclass
class Standing:
    """An order that rests."""

    slot: int
    buys: bool
    price: Fraction
    left: Fraction


class LimitOrderBook:
    """One market; the list runs from the oldest order to the youngest."""

    def __init__(self) -> None:
        self.orders: list[Standing] = []

    def best(self, *, buys: bool) -> Standing | None:
        """Best price first, then the oldest."""
        side = [order for order in self.orders if order.buys == buys]
        if not side:
            return None
        price = max(order.price for order in side) if buys else min(order.price for order in side)
        return next(order for order in side if order.price == price)

    def submit(self, slot: int, price: Fraction, quantity: Fraction) -> list[Trade]:
        """Replace what stands in the slot, trade while prices cross, and rest."""
        self.cancel(slot)
        comer = Standing(slot, quantity > 0, price, abs(quantity))
        trades: list[Trade] = []
        while comer.left > 0:
            maker = self.best(buys=not comer.buys)
            if maker is None or (maker.price > price if comer.buys else maker.price < price):
                self.orders.append(comer)
                break
            taken = min(comer.left, maker.left)
            trades.append((slot, maker.slot, taken, maker.price))
            comer.left -= taken
            maker.left -= taken
            if maker.left == 0:
                self.orders.remove(maker)
        return trades

    def cancel(self, slot: int) -> None:
        """Withdraw what stands in the slot."""
        self.orders = [order for order in self.orders if order.slot != slot]

    def clear(self) -> None:
        """Withdraw everything."""
        self.orders = []

    def standing(self, num_slots: int) -> list[Fraction]:
        """Signed quantity that rests in each slot."""
        rests = {order.slot: order.left if order.buys else -order.left for order in self.orders}
        return [rests.get(slot, Fraction(0)) for slot in range(num_slots)]
