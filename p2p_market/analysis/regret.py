"""How much misreporting pays, by mechanism and size of the market."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from p2p_market.analysis.best_response import best_response
from p2p_market.analysis.inputs import Report, whole_number
from p2p_market.auction.clear import clear
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.errors import MechanismError
from p2p_market.types import FloatArray

if TYPE_CHECKING:
    import polars as pl

Values: TypeAlias = Callable[[np.random.Generator, tuple[int, int]], tuple[FloatArray, FloatArray]]
"""Draws true values [$/kWh] and signed true needs [kWh] of the shape ``(books, households)``."""

BUYER_VALUES = (0.20, 0.60)  # [$/kWh] as retail prices of different plans and hours are
SELLER_VALUES = (0.05, 0.45)  # [$/kWh] from a feed-in price to what stored energy is worth
NEEDS = (0.1, 1.0)  # [kWh] in half an hour
LOT = 0.5  # [kWh]


def uniform_values(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Draw as many buyers as sellers: values uniform on 0.20 to 0.60 and 0.05 to 0.45 $/kWh, needs on 0.1 to 1 kWh."""
    buys = np.arange(shape[1]) % 2 == 0
    value = np.where(buys, rng.uniform(*BUYER_VALUES, shape), rng.uniform(*SELLER_VALUES, shape))
    return value, np.where(buys, 1.0, -1.0) * rng.uniform(*NEEDS, shape)


def regret(
    mechanisms: str | Sequence[str] | None = None,
    num_households: int | Sequence[int] = (4, 10, 30, 100),
    num_books: int = 100,
    *,
    misreports: Sequence[Report | Sequence[Report]] = ("price", "quantity"),
    values: Literal["uniform"] | Values = "uniform",
    households_a_book: int | None = 10,
    equal_lots: bool = False,
    seed: int = 0,
    **options: Any,
) -> pl.DataFrame:
    """Measure what households gain by their best misreport while all others are truthful.

    Every mechanism meets the same books, and a size's books depend on the seed and the size alone. Unit mechanisms get
    the same values with needs of one lot (0.5 kWh). Under a pool rule each household's own tariff is its value, for
    what it buys and what it sells, unless ``retail_price`` and ``feed_in_price`` are given.

    Parameters
    ----------
    mechanisms
        Names of registered mechanisms; all by default.
    num_households
        Sizes of the market.
    num_books
        Books drawn for each size.
    misreports
        Kinds of misreport, each as in `best_response`. Quantities are left out for unit mechanisms.
    values
        ``"uniform"`` (see `uniform_values`), or a function of a generator and a shape ``(books, households)`` that
        returns true values [$/kWh] and signed true needs [kWh] of that shape. Places in the books are then shuffled.
    households_a_book
        Households of a book whose best response is sought, drawn at random; ``None`` for all.
    equal_lots
        Whether all mechanisms get the lots that unit mechanisms get, for a comparison on the same terms.
    seed
        Seed of books, of households, and of the lots that mechanisms draw.
    **options
        Further options of `best_response` and of the mechanisms, e.g. ``num_draws``, ``price_tick``.

    Returns
    -------
    polars.DataFrame
        A row a mechanism, size and kind of misreport: ``mechanism``, ``num_households``, ``misreport``,
        ``equal_lots``, ``num_reports`` (households measured), ``mean_gain`` with its ``standard_error`` over books,
        ``median_gain``, ``gain_90``, ``gain_99``, ``largest_gain`` [$ a household and interval], ``share_gaining``
        (of the households, more than 1e-9 $), ``gains_from_trade`` (largest possible, a household [$]) and
        ``relative_gain``, the mean gain as a share of that.

    Raises
    ------
    UnknownNameError
        For a mechanism that is not registered.
    MechanismError
        For input that cannot be used.
    """
    import polars as pl  # noqa: PLC0415 (a frame library loads only where frames are made)

    names = list(MECHANISMS) if mechanisms is None else [mechanisms] if isinstance(mechanisms, str) else mechanisms
    sizes = num_households if isinstance(num_households, Sequence) else [num_households]
    whole_number("num_books", num_books)
    rows = []
    for size in sizes:
        whole_number("num_households", size)
        books = _draw_books(values, num_books, size, households_a_book, seed)
        for mechanism in names:
            lots = equal_lots or MECHANISMS[mechanism].promises.unit_lots
            for misreport in misreports:
                kinds = (misreport,) if isinstance(misreport, str) else tuple(misreport)
                if "quantity" in kinds and MECHANISMS[mechanism].promises.unit_lots:
                    continue
                rows.append(_measure(books, mechanism, kinds, lots=lots, seed=seed, options=options))
    return pl.DataFrame(rows, infer_schema_length=None)


class _Books:
    """Drawn books, what trade is worth in them, and the households that are looked at."""

    def __init__(self, value: FloatArray, need: FloatArray, households: range) -> None:
        self.value, self.need, self.households = value, need, households
        self.lots: FloatArray = np.sign(need) * LOT

    def gains_from_trade(self, need: FloatArray) -> float:
        """Mean of the largest possible gains from trade a household [$]."""
        filled = clear(self.value, need, "uniform_price").filled
        return float((self.value * filled).sum(axis=-1).mean() / need.shape[-1])


def _draw_books(
    values: Literal["uniform"] | Values, num_books: int, size: int, households_a_book: int | None, seed: int
) -> _Books:
    if values != "uniform" and not callable(values):
        raise MechanismError(f"values is {values!r}; expected 'uniform' or a function of (rng, shape)")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(size,)))
    draw: Values = values if callable(values) else uniform_values
    shape = (num_books, size)
    value, need = (np.asarray(array, dtype=np.float64) for array in draw(rng, shape))
    if value.shape != shape or need.shape != shape:
        raise MechanismError(
            f"values drew shapes {value.shape} and {need.shape}; expected values and needs of the shape {shape}"
        )
    # shuffled, the first places of every book are a fair sample of its households, whatever their places mean
    places = rng.permuted(np.broadcast_to(np.arange(size), shape), axis=1)
    value, need = np.take_along_axis(value, places, axis=1), np.take_along_axis(need, places, axis=1)
    measured = size if households_a_book is None else min(size, whole_number("households_a_book", households_a_book))
    return _Books(value, need, range(measured))


def _measure(
    books: _Books, mechanism: str, kinds: tuple[Report, ...], *, lots: bool, seed: int, options: dict[str, Any]
) -> dict[str, object]:
    need = books.lots if lots else books.need
    if MECHANISMS[mechanism].is_pool:
        options = {"retail_price": books.value, "feed_in_price": books.value} | options
    gain = best_response(
        books.value, need, mechanism, households=books.households, misreport=kinds, seed=seed, **options
    ).gain
    by_book: FloatArray = gain.mean(axis=1)
    trade = books.gains_from_trade(need)
    median, high, higher = np.quantile(gain, (0.5, 0.9, 0.99)).tolist()
    return {
        "mechanism": mechanism,
        "num_households": need.shape[1],
        "misreport": _label(kinds),
        "equal_lots": lots,
        "num_reports": gain.size,
        "mean_gain": float(gain.mean()),
        "standard_error": float(by_book.std(ddof=1) / np.sqrt(len(by_book))) if len(by_book) > 1 else float("nan"),
        "median_gain": median,
        "gain_90": high,
        "gain_99": higher,
        "largest_gain": float(gain.max()),
        "share_gaining": float((gain > 1e-9).mean()),
        "gains_from_trade": trade,
        "relative_gain": float(gain.mean()) / trade if trade > 0.0 else float("nan"),
    }


def _label(kinds: Iterable[str]) -> str:
    return " and ".join(sorted(kinds))
