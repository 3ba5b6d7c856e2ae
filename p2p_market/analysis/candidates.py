"""The reports among which a best misreport is found: where a fixed book answers differently.

Against a fixed book, what a household gets and pays changes its form only where its report meets something: another
order's price, or a quantity at which supply and demand meet in another price level. Between two such points an order
book's answer is constant, or moves one way in the reported price; so the points themselves and their two neighbours
suffice. In the reported quantity one more kind of point counts, the quantity at which a rationed order is filled with
just what the household needs.
"""

from __future__ import annotations

import numpy as np

from p2p_market.analysis.fixed_books import Deviators, FixedBooks
from p2p_market.types import BoolArray, FloatArray

PRICE_STEP = 1e-6
"""[$/kWh] how close to another order's price a report goes where the market has no price tick."""

RELATIVE_ENERGY_STEP = 1e-6
"""The same for quantities, as a share of the household's need, where the market has no energy unit."""

_SHARES = np.arange(1, 8) / 8


def price_candidates(books: FixedBooks, who: Deviators) -> FloatArray:
    """Prices ``(M, C)`` [$/kWh] worth reporting, in ascending order; nan fills up the rows.

    The household's own value, the price at which its order would tie with each other order (fees are in that), and
    one step below and above each of these.
    """
    rules, own = books.rules, who.household[:, None]
    step = PRICE_STEP if rules.price_tick is None else rules.price_tick
    others = books.book_price[who.book]
    tie = np.where(who.buys[:, None], rules.fees.buyer_price(others), rules.fees.seller_price(others))
    nobody = (np.arange(others.shape[1]) == own) | (books.quantity[who.book] == 0.0)
    tie = np.where(nobody, np.nan, tie)
    prices = np.concatenate([who.value[:, None], tie, tie - step, tie + step], axis=1)
    return tidy(rules.round_price(prices, np.broadcast_to(who.buys[:, None], prices.shape)))


def quantity_candidates(books: FixedBooks, who: Deviators, price: FloatArray) -> FloatArray:
    """Energies ``(M, C)`` [kWh] worth reporting at a reported price ``(M,)``, in ascending order; nan fills up.

    Nothing, the true need, the most that may be reported, eighths of the need; and, each with a step to both sides:

    * where the margin moves to another price level: supply at the level less the others' demand, with and without
      the level's own orders (for sellers, demand less supply);
    * where, in a walk of the sorted book, the own order ends together with an order of the other side;
    * where pro-rata sharing at the reported price fills just the need.
    """
    rules = books.rules
    supply_to, supply_below, demand_to, demand_above = _of_others(books, who)
    place = _Place(books, who, price)
    steep = [supply_to - demand_to, supply_to - demand_above, supply_below - demand_to, supply_below - demand_above]
    other_side = np.where(who.buys[:, None], supply_to, demand_to)
    places = np.concatenate(
        [
            *(np.where(who.buys[:, None], points, -points) for points in steep),
            other_side - place.ahead[:, None],
            other_side - (place.ahead + place.beside)[:, None],
            place.need_fill(who)[:, None],
        ],
        axis=1,
    )
    step = (RELATIVE_ENERGY_STEP * who.need if rules.energy_unit is None else np.full(len(who), rules.energy_unit))[
        :, None
    ]
    whole = np.stack([np.zeros(len(who)), who.need, who.most], axis=1)
    sizes = np.concatenate([whole, _SHARES * who.need[:, None], places, places - step, places + step], axis=1)
    within = (sizes >= 0.0) & (sizes <= who.most[:, None])
    sizes = np.where(within, sizes, np.nan)
    return tidy(sizes if rules.energy_unit is None else rules.order_size(sizes))


def need_fill_size(books: FixedBooks, who: Deviators, price: FloatArray) -> FloatArray:
    """Energy ``(M,)`` [kWh] that pro-rata sharing at the reported price fills with just the need; nan where none is.

    With F the energy that is left for the level and L what others of the level order, q * F / (q + L) is the
    need at q = need * L / (F - need).
    """
    size = np.empty(len(who))
    rows = max(1, books.orders_at_once // max(1, books.price.shape[1]))
    for start in range(0, len(who), rows):
        part = np.arange(start, min(start + rows, len(who)))
        size[part] = _Place(books, who.select(part), price[part]).need_fill(who.select(part))
    return np.where((size > 0.0) & (size <= who.most), size, np.nan)


def tidy(candidates: FloatArray) -> FloatArray:
    """Sort each row, take repetitions out, and cut off columns that nobody uses."""
    rows = np.sort(candidates, axis=1)
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = np.nan
    rows = np.sort(rows, axis=1)
    longest = int(np.count_nonzero(~np.isnan(rows), axis=1).max(initial=0))
    return rows[:, :longest]


def _of_others(books: FixedBooks, who: Deviators) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Others' supply up to and below, demand down to and above, the price of every order of the book ``(M, N)``."""
    level = books.book_price[who.book]
    own_price = books.book_price[who.book, who.household][:, None]
    own_size = books.sizes[who.book, who.household][:, None]
    sums = []
    for sells, running in ((True, books.supply), (False, books.demand)):
        mine = np.where(who.buys[:, None] == sells, 0.0, own_size)
        ahead: BoolArray = (own_price < level) if sells else (own_price > level)
        tied = own_price == level
        up_to, below = running
        sums += [up_to[who.book] - mine * (ahead | tied), below[who.book] - mine * ahead]
    return sums[0], sums[1], sums[2], sums[3]


class _Place:
    """What an order finds at its price ``(M,)`` [kWh]: its own side ahead and beside, the other side within reach."""

    def __init__(self, books: FixedBooks, who: Deviators, price: FloatArray) -> None:
        rules = books.rules
        level = rules.from_book_price(rules.to_book_price(price, who.buys))[:, None]
        others = books.book_price[who.book]
        mine = np.arange(others.shape[1]) == who.household[:, None]
        sizes = np.where(mine, 0.0, books.sizes[who.book])
        is_bid = books.quantity[who.book] > 0.0
        own_side = sizes * (is_bid == who.buys[:, None])
        better = np.where(who.buys[:, None], others > level, others < level)
        meets = np.where(who.buys[:, None], others <= level, others >= level)
        self.ahead: FloatArray = (own_side * better).sum(axis=1)
        self.beside: FloatArray = (own_side * (others == level)).sum(axis=1)
        self.reach: FloatArray = (sizes * (is_bid != who.buys[:, None]) * meets).sum(axis=1)

    def need_fill(self, who: Deviators) -> FloatArray:
        """Energy to order for a pro-rata share of just the need; nan where nothing does it."""
        spare = self.reach - self.ahead - who.need
        scarce = (spare > 0.0) & (self.beside > 0.0)
        return np.where(scarce, who.need * self.beside / np.where(scarce, spare, 1.0), np.nan)
