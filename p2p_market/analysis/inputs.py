"""Checks of what `best_response` is given, beyond those that `clear` makes, and how it is laid out for the search."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from p2p_market.auction.fees import Fees
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import MechanismError, suggest
from p2p_market.types import FloatArray, IntArray

Report: TypeAlias = Literal["price", "quantity"]

TARIFFS = ("retail_price", "feed_in_price")
_FEES = {"fee": "trading", "network_fee": "network", "fee_rate": "rate", "fee_share": "buyer_share"}


def whole_number(name: str, value: object, least: int = 1) -> int:
    """Return a value as an int if it is a whole number that is not too small; raise MechanismError if not."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # that it may be anything is the point
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise MechanismError(f"{name} is {value!r}; expected a whole number, {least} or more")
    return number


def check_misreport(misreport: Report | Sequence[Report], mechanism: str) -> frozenset[Report]:
    """Return what may be misreported, if the mechanism has it."""
    kinds = (misreport,) if isinstance(misreport, str) else tuple(misreport)
    if not kinds or not set(kinds) <= {"price", "quantity"}:
        raise MechanismError(f"misreport is {misreport!r}; expected 'price', 'quantity', or both in a tuple")
    if "quantity" in kinds and MECHANISMS[mechanism].promises.unit_lots:
        raise MechanismError(
            f"mechanism {mechanism!r} is defined for lots of one size, so there is no quantity to misreport; "
            "use misreport='price'"
        )
    return frozenset(kinds)


def market_rules(
    mechanism: str, options: dict[str, Any], price_tick: float | None, energy_unit: float | None
) -> AuctionRules:
    """Build the market's rules from the keywords of `clear`."""
    for name, instead in (("rng", "seed="), ("household", "one order a household"), ("rounds", "one round")):
        if name in options:
            raise MechanismError(f"best_response takes no option {name!r}; it needs {instead}")
    market = {*_FEES, *TARIFFS, "ties"}
    own = {name: option for name, option in options.items() if name not in market}
    known = MECHANISMS[mechanism].options
    for name in own:
        if name not in known:
            raise MechanismError(
                f"mechanism {mechanism!r} takes no option {name!r}{suggest(name, [*known, *market])}; its options are: "
                f"{', '.join(known) or 'none'}; every market's are: {', '.join(sorted(market))}"
            )
    fees = Fees(**{field: options[name] for name, field in _FEES.items() if name in options})
    return AuctionRules(mechanism, own, price_tick, energy_unit, options.get("ties", "prorata"), fees)


def as_floats(name: str, values: npt.ArrayLike) -> FloatArray:
    """Return an array of floats."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MechanismError(f"{name} is not an array of numbers: {error}") from error


def by_household(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    """Return finite prices, one a household."""
    array = as_floats(name, values)
    if not np.isfinite(array).all():
        raise MechanismError(f"{name} is {values!r}; expected finite prices in $/kWh")
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise MechanismError(
            f"{name} has shape {array.shape}; expected one price, or one a household {shape}"
        ) from None


def lay_out_tariff(values: npt.ArrayLike | None, shape: tuple[int, ...], is_pool: bool) -> FloatArray | None:
    """Lay a pool's tariff out by household ``(B, N)``, as `clear` does: for all, one a market, or one a household."""
    if values is None or not is_pool:
        return None
    prices = np.asarray(values, dtype=np.float64)
    if prices.ndim == len(shape) - 1 and prices.ndim > 0:
        prices = prices[..., None]
    return np.broadcast_to(prices, shape).reshape(-1, shape[-1])


def check_households(households: Sequence[int] | None, num_households: int) -> IntArray:
    """Return places in the book; all for None."""
    if households is None:
        return np.arange(num_households)
    places = np.asarray(households)
    if (
        places.ndim != 1
        or (places.size and not np.issubdtype(places.dtype, np.integer))
        or ((places < 0) | (places >= num_households)).any()
    ):
        raise MechanismError(
            f"households is {households!r}; expected places in the book, whole numbers from 0 to {num_households - 1}"
        )
    return places.astype(np.int64)


def draw_lots(seed: int | np.random.SeedSequence, num_draws: int, shape: tuple[int, int]) -> FloatArray:
    """Random numbers ``(L, B, N)``; the first draw is the one that `clear` makes of the seed."""
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    draws = np.empty((num_draws, *shape))
    for book in range(shape[0]):
        stream = np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, book), pool_size=root.pool_size)
        draws[:, book] = np.random.default_rng(stream).random((num_draws, shape[1]))
    return draws
