"""The best misreport of each household against a book in which everybody else stays as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from p2p_market.analysis.fixed_books import Deviators, FixedBooks
from p2p_market.analysis.inputs import (
    TARIFFS,
    Report,
    as_floats,
    by_household,
    check_households,
    check_misreport,
    draw_lots,
    lay_out_tariff,
    market_rules,
    whole_number,
)
from p2p_market.analysis.search import FULL_PAIRS, THINNED_QUANTITIES, BestReports
from p2p_market.auction.clear import clear
from p2p_market.errors import MechanismError, is_number
from p2p_market.types import FloatArray, IntArray

_CANDIDATES_AT_ONCE = 1_000_000


@dataclass(frozen=True, eq=False)
class BestResponse:
    """The best report of ``M`` households, each alone against the others' fixed reports.

    ``M`` is ``N``, or the number of households that were named; a household without need gains nothing.
    """

    gain: FloatArray  # (..., M) [$] utility of the best report less that of the truth; 0 where truth is best
    price: FloatArray  # (..., M) [$/kWh] limit price of the best report; the true value where truth is best
    quantity: FloatArray  # (..., M) [kWh] signed quantity of the best report
    truthful_utility: FloatArray  # (..., M) [$]
    utility: FloatArray  # (..., M) [$] of the best report
    households: IntArray  # (M,) places of these households in the book


def best_response(
    value: npt.ArrayLike,
    quantity: npt.ArrayLike,
    mechanism: str = "uniform_price",
    *,
    price: npt.ArrayLike | None = None,
    households: Sequence[int] | None = None,
    misreport: Report | Sequence[Report] = ("price",),
    max_quote_ratio: float = 10.0,
    excess_price: npt.ArrayLike = 0.0,
    shortage_price: npt.ArrayLike | None = None,
    price_tick: float | None = None,
    energy_unit: float | None = None,
    seed: int | np.random.SeedSequence | None = None,
    num_draws: int = 1,
    chunk: int = 300_000,
    **options: Any,
) -> BestResponse:
    r"""Find every household's best misreport against a fixed book, and what it gains.

    A household with value :math:`v` and need :math:`n` that receives the energy :math:`x` and pays :math:`m` has the
    utility :math:`v \min(x, n) + e \max(x - n, 0) - m` as a buyer, and :math:`-v \min(x, n) - c \max(x - n, 0) - m`
    as a seller that delivers :math:`x`, with :math:`e` the ``excess_price`` and :math:`c` the ``shortage_price``. Under
    a pool rule, which settles whole positions, :math:`x` is the reported quantity; what a household does not report it
    trades at its value. The gain is the utility of the best report less that of reporting ``value`` and ``quantity``.

    Prices are enumerated: every other order's price and one step to both sides of it, since between two others' prices
    an order book's answer is constant or moves one way in the own price. Quantities are enumerated at the points where
    the margin changes, at eighths of the need, and where a rationed order is filled with just the need; where fills
    answer in other ways (``continuous``) the gain is a lower bound. Nobody changes sides. The sides are taken from
    ``quantity``.

    Parameters
    ----------
    value
        ``(..., N)`` true values [$/kWh].
    quantity
        ``(..., N)`` true needs [kWh], > 0 wants to buy, < 0 has to spare; everybody else reports it.
    mechanism
        Name of a registered mechanism.
    price
        ``(..., N)`` what everybody else reports [$/kWh]; the truth by default.
    households
        Places of the households to look at; all by default.
    misreport
        ``"price"``, ``"quantity"``, or both: what may differ from the truth. With both, all pairs of candidates are
        tried on books of some ten orders; on larger ones quantities are thinned out, and prices and quantities are
        then searched in turn.
    max_quote_ratio
        Largest quantity that may be reported, as a multiple of the need, 1 or more. Pro-rata sharing rewards any
        exaggeration, so without a bound there may be no best report.
    excess_price
        Broadcastable to ``(..., N)`` [$/kWh]: what energy beyond its need is worth to a buyer.
    shortage_price
        Broadcastable to ``(..., N)`` [$/kWh]: what a kWh costs that a seller sold and does not have. ``None``: nobody
        offers more than it has.
    price_tick, energy_unit
        The market's grids, as in `clear`. Without a tick, a step is 1e-6 $/kWh; without a unit, 1e-6 of the need.
    seed
        For rules that draw lots. The lots are attached to places in the book and the same for every report; the first
        draw is the one that ``clear(..., seed=seed)`` makes.
    num_draws
        Number of draws over which utilities are averaged. With 1, a household knows the draw (ex post); with many, it
        maximises its expected utility. Ignored by rules that draw no lots.
    chunk
        Orders that are cleared at once; bounds the memory at some hundred bytes each.
    **options
        Every other option of `clear`: ``ties``, fees, tariffs of pool rules, the mechanism's own options.

    Returns
    -------
    BestResponse
        Gains, reports and utilities.

    Raises
    ------
    UnknownNameError
        For a mechanism that is not registered.
    MechanismError
        For input that cannot be used, and for quantities to misreport where all orders have one size.

    Examples
    --------
    A buyer who is alone with a seller shades its bid to the ask:

    >>> from p2p_market.analysis import best_response
    >>> best = best_response(value=[0.30, 0.10], quantity=[1.0, -1.0])
    >>> best.price.round(3).tolist(), best.gain.round(3).tolist()
    ([0.1, 0.3], [0.1, 0.1])
    """
    kinds = check_misreport(misreport, mechanism)
    true_value, need = as_floats("value", value), as_floats("quantity", quantity)
    if true_value.shape != need.shape or need.ndim == 0:
        raise MechanismError(
            f"value has shape {true_value.shape} and quantity {need.shape}; expected the same shape (..., N), one "
            "value a household"
        )
    if not np.isfinite(true_value[need != 0.0]).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(true_value) & (need != 0.0))[0])
        raise MechanismError(f"value{list(place)} is {true_value[place]}; expected a finite number in $/kWh")
    if not (is_number(max_quote_ratio) and max_quote_ratio >= 1.0):
        raise MechanismError(f"max_quote_ratio is {max_quote_ratio!r}; expected a number, 1 or more")
    num_lots, orders_at_once = whole_number("num_draws", num_draws), whole_number("chunk", chunk)
    rules = market_rules(mechanism, options, price_tick, energy_unit)
    # the public function checks what it is given, in its own words
    reported = true_value if price is None else as_floats("price", price)
    clear(reported, need, mechanism, price_tick=price_tick, energy_unit=energy_unit, seed=seed, **options)

    shape = need.shape
    flat = (int(np.prod(shape[:-1], dtype=int)), shape[-1])
    true_value, need = true_value.reshape(flat), need.reshape(flat)
    retail, feed_in = (lay_out_tariff(options.get(name), shape, rules.is_pool) for name in TARIFFS)
    books = FixedBooks(
        rules=rules,
        price=np.where(need == 0.0, 0.0, reported.reshape(flat)),
        quantity=need,
        excess_price=by_household("excess_price", excess_price, shape).reshape(flat),
        shortage_price=by_household("shortage_price", 0.0 if shortage_price is None else shortage_price, shape).reshape(
            flat
        ),
        draws=draw_lots(seed, num_lots, flat) if rules.draws_lots and seed is not None else None,
        orders_at_once=orders_at_once,
        retail_price=retail,
        feed_in_price=feed_in,
    )
    places = check_households(households, shape[-1])
    may_exceed = (need > 0.0) | (shortage_price is not None)
    book, column = np.nonzero(need[:, places] != 0.0)
    household = places[column]
    size = np.abs(need[book, household])
    who = Deviators(
        book=book,
        household=household,
        buys=need[book, household] > 0.0,
        value=true_value[book, household],
        need=size,
        most=np.where(may_exceed[book, household], max_quote_ratio, 1.0) * size,
    )
    best = _search(books, who, kinds)

    result = {
        "price": true_value[:, places].copy(),
        "quantity": need[:, places].copy(),
        "truthful_utility": np.zeros((flat[0], len(places))),
        "utility": np.zeros((flat[0], len(places))),
    }
    for name, found in best.items():
        result[name][book, column] = found
    result["gain"] = result["utility"] - result["truthful_utility"]
    return BestResponse(
        **{name: values.reshape(*shape[:-1], len(places)) for name, values in result.items()}, households=places
    )


def _search(books: FixedBooks, who: Deviators, kinds: frozenset[Report]) -> dict[str, FloatArray]:
    """Search group by group, so that the candidates of a group fit into memory."""
    found: dict[str, FloatArray] = {
        name: np.zeros(len(who)) for name in ("price", "quantity", "truthful_utility", "utility")
    }
    num_candidates = books.price.shape[1] * (18 if "quantity" in kinds else 3) + 12
    if len(kinds) == 2:
        num_candidates = max(FULL_PAIRS, THINNED_QUANTITIES * num_candidates // 6)
    group = max(1, _CANDIDATES_AT_ONCE // num_candidates)
    for start in range(0, len(who), group):
        part = np.arange(start, min(start + group, len(who)))
        best = BestReports(books, who.select(part))
        if len(kinds) == 2:
            best.search_pairs()
        elif "price" in kinds:
            best.search_prices()
        else:
            best.search_quantities()
        found["price"][part] = best.price
        found["quantity"][part] = np.where(who.buys[part], best.size, -best.size)
        found["truthful_utility"][part] = best.truthful_utility
        found["utility"][part] = best.utility
    return found
