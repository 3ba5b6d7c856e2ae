"""The search for each deviator's best report, over the candidates of all deviators at once."""

from __future__ import annotations

import numpy as np

from p2p_market.analysis.candidates import need_fill_size, price_candidates, quantity_candidates, tidy
from p2p_market.analysis.fixed_books import Deviators, FixedBooks
from p2p_market.types import FloatArray, IntArray

FULL_PAIRS = 20_000
"""Pairs of a price and a quantity that are all tried for one household; beyond, quantities are thinned out."""

THINNED_QUANTITIES = 24
"""Quantities that are then left, beside the true need."""

_ALTERNATIONS = 2
_ROOT_STEPS = 10
_ZOOMS, _POINTS_A_ZOOM = 6, 9


class BestReports:
    """The best report of every deviator so far, which is the truth at first.

    Parameters
    ----------
    books
        What everybody else reports.
    who
        ``M`` deviators.
    """

    def __init__(self, books: FixedBooks, who: Deviators) -> None:
        self.books, self.who = books, who
        self.price, self.size = who.value.copy(), who.need.copy()
        self.truthful_utility, _ = books.try_out(who, self.price, self.size)
        self.utility = self.truthful_utility.copy()
        # what rounding alone can do to a sum of money is no gain
        largest = np.abs(books.price).max(axis=1, initial=0.0)[who.book]
        self._noise = 1e-12 * who.need * (np.abs(who.value) + largest)

    def search_prices(self) -> None:
        """Try every price at the best size so far."""
        prices = price_candidates(self.books, self.who)
        self._try(prices, np.broadcast_to(self.size[:, None], prices.shape))

    def search_quantities(self) -> None:
        """Try every quantity at the best price so far, then look closer at fills of just the need and at the best."""
        sizes = quantity_candidates(self.books, self.who, self.price)
        prices = np.broadcast_to(self.price[:, None], sizes.shape).copy()
        utility, energy = self._try(prices, sizes)
        self._fill_the_need(prices, sizes, utility, energy)
        self._zoom(sizes)

    def search_pairs(self) -> None:
        """Try prices and quantities together: all pairs of a small book, else thinned out and then alternating."""
        self.search_quantities()  # with all its closer looks, so that both together never find less than one
        prices = price_candidates(self.books, self.who)
        sizes = quantity_candidates(self.books, self.who, self.who.value)
        if prices.shape[1] * sizes.shape[1] > FULL_PAIRS:
            sizes = tidy(np.concatenate([_thin(sizes, THINNED_QUANTITIES), self.who.need[:, None]], axis=1))
        num_prices, num_sizes = prices.shape[1], sizes.shape[1]
        at = np.repeat(np.arange(len(self.who)), num_prices)
        fill = need_fill_size(self.books, self.who.select(at), prices.ravel())
        pairs = (len(self.who), num_prices, num_sizes + 1)
        all_sizes = np.empty(pairs)
        all_sizes[:, :, :num_sizes] = sizes[:, None, :]
        all_sizes[:, :, num_sizes] = self.books.rules.order_size(fill).reshape(pairs[:2])
        flat = (len(self.who), -1)
        self._try(np.broadcast_to(prices[:, :, None], pairs).reshape(flat), all_sizes.reshape(flat))
        for _ in range(_ALTERNATIONS):
            self.search_quantities()
            self.search_prices()

    def _try(self, prices: FloatArray, sizes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Try candidates ``(M, C)``, nan for none, keep the best, and return utility and energy of each."""
        place, column = np.nonzero(~(np.isnan(prices) | np.isnan(sizes)))
        utility, energy = np.full(prices.shape, -np.inf), np.full(prices.shape, np.nan)
        tried = self.books.try_out(self.who.select(place), prices[place, column], sizes[place, column])
        utility[place, column], energy[place, column] = tried
        if prices.shape[1]:
            best = utility.argmax(axis=1)
            every = np.arange(len(self.who))
            self._keep(every, utility[every, best], prices[every, best], sizes[every, best])
        return utility, energy

    def _keep(self, place: IntArray, utility: FloatArray, price: FloatArray, size: FloatArray) -> None:
        better = utility > self.utility[place] + self._noise[place]
        at = place[better]
        self.utility[at], self.price[at], self.size[at] = utility[better], price[better], size[better]

    def _zoom(self, sizes: FloatArray) -> None:
        """Look between the best size and its neighbours, ever closer: pool rules are smooth in the quantity."""
        best = self.size[:, None]
        left = np.where(sizes < best, sizes, -np.inf).max(axis=1, initial=-np.inf)
        right = np.where(sizes > best, sizes, np.inf).min(axis=1, initial=np.inf)
        left, right = np.where(np.isfinite(left), left, self.size), np.where(np.isfinite(right), right, self.size)
        inner = np.arange(1, _POINTS_A_ZOOM + 1) / (_POINTS_A_ZOOM + 1)
        for _ in range(_ZOOMS):
            gap = (right - left) / (_POINTS_A_ZOOM + 1)
            closer = self.books.rules.order_size(left[:, None] + (right - left)[:, None] * inner)
            self._try(np.broadcast_to(self.price[:, None], closer.shape), closer)
            left, right = np.maximum(left, self.size - gap), np.minimum(right, self.size + gap)

    def _fill_the_need(self, prices: FloatArray, sizes: FloatArray, utility: FloatArray, energy: FloatArray) -> None:
        """Close in on the quantity that is filled with just the need, between the two candidates around it.

        The Illinois form of the rule of false position: exact at once where the fill is linear in the quantity.
        """
        need = self.who.need[:, None]
        low, high = energy[:, :-1] < need, energy[:, 1:] > need  # nan compares false
        crosses = low & high & (sizes[:, 1:] > sizes[:, :-1])
        promise = np.where(crosses, np.maximum(utility[:, :-1], utility[:, 1:]), -np.inf)
        if promise.shape[1] == 0:
            return
        column = promise.argmax(axis=1)
        place = np.flatnonzero(crosses[np.arange(len(column)), column])
        column = column[place]
        who, price = self.who.select(place), prices[place, column]
        left, right = sizes[place, column], sizes[place, column + 1]
        short, over = energy[place, column] - who.need, energy[place, column + 1] - who.need
        side = np.zeros(len(place), dtype=np.int64)
        for _ in range(_ROOT_STEPS if len(place) else 0):
            middle = np.where(
                over > short, left - short * (right - left) / np.where(over > short, over - short, 1.0), left
            )
            size = self.books.rules.order_size(middle)
            gained, filled = self.books.try_out(who, price, size)
            self._keep(place, gained, price, size)
            missed = filled - who.need
            is_over = missed > 0.0
            # an end that stays twice in a row counts half, so that both ends close in
            short = np.where(is_over, np.where(side > 0, 0.5 * short, short), missed)
            over = np.where(is_over, missed, np.where(side < 0, 0.5 * over, over))
            left, right = np.where(is_over, left, middle), np.where(is_over, middle, right)
            side = np.where(is_over, 1, -1)


def _thin(candidates: FloatArray, at_most: int) -> FloatArray:
    """Keep ``at_most`` candidates of each row, spread evenly over its sorted values, both ends among them."""
    count = np.count_nonzero(~np.isnan(candidates), axis=1)[:, None]
    share = np.linspace(0.0, 1.0, at_most)
    column = np.rint(share * np.maximum(count - 1, 0)).astype(np.int64)
    return tidy(np.take_along_axis(candidates, column, axis=1))
