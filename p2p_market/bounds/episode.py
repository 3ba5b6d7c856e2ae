"""The episode that is to be planned: net load, tariffs and devices of a street, checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from p2p_market.devices.battery import Batteries
from p2p_market.devices.linear import DeviceOutlook, LinearDevice
from p2p_market.errors import DataError, is_number
from p2p_market.network import Network
from p2p_market.types import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class Episode:
    """``T`` intervals of a street of ``N`` households.

    Parameters
    ----------
    net_load
        ``(T, N)`` [kWh] without devices, > 0 needs energy.
    retail_price, feed_in_price
        ``(T, N)`` [$/kWh], or what broadcasts to it, as ``(T, 1)`` for a tariff that all have.
    batteries
        The street's batteries, of ``N`` households; capacity 0 where there is none. ``None``: nobody has one.
    off_peak_price
        ``(N,)`` or one number [$/kWh]: what charge that is missing at the end costs, before the losses of a round trip.
    network_fee
        [$/kWh] on energy that households trade with each other.
    network
        Feeders and lines that the street hangs on; net loads are whole units of its energy grid then.
    start
        ``(N,)`` [kWh] stored before the first interval; by default the batteries' own initial charge. What is missing
        at the end is always counted against that initial charge.
    others
        Devices beside those batteries, by kind, over these intervals, as they describe themselves (`Plannable`).

    Raises
    ------
    DataError
        For shapes that do not fit, numbers that are not finite, prices that are not 0 <= feed-in <= retail, or a charge
        that the batteries cannot hold. The devices have checked themselves.
    """

    net_load: FloatArray
    retail_price: FloatArray
    feed_in_price: FloatArray
    batteries: Batteries | None
    off_peak_price: FloatArray
    network_fee: float = 0.0
    start: FloatArray | None = None
    network: Network | None = None
    others: Mapping[str, LinearDevice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        net_load = _numbers("net_load", self.net_load)
        if net_load.ndim != 2 or not net_load.size:
            raise DataError(
                f"net_load has the shape {net_load.shape}; expected (T, N): at least one interval and one household"
            )
        shape, by_household = net_load.shape, net_load.shape[1:]
        if self.storage.capacity.shape != by_household:
            raise DataError(
                f"batteries are those of {self.storage.capacity.size} households and net_load has {by_household[0]}; "
                "expected one entry a household, capacity 0 for those without"
            )
        settle = {
            "net_load": net_load,
            "retail_price": _broadcast("retail_price", self.retail_price, shape),
            "feed_in_price": _broadcast("feed_in_price", self.feed_in_price, shape),
            "off_peak_price": _broadcast("off_peak_price", self.off_peak_price, by_household),
        }
        if self.start is not None:
            settle["start"] = _broadcast("start", self.start, by_household)
        for name, values in settle.items():
            object.__setattr__(self, name, values)
        self._check_prices()
        self._check_start()
        if self.storage.owners.any() and "battery" in self.others:
            raise DataError("batteries are given, and others has some too; expected them in one place")
        for kind, device in self.others.items():
            if device.num_intervals != shape[0] or (device.owners >= shape[1]).any():
                raise DataError(
                    f"devices of the kind {kind} are described for {device.num_intervals} intervals and for household "
                    f"{device.owners.max(initial=0)}; net_load has {shape[0]} intervals and {shape[1]} households"
                )

    def _check_prices(self) -> None:
        if not (is_number(self.network_fee) and self.network_fee >= 0.0):
            raise DataError(f"network_fee is {self.network_fee!r}; expected one finite number [$/kWh], 0 or more")
        if (self.off_peak_price < 0.0).any():
            household = int(np.argmax(self.off_peak_price < 0.0))
            raise DataError(
                f"off_peak_price of household {household} is {self.off_peak_price[household]:g}; expected 0 or more"
            )
        wrong = (self.feed_in_price < 0.0) | (self.feed_in_price > self.retail_price)
        if wrong.any():
            interval, household = (int(place) for place in np.argwhere(wrong)[0])
            raise DataError(
                f"interval {interval}, household {household}: feed-in price {self.feed_in_price[interval, household]:g}"
                f" and retail price {self.retail_price[interval, household]:g}; expected 0 <= feed-in <= retail"
            )

    def _check_start(self) -> None:
        if self.start is None:
            return
        wrong = (self.start < 0.0) | (self.start > self.storage.capacity + 1e-9)
        if wrong.any():
            household = int(np.argmax(wrong))
            raise DataError(
                f"start of household {household} is {self.start[household]:g} kWh; expected 0 to the capacity of its "
                f"battery, {self.storage.capacity[household]:g}"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """``(T, N)``."""
        num_intervals, num_households = self.net_load.shape
        return num_intervals, num_households

    @cached_property
    def storage(self) -> Batteries:
        """The batteries, or those of nobody."""
        if self.batteries is not None:
            return self.batteries
        return Batteries.of_designs([], np.full(self.net_load.shape[1], -1), interval_hours=1.0, units_per_kwh=1000)

    @cached_property
    def stored_at_start(self) -> FloatArray:
        """``(N,)`` [kWh]."""
        batteries = self.storage
        return np.where(batteries.owners, batteries.initial if self.start is None else self.start, 0.0)

    @cached_property
    def devices(self) -> dict[str, LinearDevice]:
        """What can be steered to some use, by kind, batteries first.

        What takes energy and keeps none, as PV curtailment does, lowers no cost where nothing limits the feeders: what
        is thrown away could have been sold at a feed-in price of 0 or more.
        """
        useful = {
            kind: device
            for kind, device in self.others.items()
            if device.owners.size and (device.store is not None or self.network is not None)
        }
        if not self.storage.owners.any():
            return useful
        outlook = DeviceOutlook(
            slot=np.zeros(self.shape[0], dtype=np.int64),
            elapsed=0,
            pv=np.zeros(self.shape),
            off_peak_price=self.off_peak_price,
        )
        return {"battery": self.storage.describe({"stored": self.stored_at_start[None]}, outlook), **useful}

    @cached_property
    def fixed_load(self) -> FloatArray:
        """``(T, N)`` [kWh] net load with what devices take in any case."""
        return sum((device.fixed_load(self.shape[1]) for device in self.others.values()), start=self.net_load)

    @cached_property
    def has_one_price(self) -> BoolArray:
        """``(T,)`` intervals in which all have one tariff and trading is free, so that only the sum of loads counts."""
        one_retail, one_feed_in = (
            (price == price[:, :1]).all(axis=1) for price in (self.retail_price, self.feed_in_price)
        )
        free: BoolArray = one_retail & one_feed_in & (self.network_fee == 0.0)
        return free


def _numbers(name: str, values: Any) -> FloatArray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{name} is not an array of numbers: {error}") from error
    if not np.isfinite(array).all():
        place = tuple(int(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise DataError(f"{name}{list(place)} is {array[place]:g}; expected finite numbers")
    return array


def _broadcast(name: str, values: Any, shape: tuple[int, ...]) -> FloatArray:
    array = _numbers(name, values)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise DataError(f"{name} has the shape {array.shape}; expected {shape}, or one that broadcasts to it") from None
