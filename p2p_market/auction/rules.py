"""The rules of a market, fixed for its lifetime: mechanism and options, tick, energy unit, ties, fees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from p2p_market.auction.fees import Fees
from p2p_market.auction.mechanisms import MECHANISMS, Mechanism
from p2p_market.auction.orders import Orders
from p2p_market.errors import MechanismError, is_number, suggest
from p2p_market.types import BoolArray, FloatArray

TIE_RULES = ("prorata", "priority", "random")

# A limit price within this share of a tick of a tick is on it, and a quantity likewise: 0.29 is 2900 ticks of 0.0001.
_GRID_TOLERANCE = 1e-6
_PRICE_DECIMALS_ON_TICKS = 9
_PRICE_DECIMALS = 12


@dataclass(frozen=True)
class AuctionRules:
    """The design of a market.

    Parameters
    ----------
    mechanism
        Name of a registered mechanism.
    options
        Keyword options of the mechanism itself, e.g. ``{"k": 0.5}``.
    price_tick
        Price grid [$/kWh]: bids are rounded down to it and asks up, so that rounding never trades anybody into a
        loss. ``None`` keeps prices as they are.
    energy_unit
        Energy grid [kWh]: quantities are cut down to whole units. ``None`` keeps them as they are.
    ties
        How a price level that is partly filled is shared out: ``"prorata"``, ``"priority"`` or ``"random"``.
    fees
        Trading and network fees.
    lot
        Size of every order [kWh] in a market of equal lots, see `order_size`; ``None`` lets orders have any size. What
        mechanisms for orders of one size need; pool rules, which settle whole net loads, take no notice.

    Raises
    ------
    UnknownNameError
        For a mechanism that is not registered.
    MechanismError
        For an option that the mechanism does not take, or a value that it cannot use.
    """

    mechanism: str = "uniform_price"
    options: Mapping[str, Any] = field(default_factory=dict)
    price_tick: float | None = None
    energy_unit: float | None = None
    ties: str = "prorata"
    fees: Fees = field(default_factory=Fees)
    lot: float | None = None

    def __post_init__(self) -> None:
        entry = MECHANISMS[self.mechanism]
        for name in self.options:
            if name not in entry.options:
                known = ", ".join(entry.options) or "none"
                raise MechanismError(
                    f"mechanism {self.mechanism!r} takes no option {name!r}{suggest(name, entry.options)}; "
                    f"its options are: {known}"
                )
        if self.ties not in TIE_RULES:
            raise MechanismError(f"ties is {self.ties!r}{suggest(self.ties, TIE_RULES)}; expected one of {TIE_RULES}")
        for name, value in (("price_tick", self.price_tick), ("energy_unit", self.energy_unit), ("lot", self.lot)):
            if value is not None and not (is_number(value) and value > 0.0):
                raise MechanismError(f"{name} is {value!r}; expected a number above 0, or None for no grid")
        if self.lot is not None and self.energy_unit is not None:
            units = self.lot / self.energy_unit
            if round(units) < 1 or abs(units - round(units)) > _GRID_TOLERANCE:
                raise MechanismError(
                    f"lot is {self.lot!r} kWh; expected a whole number of units of {self.energy_unit:g} kWh"
                )

    @cached_property
    def entry(self) -> Mechanism:
        """The registry's entry of the mechanism."""
        return MECHANISMS[self.mechanism]

    @property
    def is_pool(self) -> bool:
        """Whether whole net positions are settled and limit prices ignored."""
        return self.entry.is_pool

    @cached_property
    def rounds(self) -> int:
        """How often a household may quote inside one interval."""
        return int(self.options.get("rounds", 1))

    @property
    def needs_lots(self) -> bool:
        """Whether a clearing cannot do without random numbers."""
        return (self.ties == "random" and not self.is_pool) or self.entry.promises.uses_random_numbers

    @property
    def draws_lots(self) -> bool:
        """Whether a clearing makes use of random numbers where it is given any."""
        return self.needs_lots or self.entry.takes_lots

    @cached_property
    def fee_ticks(self) -> int | None:
        """What fees raise an ask by, where that is a whole number of ticks; ``None`` where it is not."""
        if self.price_tick is None or self.fees.rate != 0.0:
            return None
        ticks = self.fees.per_kwh / self.price_tick
        return round(ticks) if abs(ticks - round(ticks)) < 10.0**-_PRICE_DECIMALS_ON_TICKS / 2 else None

    @cached_property
    def has_way_alone(self) -> bool:
        """Whether one small market can be cleared without arrays, see `Mechanism.alone`."""
        on_grid = self.energy_unit is not None and self.fee_ticks is not None
        return on_grid and self.entry.alone is not None and self.fees.is_free and self.ties == "prorata"

    def to_book_price(self, price: FloatArray, is_bid: BoolArray) -> FloatArray:
        """Limit prices [$/kWh] as the book sees them: on the tick grid, in ticks where there is one, fees included."""
        if self.price_tick is None:
            return self.fees.book_price(price, is_bid, 1.0, _PRICE_DECIMALS)
        return self.fees.book_price(self.in_ticks(price, is_bid), is_bid, self.price_tick, _PRICE_DECIMALS_ON_TICKS)

    def make_orders(self, price: FloatArray, quantity: FloatArray) -> Orders:
        """Orders ``(B, N)`` as the market takes them from what households want.

        Parameters
        ----------
        price
            Limit prices [$/kWh]; bids are rounded down to the price tick, asks up.
        quantity
            Signed energy [kWh]; cut down by `order_size`.
        """
        if self.lot is not None or self.price_tick is None or self.energy_unit is None:
            return Orders(self.round_price(price, quantity > 0.0), self.order_size(quantity))
        side = np.copysign(1.0, quantity)
        ticks, units = self._on_grid(price, quantity, side)
        prices, quantities = self._tick.times(ticks), self.from_book_quantity(units)
        if self.fee_ticks is None:
            return Orders(prices, quantities)
        return Orders(prices, quantities, on_grid=(self._with_fee(ticks, side), units))

    def to_grid(self, orders: Orders) -> tuple[FloatArray, FloatArray] | None:
        """What `to_book_price` and `to_book_quantity` give, where both are whole numbers; else ``None``.

        That is in a market with a price tick and an energy unit, and fees of a whole number of ticks.
        """
        if orders.on_grid is not None:
            return orders.on_grid
        if self.energy_unit is None or self.fee_ticks is None:
            return None
        side = np.copysign(1.0, orders.quantity)
        ticks, units = self._on_grid(orders.price, orders.quantity, side)
        return self._with_fee(ticks, side), units

    def _on_grid(self, price: FloatArray, quantity: FloatArray, side: FloatArray) -> tuple[FloatArray, FloatArray]:
        ticks = _divide(price, self.price_tick) * side
        ticks += _GRID_TOLERANCE
        np.floor(ticks, out=ticks)  # asks upwards: the floor of the mirror image
        ticks *= side
        units = side * _GRID_TOLERANCE
        units += _divide(quantity, self.energy_unit)
        return ticks, np.trunc(units, out=units)

    def _with_fee(self, ticks: FloatArray, side: FloatArray) -> FloatArray:
        return ticks + self.fee_ticks * (side < 0.0) if self.fee_ticks else ticks

    def in_ticks(self, price: FloatArray, is_bid: BoolArray) -> FloatArray:
        """Limit prices in whole ticks: bids rounded down, asks up. Needs a ``price_tick``."""
        ticks = _divide(price, self.price_tick)
        down = np.floor(ticks + _GRID_TOLERANCE)
        up = np.ceil(ticks - _GRID_TOLERANCE)
        return np.where(is_bid, down, up)

    def round_price(self, price: FloatArray, is_bid: BoolArray) -> FloatArray:
        """Limit prices [$/kWh] on the tick grid: bids rounded down, asks up."""
        return price if self.price_tick is None else self._tick.times(self.in_ticks(price, is_bid))

    def from_book_price(self, book_price: FloatArray) -> FloatArray:
        """Prices of the book back in $/kWh."""
        return self._tick.times(book_price)

    def to_book_quantity(self, quantity: FloatArray) -> FloatArray:
        """Quantities [kWh] in whole energy units, cut down so that nobody trades more than the order says."""
        if self.energy_unit is None:
            return quantity
        units = _divide(quantity, self.energy_unit)
        return np.trunc(units + np.copysign(_GRID_TOLERANCE, units))

    def order_size(self, quantity: FloatArray) -> FloatArray:
        """Signed size of the orders [kWh] of households that want to trade ``quantity`` [kWh].

        In whole energy units, cut down; in a market of equal lots, one lot for whoever has at least a lot to trade, and
        no order for the others.
        """
        if self.lot is None:
            return self.from_book_quantity(self.to_book_quantity(quantity))
        return np.where(np.abs(quantity) >= self.lot * (1.0 - _GRID_TOLERANCE), np.copysign(self.lot, quantity), 0.0)

    def from_book_quantity(self, units: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """Quantities of the book back in kWh, into ``out`` if there is one."""
        return self._unit.times(units, out)

    def from_book_numbers(self, *prices: float, units: float) -> tuple[tuple[float, ...], float]:
        """Single prices and a quantity of the book back in $/kWh and kWh."""
        return tuple(map(self._tick.times_one, prices)), self._unit.times_one(units)

    @cached_property
    def _tick(self) -> _Unit:
        return _Unit(self.price_tick)

    @cached_property
    def _unit(self) -> _Unit:
        return _Unit(self.energy_unit)


class _Unit:
    """The size of a grid: multiplies whole numbers by it, by dividing where that is exact in decimals.

    2900 / 10000 is 0.29, 2900 * 0.0001 is not.
    """

    def __init__(self, unit: float | None) -> None:
        inverse = 0 if unit is None else round(1.0 / unit)
        self._divides = unit is not None and inverse >= 1 and abs(inverse * unit - 1.0) < 1e-12
        self._factor = inverse if self._divides else unit

    def times(self, values: FloatArray, out: FloatArray | None = None) -> FloatArray:
        if self._factor is None:
            return values if out is None else np.positive(values, out=out)
        return (np.divide if self._divides else np.multiply)(values, self._factor, out=out)

    def times_one(self, value: float) -> float:
        if self._factor is None:
            return value
        return value / self._factor if self._divides else value * self._factor


def _divide(values: FloatArray, unit: float | None) -> FloatArray:
    return values if unit is None else values / unit
