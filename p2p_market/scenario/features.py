"""Features: every number that a household can see, with a unit, fixed bounds and who knows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from p2p_market.devices import DEVICES
from p2p_market.devices.base import Device, DeviceFeature
from p2p_market.registry import Registry
from p2p_market.scenario.order_book import DEPTH_POSITIONS
from p2p_market.types import Float32Array, FloatArray

if TYPE_CHECKING:
    from p2p_market.data.calendar import Calendar
    from p2p_market.model import MarketState
    from p2p_market.network import Network
    from p2p_market.scenario.forecasts import Forecaster
    from p2p_market.tariffs import TariffSchedule


@dataclass(frozen=True, eq=False)
class ObservationScales:
    """What observations are measured in, fixed by the configuration and never by the data.

    Parameters
    ----------
    energy
        [kWh] an interval's energy at the reference power.
    price
        [$/kWh] the street's highest retail price.
    calendar
        ``(T, 6)`` sine and cosine of the hour, the day of the week and the day of the year.
    devices
        The street's devices by kind.
    tariffs, forecaster
        What forecasts are read from, where there are any.
    network
        Feeders and their limits, where there are any.
    """

    energy: float
    price: float
    calendar: Float32Array
    devices: Mapping[str, Device] = field(default_factory=dict)
    tariffs: TariffSchedule | None = None
    forecaster: Forecaster | None = None
    network: Network | None = None


@dataclass(frozen=True)
class Feature:
    """One number of an observation.

    Parameters
    ----------
    read
        From the state and the scales to values in units of the scales: ``(B, N)``, or ``(B, 1)`` where all households
        of a market read the same.
    low, high
        Declared bounds; values beyond are clipped, and counted.
    unit
        What the number is a multiple of.
    known_to
        ``"own"``: the household alone knows it; ``"all"``: the whole market does.
    summary
        One line for lists and docs.
    can_exceed
        Whether a value can lie beyond the bounds at all; where none can, nobody looks.
    device
        Kind of device that it is about; presets see it on streets that have any.
    reads_book
        Whether the state has to keep the last interval's book for it.
    of_prosumers
        Whether it is about PV, so that it is 0 for consumers.
    of_network
        Whether it is about the own feeder; presets see it on streets with a network.
    """

    read: Callable[[MarketState, ObservationScales], FloatArray | Float32Array]
    low: float
    high: float
    unit: str
    known_to: Literal["own", "all"]
    summary: str
    can_exceed: bool = True
    device: str | None = None
    reads_book: bool = False
    of_prosumers: bool = False
    of_network: bool = False

    @property
    def is_common(self) -> bool:
        """Whether all households of a market read the same value."""
        return self.known_to == "all"


def _demand(state: MarketState, scales: ObservationScales) -> FloatArray:
    return state.demand / scales.energy


def _pv(state: MarketState, scales: ObservationScales) -> FloatArray:
    return state.pv / scales.energy


def _net_load(state: MarketState, scales: ObservationScales) -> FloatArray:
    return state.net_load / scales.energy


def _retail_price(state: MarketState, scales: ObservationScales) -> FloatArray:
    return state.retail_price / scales.price


def _feed_in_price(state: MarketState, scales: ObservationScales) -> FloatArray:
    return state.feed_in_price / scales.price


def _calendar(state: MarketState, scales: ObservationScales) -> FloatArray | Float32Array:
    return scales.calendar.take(state.row, axis=0, mode="clip")  # an episode may end with the data


def _published(state: MarketState, scales: ObservationScales) -> FloatArray | Float32Array:
    published = np.empty((len(state.row), 4))
    published[:, 0] = state.published_price / scales.price
    published[:, 1] = state.published_position
    published[:, 2] = state.traded > 0.0
    published[:, 3] = state.traded / (scales.energy * state.net_load.shape[1])
    return published


def _band(state: MarketState, scales: ObservationScales) -> FloatArray | Float32Array:
    return np.stack([state.price_low, state.price_high], axis=1) / scales.price


def _book(state: MarketState, scales: ObservationScales) -> FloatArray | Float32Array:
    assert state.book is not None  # noqa: S101 - kept, since a feature declares that it reads it
    seen = np.empty((len(state.row), 3 + 2 * len(DEPTH_POSITIONS)))
    seen[:, 0] = np.nan_to_num(state.book[:, 0] / scales.price, nan=0.0)
    seen[:, 1] = np.nan_to_num(state.book[:, 1] / scales.price, nan=1.0)
    seen[:, 2] = seen[:, 1] - seen[:, 0]
    seen[:, 3:] = state.book[:, 2:] / (scales.energy * state.net_load.shape[1])
    return seen


def _feeder_load(state: MarketState, scales: ObservationScales) -> FloatArray:
    assert scales.network is not None  # noqa: S101 - only streets with a network have such a feature
    assert state.feeder_flow is not None  # noqa: S101 - the same
    return scales.network.relative_flow(state.feeder_flow)


@dataclass(frozen=True)
class _FeederLimit:
    """Import or export limit of the own feeder, a household on it."""

    direction: Literal["import", "export"]

    def __call__(self, state: MarketState, scales: ObservationScales) -> FloatArray:
        assert scales.network is not None  # noqa: S101 - only streets with a network have such a feature
        relative = scales.network.limit_a_household(self.direction) / scales.energy
        return np.broadcast_to(np.minimum(relative, 1.0), state.net_load.shape)


@dataclass(frozen=True)
class Column:
    """One column of a table ``(B, K)``; an observer that sees several columns reads the table once."""

    table: Callable[[MarketState, ObservationScales], FloatArray | Float32Array]
    place: int

    def __call__(self, state: MarketState, scales: ObservationScales) -> FloatArray | Float32Array:
        """``(B, 1)`` the column."""
        return self.table(state, scales)[:, self.place, None]


@dataclass(frozen=True)
class _OfDevice:
    """What a kind of device lets its owner see."""

    kind: str
    feature: DeviceFeature

    def __call__(self, state: MarketState, scales: ObservationScales) -> FloatArray:
        return self.feature.read(scales.devices[self.kind], state.devices[self.kind], scales.energy)


@dataclass(frozen=True)
class _ForecastEnergy:
    """Demand (0) or PV (1) so many intervals after the coming one."""

    quantity: Literal[0, 1]
    ahead: int

    def __call__(self, state: MarketState, scales: ObservationScales) -> FloatArray:
        assert scales.forecaster is not None  # noqa: S101 - there is no such feature without
        return scales.forecaster.energy(state, self.quantity, self.ahead) / scales.energy


@dataclass(frozen=True)
class _ForecastPrice:
    """Retail price so many intervals after the coming one, which tariffs tell in advance."""

    ahead: int

    def __call__(self, state: MarketState, scales: ObservationScales) -> FloatArray:
        assert scales.tariffs is not None  # noqa: S101 - the same
        rows = np.minimum(state.row + self.ahead, len(scales.calendar) - 1)
        return scales.tariffs.prices(rows)[0] / scales.price


_REFERENCE_POWER = "reference power"
_TOP_RETAIL_PRICE = "highest retail price"


def _of_book(place: int, low: float, unit: str, summary: str) -> Feature:
    return Feature(Column(_book, place), low, 1.0, unit, "all", summary, reads_book=True)


def book_features() -> dict[str, Feature]:
    """Features of the last interval's order book, without names."""
    features = {
        "best_bid": _of_book(0, 0.0, _TOP_RETAIL_PRICE, "highest bid of the last interval, 0 without bids"),
        "best_ask": _of_book(1, 0.0, _TOP_RETAIL_PRICE, "lowest ask of the last interval, 1 without asks"),
        "spread": _of_book(2, -1.0, _TOP_RETAIL_PRICE, "best ask less best bid, below 0 where they crossed"),
    }
    for side, words, first in (("bid", "more", 3), ("ask", "less", 3 + len(DEPTH_POSITIONS))):
        for place, position in enumerate(DEPTH_POSITIONS):
            features[f"{side}_depth_{round(100 * position)}"] = _of_book(
                first + place,
                0.0,
                _REFERENCE_POWER,
                f"energy a household of the last {side}s at {round(100 * position)} % of the band or {words}",
            )
    return features


def _feeder_limit(direction: Literal["import", "export"]) -> Feature:
    return Feature(
        _FeederLimit(direction),
        0.0,
        1.0,
        _REFERENCE_POWER,
        "own",
        f"{direction} limit of the own feeder over the households on it, 1 if that is more or there is none",
        can_exceed=False,
        of_network=True,
    )


def forecast_features(horizon: int) -> dict[str, Feature]:
    """Features ``demand_forecast_1``, ``pv_forecast_1``, ``retail_price_forecast_1`` and so on up to the horizon."""
    when = "{} intervals after the coming one"
    ahead = range(1, horizon + 1)
    return (
        {
            f"demand_forecast_{k}": Feature(
                _ForecastEnergy(0, k), 0.0, 1.0, _REFERENCE_POWER, "own", f"forecast of own demand {when.format(k)}"
            )
            for k in ahead
        }
        | {
            f"pv_forecast_{k}": Feature(
                _ForecastEnergy(1, k),
                0.0,
                1.0,
                _REFERENCE_POWER,
                "own",
                f"forecast of own PV generation {when.format(k)}",
                of_prosumers=True,
            )
            for k in ahead
        }
        | {
            f"retail_price_forecast_{k}": Feature(
                _ForecastPrice(k),
                0.0,
                1.0,
                _TOP_RETAIL_PRICE,
                "own",
                f"own retail price {when.format(k)}",
                can_exceed=False,
            )
            for k in ahead
        }
    )


FEATURES: Registry[Feature] = Registry(
    "feature",
    {
        "demand": Feature(_demand, 0.0, 1.0, _REFERENCE_POWER, "own", "own demand of the coming interval"),
        "pv": Feature(
            _pv,
            0.0,
            1.0,
            _REFERENCE_POWER,
            "own",
            "own PV generation of the coming interval",
            of_prosumers=True,
        ),
        "net_load": Feature(
            _net_load, -1.0, 1.0, _REFERENCE_POWER, "own", "own demand less PV of the coming interval, > 0 needs energy"
        ),
        "retail_price": Feature(
            _retail_price, 0.0, 1.0, _TOP_RETAIL_PRICE, "own", "own retail price", can_exceed=False
        ),
        "feed_in_price": Feature(
            _feed_in_price, 0.0, 1.0, _TOP_RETAIL_PRICE, "own", "own feed-in price", can_exceed=False
        ),
        "hour_sine": Feature(Column(_calendar, 0), -1.0, 1.0, "1", "all", "sine of the hour of the day"),
        "hour_cosine": Feature(Column(_calendar, 1), -1.0, 1.0, "1", "all", "cosine of the hour of the day"),
        "weekday_sine": Feature(Column(_calendar, 2), -1.0, 1.0, "1", "all", "sine of the day of the week"),
        "weekday_cosine": Feature(Column(_calendar, 3), -1.0, 1.0, "1", "all", "cosine of the day of the week"),
        "season_sine": Feature(Column(_calendar, 4), -1.0, 1.0, "1", "all", "sine of the day of the year"),
        "season_cosine": Feature(Column(_calendar, 5), -1.0, 1.0, "1", "all", "cosine of the day of the year"),
        "last_price": Feature(
            Column(_published, 0),
            0.0,
            1.0,
            _TOP_RETAIL_PRICE,
            "all",
            "published price of the last interval, 0 without trade",
        ),
        "last_price_in_band": Feature(
            Column(_published, 1),
            -1.0,
            1.0,
            "half the price band",
            "all",
            "the same as a position in its interval's band, as an action states it; 0 without trade",
        ),
        "last_traded": Feature(
            Column(_published, 2), 0.0, 1.0, "1", "all", "1 if anything was traded in the last interval"
        ),
        "last_volume": Feature(
            Column(_published, 3), 0.0, 1.0, _REFERENCE_POWER, "all", "energy traded a household in the last interval"
        ),
        "band_low": Feature(
            Column(_band, 0),
            0.0,
            1.0,
            _TOP_RETAIL_PRICE,
            "all",
            "low end of the price band: the street's lowest feed-in price",
        ),
        "band_high": Feature(
            Column(_band, 1),
            0.0,
            1.0,
            _TOP_RETAIL_PRICE,
            "all",
            "high end of the price band: its highest retail price",
        ),
    }
    | book_features()
    | {
        name: Feature(
            _OfDevice(kind, feature), feature.low, feature.high, feature.unit, "own", feature.summary, device=kind
        )
        for kind, entry in DEVICES.items()
        for name, feature in entry.features.items()
    }
    | {
        "feeder_load": Feature(
            _feeder_load,
            -2.0,
            2.0,
            "limit of the feeder",
            "own",
            "what flowed into the own feeder in the last interval, < 0 out of it, 0 without a limit",
            of_network=True,
        ),
        "feeder_import_limit": _feeder_limit("import"),
        "feeder_export_limit": _feeder_limit("export"),
    },
)


def calendar_table(calendar: Calendar) -> Float32Array:
    """``(T, 6)`` sine and cosine of the hour, the day of the week and the day of the year."""
    turns = (calendar.hour / 24.0, calendar.weekday / 7.0, (calendar.day_of_year - 1) / 365.25)
    columns = [wave(2.0 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
    return np.stack(columns, axis=1).astype(np.float32)
