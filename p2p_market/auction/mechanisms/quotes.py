"""Bidding rounds inside one interval: which order is whose renewed quote, and what each household may still trade."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from p2p_market.auction.book import SortedBook
from p2p_market.auction.limit_order_book import LimitOrderBook
from p2p_market.errors import MechanismError
from p2p_market.types import FloatArray, IntArray


class Quotes:
    """Whose quote each order is, which quote a household has standing, and how much it may still trade.

    Orders are named by their place in the flat arrays, households by the slot that they have in the limit order books.
    With one round each order has a slot of its own, and nothing is renewed.

    Parameters
    ----------
    book
        ``B`` markets of ``N`` orders, round by round.
    rounds
        How many rounds.

    Attributes
    ----------
    slot_of
        ``(N,)`` slot of each order.
    num_slots
        Slots a market.
    standing
        ``(B * num_slots,)`` the order that was laid down last in each slot; -1 for none.

    Raises
    ------
    MechanismError
        For a number of rounds that cannot be, or a household that quotes twice in a round or on both sides.
    """

    def __init__(self, book: SortedBook, rounds: int) -> None:
        self._book = book
        self._quantity = book.quantity.ravel()
        num_markets, num_orders = book.shape
        first = num_orders * np.arange(num_markets)
        self._rounds = _check_rounds(rounds, num_orders)
        self.is_renewed = rounds > 1
        if not self.is_renewed:
            self.slot_of, self.num_slots = np.arange(num_orders), num_orders
            self.standing = (first[:, None] + self.slot_of).ravel()  # an order has a slot of its own
            return
        self.slot_of, self.num_slots = _slots_of_households(book, rounds)
        self.standing = np.full(num_markets * self.num_slots, -1)  # order in each slot
        self._offered = np.zeros(book.quantity.size)
        self._left = np.zeros(book.quantity.size)  # of quotes that stand no longer
        self._traded = np.zeros(num_markets * self.num_slots)

    @cached_property
    def last(self) -> SortedBook:
        """The book of the last quotes, a column a household."""
        if not self.is_renewed:
            return self._book
        num_markets, num_orders = self._book.shape
        price, quantity = np.zeros((2, num_markets, self.num_slots))
        for a_round in np.split(np.arange(num_orders), self._rounds):
            slots, quoted = self.slot_of[a_round], self._book.quantity[:, a_round]
            price[:, slots] = np.where(quoted != 0.0, self._book.price[:, a_round], price[:, slots])
            quantity[:, slots] = np.where(quoted != 0.0, quoted, quantity[:, slots])
        return SortedBook(price, quantity, tolerance=self._book.relative_tolerance)

    def arrive(self, limit_order_book: LimitOrderBook, market: IntArray, order: IntArray) -> FloatArray:
        """Signed quantity that arriving orders ``(M,)`` offer; the quotes that they replace are withdrawn."""
        if not self.is_renewed:
            return self._quantity[order]
        slot = self.slot_of[order - market * self._book.shape[1]]
        stood = limit_order_book.withdraw(market, slot)
        place = market * self.num_slots + slot
        former = self.standing[place]
        has_former = former >= 0
        self._left[former[has_former]] = stood[has_former]
        self._traded[place] += np.where(has_former, self._offered[former] - stood, 0.0)
        self.standing[place] = order
        offer = np.abs(self._quantity[order]) - self._traded[place]
        offer = np.where(offer > self._book.noise[market], offer, 0.0)
        self._offered[order] = offer
        return np.copysign(offer, self._quantity[order])

    def filled(self, limit_order_book: LimitOrderBook) -> FloatArray:
        """``(B, N)`` size of what each order has traded."""
        rests = np.abs(limit_order_book.standing)
        if not self.is_renewed:
            return self._book.size - rests
        has_quoted = self.standing >= 0
        self._left[self.standing[has_quoted]] = rests.ravel()[has_quoted]
        return (self._offered - self._left).reshape(self._book.shape)


def _check_rounds(rounds: int, num_orders: int) -> int:
    if isinstance(rounds, bool) or not isinstance(rounds, (int, np.integer)) or rounds < 1:
        raise MechanismError(f"rounds is {rounds!r}; expected a whole number, 1 or more")
    if num_orders % rounds:
        raise MechanismError(
            f"rounds is {rounds}, and there are {num_orders} orders; expected as many in every round, with a quantity "
            "of 0 for a household that does not quote"
        )
    return int(rounds)


def _slots_of_households(book: SortedBook, rounds: int) -> tuple[IntArray, int]:
    """``(N,)`` slot of the household behind each order, and the number of slots."""
    num_markets, num_orders = book.shape
    in_rounds = np.split(np.arange(num_orders), rounds)
    household = np.tile(np.arange(num_orders // rounds), rounds) if book.household is None else book.household
    names, slot_of = np.unique(household, return_inverse=True)
    bids, asks = np.zeros((2, num_markets, len(names)), dtype=bool)
    for number, a_round in enumerate(in_rounds):
        slots = slot_of[a_round]
        counts = np.bincount(slots, minlength=len(names))
        if (counts > 1).any():
            raise MechanismError(
                f"household {int(names[counts.argmax()])} has {int(counts.max())} orders in round {number}; expected "
                "one quote a round at most"
            )
        bids[:, slots] |= book.is_bid[:, a_round]
        asks[:, slots] |= book.is_ask[:, a_round]
    if (bids & asks).any():
        market, slot = (int(i) for i in np.argwhere(bids & asks)[0])
        raise MechanismError(
            f"household {int(names[slot])} bids in one round of market {book.first_market + market} and asks in "
            "another; expected one side an interval"
        )
    return slot_of, len(names)
