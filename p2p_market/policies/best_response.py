"""The exact best answer to the orders of the last interval."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from p2p_market.analysis.candidates import price_candidates
from p2p_market.analysis.fixed_books import Deviators, FixedBooks
from p2p_market.auction.rules import AuctionRules
from p2p_market.policies.base import BidView, Memory, Outcome, Policy
from p2p_market.policies.options import check_count
from p2p_market.types import FloatArray

_ORDERS_AT_ONCE = 300_000
_CANDIDATES_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class BestResponse(Policy):
    """Bid the price that would have been best against the others' orders of the last interval, for the whole net load.

    Everybody else is taken to repeat its last order. Tried are all other orders' prices and one tick to both sides of
    each, which is where the market's answer to a single order changes its form (see
    `p2p_market.analysis.best_response`); each is cleared by the market's own rules, and worth the household's gain over
    the grid. Of equally good prices it takes the one nearest to its own value, so where nothing is gained it bids
    truthfully, as it does in the first interval of an episode and under a pool rule. In a market of several bidding
    rounds it answers the quotes of the last one as if there were no other.

    The number of clearings grows with the square of the households of a street, and their size with the street: on
    streets of hundreds let few follow it.

    Parameters
    ----------
    num_lots
        Where the rules draw lots, over how many draws the gain is averaged; a household does not know the coming ones.

    References
    ----------
    .. [1] Chatterjee, K., Samuelson, W. (1983). Bargaining under incomplete information. Operations Research 31(5): the
       incentive to misreport in a sealed-bid double auction, which is here taken step by step as in Cournot's dynamic.
    """

    num_lots: int = 8

    reads_book = True
    knows = "own meter and tariff; the market's rules, and the order book of the last interval"

    def __post_init__(self) -> None:
        check_count("num_lots", self.num_lots, 1, 1000)

    def start(self, draws: FloatArray, num_households: int) -> Memory:
        """Know no book yet."""
        shape = draws.shape[0], num_households
        return {"price": np.zeros(shape), "quantity": np.zeros(shape)}

    def bid(self, view: BidView, memory: Memory) -> tuple[FloatArray, FloatArray]:
        """Search the best price against the book that is remembered."""
        value = view.limit_price
        if view.rules.is_pool:
            return value, view.net_load
        book, follower = np.nonzero((memory["quantity"] != 0.0).any(axis=1)[:, None] & (view.net_load != 0.0))
        size = np.abs(view.rules.order_size(view.net_load))[book, follower]
        book, follower, size = book[size > 0.0], follower[size > 0.0], size[size > 0.0]
        who = Deviators(
            book=book,
            household=view.households[follower],
            buys=view.net_load[book, follower] > 0.0,
            value=value[book, follower],
            need=size,
            most=size,
        )
        books = FixedBooks(
            rules=_of_one_round(view.rules),
            price=memory["price"],
            quantity=memory["quantity"],
            excess_price=np.zeros_like(memory["price"]),
            shortage_price=np.zeros_like(memory["price"]),
            draws=self._lots(view, memory["price"].shape),
            retail_price=None,
            feed_in_price=None,
            orders_at_once=_ORDERS_AT_ONCE,
        )
        price = value.copy()
        group = max(1, _CANDIDATES_AT_ONCE // (3 * memory["price"].shape[1] + 1))
        for start in range(0, len(who), group):
            part = np.arange(start, min(start + group, len(who)))
            price[book[part], follower[part]] = _best_prices(books, who.select(part))
        return price, view.net_load

    def learn(self, view: BidView, outcome: Outcome, memory: Memory) -> Memory:  # noqa: ARG002 (the book says it all)
        """Remember the interval's book."""
        book = outcome.book
        assert book is not None  # noqa: S101 - whoever reads the book is given it
        return {"price": np.where(book.quantity != 0.0, book.price, 0.0), "quantity": book.quantity.copy()}

    def _lots(self, view: BidView, shape: tuple[int, ...]) -> FloatArray | None:
        """Lots to average over, the same in every market and interval ``(S, B, N)``."""
        if not view.rules.draws_lots:
            return None
        lots = np.random.default_rng(0).random((self.num_lots, 1, shape[1]))
        return np.broadcast_to(lots, (self.num_lots, *shape))


def _of_one_round(rules: AuctionRules) -> AuctionRules:
    if rules.rounds == 1:
        return rules
    options = {name: value for name, value in rules.options.items() if name != "rounds"}
    return dataclasses.replace(rules, options=options)


def _best_prices(books: FixedBooks, who: Deviators) -> FloatArray:
    """Best price of each deviator ``(M,)`` for its whole need; of equally good ones the nearest to its value."""
    prices = price_candidates(books, who)
    place, column = np.nonzero(~np.isnan(prices))
    utility = np.full(prices.shape, -np.inf)
    utility[place, column], _ = books.try_out(who.select(place), prices[place, column], who.need[place])
    # what rounding alone can do to a sum of money decides nothing
    noise = 1e-12 * who.need * (np.abs(who.value) + np.abs(books.price).max(axis=1)[who.book])
    is_best = utility >= (utility.max(axis=1) - noise)[:, None]
    distance = np.where(is_best, np.abs(prices - who.value[:, None]), np.inf)
    best: FloatArray = prices[np.arange(len(who)), distance.argmin(axis=1)]
    return best
