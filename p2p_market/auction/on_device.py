"""Clearing where the arrays lie: torch or CuPy on a GPU, or any other library of the array API standard.

Bids and net loads in, bills out, without a copy to the host and without waiting for the device. Results are those of
`p2p_market.clear`: to the bit where prices are whole ticks and energy whole units, but for what sums and quotients
round. Values are not checked, since that would wait; a nan makes nan of its market.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from p2p_market.auction.best_first import trade_best_first
from p2p_market.auction.book import PRICE_TOLERANCE
from p2p_market.auction.clearing import Clearing
from p2p_market.auction.fees import Fees
from p2p_market.auction.mechanisms import MECHANISMS
from p2p_market.auction.mechanisms.alone import check_price_rule, check_weight
from p2p_market.auction.operator import Settlement
from p2p_market.auction.rules import GRID_TOLERANCE, AuctionRules
from p2p_market.errors import MechanismError, require_extra

MECHANISMS_ON_DEVICE = (
    "uniform_price",
    "pay_as_bid",
    "grid_only",
    "mid_market_rate",
    "supply_demand_ratio",
    "bill_sharing",
)


def clear_arrays(
    price: Any,
    quantity: Any,
    mechanism: str = "uniform_price",
    *,
    price_tick: float | None = None,
    energy_unit: float | None = None,
    fee: float = 0.0,
    network_fee: float = 0.0,
    fee_share: float = 0.5,
    retail_price: Any = None,
    feed_in_price: Any = None,
    **options: Any,
) -> Clearing:
    """Clear any number of markets at once, in the library and on the device of the arrays.

    Parameters
    ----------
    price
        ``(..., N)`` limit prices [$/kWh]; ``None`` under a pool rule.
    quantity
        ``(..., N)`` signed quantities [kWh], at least one a market: > 0 bids, < 0 asks, 0 no order. float64; or
        float32 where both grids are 1 and all numbers whole, which is exact up to 2**24 in a market.
    mechanism
        One of `MECHANISMS_ON_DEVICE`.
    price_tick, energy_unit, fee, network_fee, fee_share
        As of `p2p_market.clear`. Ties are shared pro rata.
    retail_price, feed_in_price
        Numbers or arrays, broadcastable to ``(..., N)`` [$/kWh]; pool rules need both.
    **options
        ``k`` and ``price_rule`` of ``uniform_price``; ``spread`` of ``pay_as_bid``, where only the operator keeps it.

    Returns
    -------
    Clearing
        With arrays of the same library on the same device.

    Raises
    ------
    MissingExtraError
        If array-api-compat is not installed.
    UnknownNameError
        For a mechanism that is not registered.
    MechanismError
        For a mechanism or an option that is not to be had here, and for arrays of a wrong shape or type.
    """
    rules = AuctionRules(
        mechanism, options, price_tick, energy_unit, fees=Fees(fee, network_fee, buyer_share=fee_share)
    )
    _check_design(rules)
    xp = _namespace(quantity)
    _check_arrays(xp, rules, price, quantity)
    if rules.is_pool:
        if retail_price is None or feed_in_price is None:
            raise MechanismError(
                f"mechanism {mechanism!r} settles with the grid; give retail_price= and feed_in_price="
            )
        return _clear_pool(xp, rules, quantity, _like(xp, retail_price, quantity), _like(xp, feed_in_price, quantity))
    return _clear_orders(xp, rules, price, quantity)


def settle_arrays(
    clearing: Clearing, net_load: Any, retail_price: Any, feed_in_price: Any, mechanism: str = "uniform_price"
) -> Settlement:
    """Settle what the market left unmatched with the grid, as `MarketOperator.settle` does.

    Parameters
    ----------
    clearing
        What `clear_arrays` gave.
    net_load
        ``(..., N)`` metered net load [kWh].
    retail_price, feed_in_price
        Numbers or arrays, broadcastable to ``(..., N)`` [$/kWh].
    mechanism
        The mechanism that cleared; the payments of a pool rule hold the grid's part already.
    """
    xp = _namespace(net_load)
    retail, feed_in = _like(xp, retail_price, net_load), _like(xp, feed_in_price, net_load)
    residual = net_load - clearing.filled
    bought = xp.where(residual > 0.0, residual, 0.0)
    sold = bought - residual
    is_pool = MECHANISMS[mechanism].is_pool
    with_grid = xp.zeros_like(net_load) if is_pool else bought * retail - sold * feed_in
    grid_only = net_load * xp.where(net_load > 0.0, retail, feed_in)
    return Settlement(bought, sold, with_grid, clearing.payment + with_grid, grid_only)


def _clear_orders(xp: Any, rules: AuctionRules, price: Any, quantity: Any) -> Clearing:
    fees = rules.fees
    if rules.energy_unit is not None:
        units = quantity / rules.energy_unit
        quantity = xp.trunc(units + xp.copysign(xp.full_like(units, GRID_TOLERANCE), units))
    book_price = _book_price(xp, rules, price, quantity > 0.0)
    best = trade_best_first(xp, book_price, quantity, 1e-12 if rules.energy_unit is None else 0.0)
    single = None if rules.mechanism == "pay_as_bid" else _single_price(xp, best, **rules.options)

    filled = rules.from_book_quantity(best.filled)
    unit_price = rules.from_book_price(book_price if single is None else single)
    if not fees.is_free:
        unit_price = xp.where(filled > 0.0, fees.buyer_price(unit_price), fees.seller_price(unit_price))
    payment = xp.where(filled != 0.0, filled * unit_price, 0.0)
    traded = rules.from_book_quantity(best.traded)[..., 0]
    no_price = xp.full_like(traded, math.nan)
    return Clearing(
        filled=filled,
        payment=payment,
        charged_price=xp.where(filled != 0.0, unit_price, math.nan),
        clearing_price=no_price if single is None else fees.market_price(rules.from_book_price(single))[..., 0],
        price_low=fees.market_price(rules.from_book_price(best.price_low))[..., 0],
        price_high=fees.market_price(rules.from_book_price(best.price_high))[..., 0],
        traded=traded,
        operator_surplus=xp.sum(payment, axis=-1) - fees.network * traded,
        network_payment=fees.network * traded,
        grid_payment=xp.zeros_like(traded),
    )


def _book_price(xp: Any, rules: AuctionRules, price: Any, is_bid: Any) -> Any:
    """Limit prices as the book sees them: in ticks where there are any, asks raised by the fees."""
    if rules.price_tick is not None:
        ticks = price / rules.price_tick
        price = xp.where(is_bid, xp.floor(ticks + GRID_TOLERANCE), xp.ceil(ticks - GRID_TOLERANCE))
    if rules.fees.per_kwh == 0.0:
        return price
    if rules.fee_ticks is not None:
        return xp.where(is_bid, price, price + rules.fee_ticks)
    raised = xp.where(is_bid, price, price + rules.fees.per_kwh / (rules.price_tick or 1.0))
    decimals = 1e12 if rules.price_tick is None else 1e9  # so that what is equal on paper stays equal
    return xp.round(raised * decimals) / decimals


def _single_price(xp: Any, best: Any, *, k: float = 0.5, price_rule: str = "ce") -> Any:
    low, high = (best.price_low, best.price_high) if price_rule == "ce" else (best.last_ask, best.last_bid)
    between = xp.minimum(xp.maximum(low + k * (high - low), low), high)
    if price_rule == "clip":
        between = xp.minimum(xp.maximum(between, best.price_low), best.price_high)
    return between


def _clear_pool(xp: Any, rules: AuctionRules, quantity: Any, retail_price: Any, feed_in_price: Any) -> Clearing:
    """Match the shorter side whole and the longer one pro rata; settle the rest at each household's own tariff."""
    fees, buys = rules.fees, quantity > 0.0
    bought, sold = xp.where(buys, quantity, 0.0), xp.where(buys, 0.0, -quantity)
    deficit, surplus = xp.sum(bought, axis=-1, keepdims=True), xp.sum(sold, axis=-1, keepdims=True)

    def mean(tariff: Any, weight: Any, total: Any) -> Any:
        first = tariff[..., :1]  # where all have one tariff the mean is that, to the bit
        return first + xp.sum((tariff - first) * weight, axis=-1, keepdims=True) / _or_one(xp, total)

    retail = mean(fees.buyer_limit(retail_price), bought, deficit)
    feed_in = mean(fees.seller_limit(feed_in_price), sold, surplus)
    gains = retail >= feed_in - PRICE_TOLERANCE * xp.abs(feed_in)
    is_local = rules.mechanism != "grid_only"
    matched = xp.where(gains, xp.minimum(deficit, surplus), 0.0) if is_local else xp.zeros_like(deficit)
    total = xp.where(buys, deficit, surplus)
    filled = xp.where(matched >= total, quantity, quantity * matched / _or_one(xp, total))
    inside = _pool_price(xp, rules.mechanism, retail, feed_in, surplus, deficit)

    charged = xp.where(buys, fees.on_buyer(inside), fees.on_seller(inside))
    within = xp.where(filled != 0.0, charged * filled, 0.0)
    with_grid = xp.where(buys, retail_price, feed_in_price) * (quantity - filled)
    payment = within + with_grid
    traded = xp.sum(xp.where(filled > 0.0, filled, 0.0), axis=-1)
    single = xp.where(matched > 0.0, inside, math.nan)[..., 0]
    has_load = quantity != 0.0
    return Clearing(
        filled=filled,
        payment=payment,
        charged_price=xp.where(has_load, payment / xp.where(has_load, quantity, 1.0), math.nan),
        clearing_price=single,
        price_low=single,
        price_high=single,
        traded=traded,
        operator_surplus=xp.sum(within, axis=-1) - fees.network * traded,
        network_payment=fees.network * traded,
        grid_payment=xp.sum(with_grid, axis=-1),
    )


def _pool_price(xp: Any, mechanism: str, retail: Any, feed_in: Any, surplus: Any, deficit: Any) -> Any:
    if mechanism == "mid_market_rate":
        return 0.5 * (retail + feed_in)
    if mechanism != "supply_demand_ratio":
        return xp.zeros_like(retail)
    ratio = surplus / _or_one(xp, deficit)
    base = (retail - feed_in) * ratio + feed_in
    falling = xp.where(base > 0.0, feed_in * retail / _or_one(xp, base), 0.0)
    falling = xp.where(ratio > 0.0, falling, retail)
    return xp.where((deficit > 0.0) & (ratio <= 1.0), falling, feed_in)


def _or_one(xp: Any, values: Any) -> Any:
    return xp.where(values > 0.0, values, 1.0)


def _like(xp: Any, tariff: Any, quantity: Any) -> Any:
    """A tariff in the shape of the quantities."""
    return xp.zeros_like(quantity) + tariff


def _namespace(array: Any) -> Any:
    try:
        compat = importlib.import_module("array_api_compat")
    except ImportError:
        raise require_extra("array-api-compat", "arrays", "clearing on a device") from None
    try:
        return compat.array_namespace(array)
    except TypeError as error:
        raise MechanismError(f"quantity is a {type(array).__name__}; expected an array of numbers ({error})") from None


def _check_design(rules: AuctionRules) -> None:
    if rules.mechanism not in MECHANISMS_ON_DEVICE:
        raise MechanismError(
            f"mechanism {rules.mechanism!r} does not clear on a device; expected one of "
            f"{', '.join(MECHANISMS_ON_DEVICE)}, or use p2p_market.clear"
        )
    check_weight(rules.options.get("k", 0.5))
    check_price_rule(rules.options.get("price_rule", "ce"))
    if rules.options.get("spread", "operator") != "operator":
        raise MechanismError(
            f"spread is {rules.options['spread']!r}; on a device the operator keeps it, or use p2p_market.clear"
        )


def _check_arrays(xp: Any, rules: AuctionRules, price: Any, quantity: Any) -> None:
    if not rules.is_pool and tuple(getattr(price, "shape", ())) != tuple(quantity.shape):
        raise MechanismError(
            f"price has shape {tuple(getattr(price, 'shape', ()))} and quantity {tuple(quantity.shape)}; expected the "
            "same shape (..., N), one limit price an order"
        )
    if quantity.ndim == 0 or quantity.shape[-1] == 0:
        raise MechanismError(f"quantity has shape {tuple(quantity.shape)}; expected (..., N) with N at least 1")
    if not xp.isdtype(quantity.dtype, "real floating"):
        raise MechanismError(f"quantity holds {quantity.dtype}; expected floating-point numbers")
    is_whole = rules.price_tick == 1 and rules.energy_unit == 1 and rules.fee_ticks is not None
    if xp.finfo(quantity.dtype).bits < 64 and not (rules.is_pool or is_whole):
        raise MechanismError(
            f"quantity holds {quantity.dtype}, which rounds cents and watt-hours; use float64, or whole ticks and "
            "units with price_tick=1 and energy_unit=1"
        )
