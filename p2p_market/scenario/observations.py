"""What a household sees: named features with a unit, fixed bounds and an owner, and presets of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from p2p_market.errors import ConfigError, suggest
from p2p_market.registry import Registry
from p2p_market.types import Float32Array, FloatArray, IntArray

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
    """

    energy: float
    price: float
    calendar: Float32Array


@dataclass(frozen=True)
class Feature:
    """One number of an observation.

    Parameters
    ----------
    read
        From the state and the scales to values that broadcast to ``(B, N)``, in units of the scales.
    low, high
        Declared bounds; values beyond are clipped, and counted.
    unit
        What the number is a multiple of.
    known_to
        ``"own"``: the household alone knows it; ``"all"``: the whole market does.
    summary
        One line for lists and docs.
    """

    read: Callable[[MarketState, ObservationScales], FloatArray | Float32Array]
    low: float
    high: float
    unit: str
    known_to: Literal["own", "all"]
    summary: str

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


def _last_price(state: MarketState, scales: ObservationScales) -> FloatArray:
    price: FloatArray = state.published_price[:, None] / scales.price
    return price


def _last_price_in_band(state: MarketState, scales: ObservationScales) -> FloatArray:  # noqa: ARG001 (the signature of a feature)
    position: FloatArray = state.published_position[:, None]
    return position


def _last_traded(state: MarketState, scales: ObservationScales) -> FloatArray:  # noqa: ARG001 (the signature of a feature)
    traded: FloatArray = np.where(state.traded[:, None] > 0.0, 1.0, 0.0)
    return traded


def _last_volume(state: MarketState, scales: ObservationScales) -> FloatArray:
    volume: FloatArray = state.traded[:, None] / (scales.energy * state.net_load.shape[1])
    return volume


def _band_low(state: MarketState, scales: ObservationScales) -> FloatArray:
    price: FloatArray = state.price_low[:, None] / scales.price
    return price


def _band_high(state: MarketState, scales: ObservationScales) -> FloatArray:
    price: FloatArray = state.price_high[:, None] / scales.price
    return price


def _calendar_feature(column: int) -> Callable[[MarketState, ObservationScales], Float32Array]:
    return _CalendarColumn(column)


@dataclass(frozen=True)
class _CalendarColumn:
    column: int

    def __call__(self, state: MarketState, scales: ObservationScales) -> Float32Array:
        rows = np.minimum(state.row, len(scales.calendar) - 1)  # an episode may end with the data
        values: Float32Array = scales.calendar[rows, self.column]
        return values[:, None]


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
        "retail_price": Feature(_retail_price, 0.0, 1.0, _TOP_RETAIL_PRICE, "own", "own retail price"),
        "feed_in_price": Feature(_feed_in_price, 0.0, 1.0, _TOP_RETAIL_PRICE, "own", "own feed-in price"),
        "hour_sine": Feature(_calendar_feature(0), -1.0, 1.0, "1", "all", "sine of the hour of the day"),
        "hour_cosine": Feature(_calendar_feature(1), -1.0, 1.0, "1", "all", "cosine of the hour of the day"),
        "weekday_sine": Feature(_calendar_feature(2), -1.0, 1.0, "1", "all", "sine of the day of the week"),
        "weekday_cosine": Feature(_calendar_feature(3), -1.0, 1.0, "1", "all", "cosine of the day of the week"),
        "season_sine": Feature(_calendar_feature(4), -1.0, 1.0, "1", "all", "sine of the day of the year"),
        "season_cosine": Feature(_calendar_feature(5), -1.0, 1.0, "1", "all", "cosine of the day of the year"),
        "last_price": Feature(
            _last_price, 0.0, 1.0, _TOP_RETAIL_PRICE, "all", "published price of the last interval, 0 without trade"
        ),
        "last_price_in_band": Feature(
            _last_price_in_band,
            -1.0,
            1.0,
            "half the price band",
            "all",
            "the same as a position in its interval's band, as an action states it; 0 without trade",
        ),
        "last_traded": Feature(_last_traded, 0.0, 1.0, "1", "all", "1 if anything was traded in the last interval"),
        "last_volume": Feature(
            _last_volume, 0.0, 1.0, _REFERENCE_POWER, "all", "energy traded a household in the last interval"
        ),
        "band_low": Feature(
            _band_low,
            0.0,
            1.0,
            _TOP_RETAIL_PRICE,
            "all",
            "low end of the price band: the street's lowest feed-in price",
        ),
        "band_high": Feature(
            _band_high, 0.0, 1.0, _TOP_RETAIL_PRICE, "all", "high end of the price band: its highest retail price"
        ),
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
        A preset's name, or names of features in the order wanted.

    Raises
    ------
    UnknownNameError, ConfigError
        For a preset or feature that is not registered, an empty list, or a feature named twice.
    """

    def __init__(self, features: str | Sequence[str]) -> None:
        if isinstance(features, str):
            if features not in PRESETS and features in FEATURES:
                raise ConfigError(
                    f"observation {features!r} is a feature, not a preset; write it as a list: [{features}]"
                )
            names = PRESETS[features].features
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
        self.low = np.array([feature.low for feature in self.features], dtype=np.float32)
        self.high = np.array([feature.high for feature in self.features], dtype=np.float32)
        self._own = [i for i, feature in enumerate(self.features) if not feature.is_common]
        self._common = [i for i, feature in enumerate(self.features) if feature.is_common]

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
        for column, feature in enumerate(self.features):
            values = feature.read(state, scales)
            np.clip(values, feature.low, feature.high, out=out[..., column], casting="same_kind")
            beyond = (values < feature.low) | (values > feature.high)
            if beyond.any():
                clipped += beyond
        return clipped

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


def calendar_table(calendar: Calendar) -> Float32Array:
    """``(T, 6)`` sine and cosine of the hour, the day of the week and the day of the year."""
    turns = (calendar.hour / 24.0, calendar.weekday / 7.0, (calendar.day_of_year - 1) / 365.25)
    columns = [wave(2.0 * np.pi * turn) for turn in turns for wave in (np.sin, np.cos)]
    return np.stack(columns, axis=1).astype(np.float32)
