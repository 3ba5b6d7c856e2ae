"""The bare market as one function, for people who need a market and no environment."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from p2p_market.auction.book import NO_LOTS
from p2p_market.auction.clearing import Clearing, clear_orders
from p2p_market.auction.fees import Fees
from p2p_market.auction.mechanisms import MECHANISMS, Mechanism
from p2p_market.auction.orders import Orders
from p2p_market.auction.rules import AuctionRules
from p2p_market.errors import MechanismError, suggest
from p2p_market.types import FloatArray

_LARGEST = 1e12


def clear(
    price: npt.ArrayLike,
    quantity: npt.ArrayLike,
    mechanism: str = "uniform_price",
    *,
    price_tick: float | None = None,
    energy_unit: float | None = None,
    ties: str = "prorata",
    fee: float = 0.0,
    network_fee: float = 0.0,
    fee_rate: float = 0.0,
    fee_share: float = 0.5,
    retail_price: npt.ArrayLike | None = None,
    feed_in_price: npt.ArrayLike | None = None,
    household: npt.ArrayLike | None = None,
    seed: int | np.random.SeedSequence | None = None,
    rng: np.random.Generator | None = None,
    **options: Any,
) -> Clearing:
    """Clear one market, or any number of markets at once.

    Parameters
    ----------
    price
        ``(..., N)`` limit prices [$/kWh].
    quantity
        ``(..., N)`` signed quantities [kWh]: > 0 bids (buys), < 0 asks (sells), 0 no order.
    mechanism
        Name of a registered mechanism, see ``p2p-market list``.
    price_tick
        Price grid [$/kWh]; bids are rounded down to it and asks up. ``None``: exact floats.
    energy_unit
        Energy grid [kWh]; quantities are cut down to whole units. ``None``: as they are.
    ties
        ``"prorata"``, ``"priority"`` (place in the arrays) or ``"random"`` (needs ``seed`` or ``rng``).
    fee, network_fee
        The operator's trading fee and the network's fee [$/kWh].
    fee_rate
        The operator's ad-valorem fee, a share of the price.
    fee_share
        The buyers' share of every fee.
    retail_price, feed_in_price
        Broadcastable to ``(..., N)``, or one a market ``(...,)`` [$/kWh]; pool rules need both.
    household
        ``(N,)`` index of the household that placed each order; by default order *i* is household *i*'s. Where
        ``continuous`` has ``rounds=R``, orders stand round by round, and by default the households stand in the same
        order in each: the ``N = R · households`` columns are ``reshape(..., R, households)``, and so is the result.
    seed, rng
        Randomness for rules that draw lots: a seed gives every market a stream of its own, so that a market's result
        does not depend on how many others are cleared beside it; a generator is drawn from as it is.
    **options
        Options of the mechanism, e.g. ``k=0.5``, ``price_rule="ce"``, ``spread="operator"``.

    Returns
    -------
    Clearing
        Fills, prices and payments with the leading axes of ``quantity``.

    Raises
    ------
    UnknownNameError
        For a mechanism that is not registered.
    MechanismError
        For orders or options that cannot be used; the message names the market and the order.

    Examples
    --------
    >>> import p2p_market
    >>> clearing = p2p_market.clear(price=[0.30, 0.25, 0.10, 0.20], quantity=[1.0, 1.0, -1.0, -2.0])
    >>> clearing.clearing_price.item(), clearing.filled.tolist()
    (0.2, [1.0, 1.0, -1.0, -1.0])
    """
    design = (mechanism, MECHANISMS[mechanism], price_tick, energy_unit, ties, fee, network_fee, fee_rate, fee_share)
    try:
        rules = _known_rules(*design, **options)
    except TypeError:  # an option that cannot be remembered, as an array
        rules = _rules(*design, **options)
    quantities = _as_floats("quantity", quantity)
    prices = _as_floats("price", price)
    if prices.shape != quantities.shape or quantities.ndim == 0:
        raise MechanismError(
            f"price has shape {prices.shape} and quantity {quantities.shape}; expected the same shape (..., N), "
            "one limit price an order"
        )
    _check_size("quantity", quantities)
    if not _is_in_range(prices):  # a price that nobody looks at may be anything
        prices = np.where((quantities == 0.0) | rules.is_pool, 0.0, prices)
        _check_size("price", prices)

    leading, num_orders = quantities.shape[:-1], quantities.shape[-1]
    num_markets = math.prod(leading)
    flat = (num_markets, num_orders)
    orders = Orders(
        # in C order: how the caller's arrays lie in memory must not decide in which order a market is summed
        price=np.ascontiguousarray(prices.reshape(flat)),
        quantity=np.ascontiguousarray(quantities.reshape(flat)),
        household=_household_index(household, num_orders),
    )
    tariffs: dict[str, FloatArray] = {}
    if rules.is_pool:
        for name, value in (("retail_price", retail_price), ("feed_in_price", feed_in_price)):
            tariffs[name] = _tariff(name, value, mechanism, quantities.shape).reshape(flat)
    is_seeded = seed is not None or rng is not None
    draws = _draw_lots(flat, seed, rng) if rules.needs_lots or (rules.draws_lots and is_seeded) else None
    clearing = clear_orders(
        rules,
        orders,
        draws=draws,
        retail_price=tariffs.get("retail_price"),
        feed_in_price=tariffs.get("feed_in_price"),
    )
    return clearing.reshape(leading)


def _rules(
    mechanism: str,
    entry: Mechanism,
    price_tick: float | None,
    energy_unit: float | None,
    ties: str,
    fee: float,
    network_fee: float,
    fee_rate: float,
    fee_share: float,
    **options: Any,
) -> AuctionRules:
    _check_options(mechanism, entry.options, options)
    fees = Fees(trading=fee, network=network_fee, rate=fee_rate, buyer_share=fee_share)
    return AuctionRules(mechanism, options, price_tick, energy_unit, ties, fees)


# a loop over small markets would spend half of its time on the same checks of the same rules
_known_rules = functools.lru_cache(maxsize=64, typed=True)(_rules)


def _check_options(mechanism: str, own: Collection[str], options: Collection[str]) -> None:
    """Raise for a misspelt keyword of `clear` or of the mechanism; the nearest name may be of either."""
    for name in options:
        if name not in own:
            keywords = [p.name for p in inspect.signature(clear).parameters.values() if p.kind is p.KEYWORD_ONLY]
            raise MechanismError(
                f"mechanism {mechanism!r} takes no option {name!r}{suggest(name, [*own, *keywords])}; "
                f"its options are: {', '.join(own) or 'none'}; every market's are: {', '.join(keywords)}"
            )


def _as_floats(name: str, values: npt.ArrayLike) -> FloatArray:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":  # text, complex numbers and dates would be bent into numbers
            raise TypeError(f"it holds {'text' if array.dtype.kind in 'US' else array.dtype.name}")
        return np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise MechanismError(f"{name} is not an array of numbers: {error}") from error


def _is_in_range(values: FloatArray) -> bool:
    """Whether there is no nan, no infinity, and no number so large that a market's sums would overflow."""
    return values.size == 0 or bool(values.max() <= _LARGEST and values.min() >= -_LARGEST)


def _check_size(name: str, values: FloatArray) -> None:
    if not _is_in_range(values):
        place = tuple(int(i) for i in np.argwhere(~(np.abs(values) <= _LARGEST))[0])
        hint = "; set the quantity to 0 for no order" if name == "price" else ""
        raise MechanismError(
            f"{name}{list(place) or ''} is {values[place]}; expected a finite number of at most {_LARGEST:g} in size"
            f"{hint}"
        )


def _household_index(household: npt.ArrayLike | None, num_orders: int) -> npt.NDArray[np.int64] | None:
    if household is None:
        return None
    index = np.asarray(household)
    if index.shape != (num_orders,) or not np.issubdtype(index.dtype, np.integer) or (index < 0).any():
        raise MechanismError(
            f"household has shape {index.shape} and type {index.dtype}; expected {num_orders} whole numbers, "
            "0 or more: the household that placed each order"
        )
    return index.astype(np.int64)


def _tariff(name: str, value: npt.ArrayLike | None, mechanism: str, shape: tuple[int, ...]) -> FloatArray:
    if value is None:
        raise MechanismError(f"mechanism {mechanism!r} settles with the grid; give {name}= in $/kWh")
    prices = _as_floats(name, value)
    _check_size(name, prices)
    if prices.ndim == len(shape) - 1 and prices.ndim > 0:
        prices = prices[..., None]
    try:
        return np.broadcast_to(prices, shape)
    except ValueError:
        raise MechanismError(
            f"{name} has shape {np.shape(value)}; expected one price, one a market {shape[:-1]}, "
            f"or one a household {shape}"
        ) from None


def _draw_lots(
    shape: tuple[int, int], seed: int | np.random.SeedSequence | None, rng: np.random.Generator | None
) -> FloatArray:
    if rng is not None:
        if not isinstance(rng, np.random.Generator):
            raise MechanismError(f"rng is {rng!r}; expected a numpy.random.Generator")
        return rng.random(shape)
    if seed is None:
        raise MechanismError(NO_LOTS)
    if not isinstance(seed, np.random.SeedSequence):
        try:
            seed = np.random.SeedSequence(seed)
        except (TypeError, ValueError) as error:
            raise MechanismError(f"seed is {seed!r}; expected a whole number, 0 or more ({error})") from error
    draws = np.empty(shape)
    for market in range(shape[0]):
        # the children that spawn() makes, without counting them on the caller's sequence: a call repeats itself
        stream = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, market), pool_size=seed.pool_size)
        draws[market] = np.random.default_rng(stream).random(shape[1])
    return draws
