"""What a household sees: named features with a unit, fixed bounds and an owner, and presets of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from p2p_market.devices import DEVICES
from p2p_market.devices.base import Device, DeviceFeature
from p2p_market.errors import ConfigError, suggest
from p2p_market.registry import Registry
from p2p_market.types import AnyArray, Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.data.calendar import Calendar
    from p2p_market.model import MarketState


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
    """

    energy: float
    price: float
    calendar: Float32Array
    devices: Mapping[str, Device] = field(default_factory=dict)


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
    """

    read: Callable[[MarketState, ObservationScales], FloatArray | Float32Array]
    low: float
    high: float
    unit: str
    known_to: Literal["own", "all"]
    summary: str
    can_exceed: bool = True
    device: str | None = None

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


@dataclass(frozen=True)
class _Column:
    """One column of a table ``(B, K)``; an observer that sees several columns reads the table once."""

    table: Callable[[MarketState, ObservationScales], FloatArray | Float32Array]
    place: int

    def __call__(self, state: MarketState, scales: ObservationScales) -> FloatArray | Float32Array:
        return self.table(state, scales)[:, self.place, None]


@dataclass(frozen=True)
class _OfDevice:
    """What a kind of device lets its owner see."""

    kind: str
    feature: DeviceFeature

    def __call__(self, state: MarketState, scales: ObservationScales) -> FloatArray:
        return self.feature.read(scales.devices[self.kind], state.devices[self.kind], scales.energy)


_REFERENCE_POWER = "reference power"
_TOP_RETAIL_PRICE = "highest retail price"

FEATURES: Registry[Feature] = Registry(
    "feature",
    {
        "demand": Feature(_demand, 0.0, 1.0, _REFERENCE_POWER, "own", "own demand of the coming interval"),
        "pv": Feature(_pv, 0.0, 1.0, _REFERENCE_POWER, "own", "own PV generation of the coming interval"),
        "net_load": Feature(
            _net_load, -1.0, 1.0, _REFERENCE_POWER, "own", "own demand less PV of the coming interval, > 0 needs energy"
        ),
        "retail_price": Feature(
            _retail_price, 0.0, 1.0, _TOP_RETAIL_PRICE, "own", "own retail price", can_exceed=False
        ),
        "feed_in_price": Feature(
            _feed_in_price, 0.0, 1.0, _TOP_RETAIL_PRICE, "own", "own feed-in price", can_exceed=False
        ),
        "hour_sine": Feature(_Column(_calendar, 0), -1.0, 1.0, "1", "all", "sine of the hour of the day"),
        "hour_cosine": Feature(_Column(_calendar, 1), -1.0, 1.0, "1", "all", "cosine of the hour of the day"),
        "weekday_sine": Feature(_Column(_calendar, 2), -1.0, 1.0, "1", "all", "sine of the day of the week"),
        "weekday_cosine": Feature(_Column(_calendar, 3), -1.0, 1.0, "1", "all", "cosine of the day of the week"),
        "season_sine": Feature(_Column(_calendar, 4), -1.0, 1.0, "1", "all", "sine of the day of the year"),
        "season_cosine": Feature(_Column(_calendar, 5), -1.0, 1.0, "1", "all", "cosine of the day of the year"),
        "last_price": Feature(
            _Column(_published, 0),
            0.0,
            1.0,
            _TOP_RETAIL_PRICE,
            "all",
            "published price of the last interval, 0 without trade",
        ),
        "last_price_in_band": Feature(
            _Column(_published, 1),
            -1.0,
            1.0,
            "half the price band",
            "all",
            "the same as a position in its interval's band, as an action states it; 0 without trade",
        ),
        "last_traded": Feature(
            _Column(_published, 2), 0.0, 1.0, "1", "all", "1 if anything was traded in the last interval"
        ),
        "last_volume": Feature(
            _Column(_published, 3), 0.0, 1.0, _REFERENCE_POWER, "all", "energy traded a household in the last interval"
        ),
        "band_low": Feature(
            _Column(_band, 0),
            0.0,
            1.0,
            _TOP_RETAIL_PRICE,
            "all",
            "low end of the price band: the street's lowest feed-in price",
        ),
        "band_high": Feature(
            _Column(_band, 1),
            0.0,
            1.0,
            _TOP_RETAIL_PRICE,
            "all",
            "high end of the price band: its highest retail price",
        ),
    }
    | {
        name: Feature(
            _OfDevice(kind, feature), feature.low, feature.high, feature.unit, "own", feature.summary, device=kind
        )
        for kind, entry in DEVICES.items()
        for name, feature in entry.features.items()
    },
)

_OWN = ("demand", "pv", "net_load", "retail_price", "feed_in_price")
_CALENDAR = ("hour_sine", "hour_cosine", "weekday_sine", "weekday_cosine", "season_sine", "season_cosine")
_PUBLISHED = ("last_price", "last_price_in_band", "last_traded", "last_volume")


@dataclass(frozen=True)
class ObservationPreset:
    """A named list of features."""

    features: tuple[str, ...]
    summary: str


PRESETS: Registry[ObservationPreset] = Registry(
    "observation preset",
    {
        "private": ObservationPreset((*_OWN, *_CALENDAR), "own meter and tariff, and the calendar"),
        "public_price": ObservationPreset(
            (*_OWN, *_CALENDAR, *_PUBLISHED), "private, and the last interval's published price and volume"
        ),
    },
)


class Observer:
    """Writes the observations of all households of all markets into one array.

    Parameters
    ----------
    features
        A preset's name, or names of features in the order wanted. A preset goes with the features of the street's
        devices.
    devices
        Kinds of devices on the street.

    Raises
    ------
    UnknownNameError, ConfigError
        For a preset or feature that is not registered, an empty list, a feature named twice, or one about a device
        that nobody has.
    """

    def __init__(self, features: str | Sequence[str], devices: Collection[str] = ()) -> None:
        if isinstance(features, str):
            if features not in PRESETS and features in FEATURES:
                raise ConfigError(
                    f"observation {features!r} is a feature, not a preset; write it as a list: [{features}]"
                )
            of_devices = (name for name, feature in FEATURES.items() if feature.device in devices)
            names = (*PRESETS[features].features, *of_devices)
        else:
            names = tuple(features)
            for name in names:
                if name not in FEATURES and name in PRESETS:
                    raise ConfigError(f"observation {name!r} is a preset; give it alone, or list features")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if not names or repeated:
            raise ConfigError(f"observation features {list(names)}: expected at least one, and none twice {repeated}")
        self.names = names
        self.features = tuple(FEATURES[name] for name in names)
        for name, feature in zip(names, self.features, strict=True):
            if feature.device is not None and feature.device not in devices:
                raise ConfigError(
                    f"observation feature {name!r} is about a {feature.device}, and nobody on this street has one; "
                    f"give the street some (devices.{feature.device}), or leave the feature out"
                )
        self.low = np.array([feature.low for feature in self.features], dtype=np.float32)
        self.high = np.array([feature.high for feature in self.features], dtype=np.float32)
        self._own = [i for i, feature in enumerate(self.features) if not feature.is_common]
        self._common = [i for i, feature in enumerate(self.features) if feature.is_common]
        self._common_places = _as_slice(self._common)
        self._common_low = np.array([self.features[i].low for i in self._common])
        self._common_high = np.array([self.features[i].high for i in self._common])
        reads = [self.features[i].read for i in self._common]
        self._single = [(place, read) for place, read in enumerate(reads) if not isinstance(read, _Column)]
        columns = [(place, read) for place, read in enumerate(reads) if isinstance(read, _Column)]
        self._tables = [
            (
                table,
                _as_slice([place for place, read in columns if read.table is table]),
                _as_slice([read.place for _, read in columns if read.table is table]),
            )
            for table in dict.fromkeys(read.table for _, read in columns)
        ]

    def column(self, name: str) -> int:
        """Place of a feature in an observation.

        Raises
        ------
        ConfigError
            If this observation does not have it.
        """
        if name not in self.names:
            raise ConfigError(f"these observations have no feature {name!r}{suggest(name, self.names)}")
        return self.names.index(name)

    def observe(self, state: MarketState, scales: ObservationScales, out: Float32Array) -> IntArray:
        """Write observations ``(B, N, F)`` into ``out`` and return how many values were clipped, ``(B, N)``."""
        clipped = np.zeros(out.shape[:2], dtype=np.int64)
        for column in self._own:
            feature = self.features[column]
            values: AnyArray = feature.read(state, scales)
            if feature.can_exceed:
                beyond = (values < feature.low) | (values > feature.high)
                if np.count_nonzero(beyond):
                    clipped += beyond
                    values = np.clip(values, feature.low, feature.high)
            out[..., column] = values
        if self._common:
            common = self._read_common(state, scales)
            beyond = (common < self._common_low) | (common > self._common_high)
            if np.count_nonzero(beyond):
                clipped += np.count_nonzero(beyond, axis=1)[:, None]
                common = np.clip(common, self._common_low, self._common_high)
            out[..., self._common_places] = common[:, None]
        return clipped

    def _read_common(self, state: MarketState, scales: ObservationScales) -> FloatArray:
        """``(B, C)`` what all households of a market read the same, worked out once a market."""
        common = np.empty((len(state.row), len(self._common)))
        for table, places, columns in self._tables:
            common[:, places] = table(state, scales)[:, columns]
        for place, read in self._single:
            common[:, place : place + 1] = read(state, scales)[:, :1]
        return common

    def state_bounds(self, num_households: int) -> tuple[Float32Array, Float32Array]:
        """Lower and upper bounds of a market's state vector."""
        return (
            np.concatenate([np.tile(self.low[self._own], num_households), self.low[self._common]]),
            np.concatenate([np.tile(self.high[self._own], num_households), self.high[self._common]]),
        )

    def state_vector(self, observations: Float32Array) -> Float32Array:
        """``(B, S)`` from observations ``(B, N, F)`` of all households: their own features, then the common ones."""
        num_markets = observations.shape[0]
        own = observations[..., self._own].reshape(num_markets, -1)
        return np.concatenate([own, observations[:, 0, self._common]], axis=1)


def _as_slice(places: list[int]) -> slice | list[int]:
    """Neighbours as a slice, which NumPy reads and writes in place."""
    if places and places == list(range(places[0], places[-1] + 1)):
        return slice(places[0], places[-1] + 1)
    return places


def calendar_table(calendar: Calendar) -> Float32Array:
    """``(T, 6)`` sine and cosine of the hour, the day of the week and the day of the year."""
    turns = (calendar.hour / 24.0, calendar.weekday / 7.0, (calendar.day_of_year - 1) / 365.25)
    columns = [wave(2.0 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
    return np.stack(columns, axis=1).astype(np.float32)
