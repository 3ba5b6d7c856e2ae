"""What a household sees: presets of features, and the observer that writes them into one array."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from p2p_market.errors import ConfigError, suggest
from p2p_market.registry import Registry
from p2p_market.scenario.features import FEATURES, Column, ObservationScales, book_features, forecast_features
from p2p_market.types import AnyArray, Float32Array, FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState

_OWN = ("demand", "pv", "net_load", "retail_price", "feed_in_price")
_CALENDAR = ("hour_sine", "hour_cosine", "weekday_sine", "weekday_cosine", "season_sine", "season_cosine")
_PUBLISHED = ("last_price", "last_price_in_band", "last_traded", "last_volume")
_BAND = ("band_low", "band_high")
_BOOK = tuple(book_features())


_FORECAST_NAME = re.compile(r"(demand|pv|retail_price)_forecast_\d+")


@dataclass(frozen=True)
class ObservationPreset:
    """A named list of features."""

    features: tuple[str, ...]
    summary: str
    forecasts: Literal["never", "if any", "needed"] = "never"  # whether forecasts go with it


PRESETS: Registry[ObservationPreset] = Registry(
    "observation preset",
    {
        "private": ObservationPreset((*_OWN, *_CALENDAR), "own meter and tariff, and the calendar"),
        "public_price": ObservationPreset(
            (*_OWN, *_CALENDAR, *_PUBLISHED), "private, and the last interval's published price and volume"
        ),
        "order_book": ObservationPreset(
            (*_OWN, *_CALENDAR, *_PUBLISHED, *_BOOK), "public_price, and the last interval's order book without names"
        ),
        "full": ObservationPreset(
            (*_OWN, *_CALENDAR, *_PUBLISHED, *_BAND, *_BOOK),
            "all that a household can know in this market, forecasts included where there are any",
            forecasts="if any",
        ),
        "forecast": ObservationPreset(
            (*_OWN, *_CALENDAR, *_PUBLISHED),
            "public_price, and forecasts as scenario.forecast says",
            forecasts="needed",
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
    horizon
        Intervals that forecasts reach ahead; 0: there are none.
    has_network
        Whether the street hangs on feeders; presets go with their features then.

    Raises
    ------
    UnknownNameError, ConfigError
        For a preset or feature that is not registered, an empty list, a feature named twice, or one about a device
        that nobody has.
    """

    def __init__(
        self,
        features: str | Sequence[str],
        devices: Collection[str] = (),
        horizon: int = 0,
        *,
        has_network: bool = False,
    ) -> None:
        forecasts = forecast_features(horizon)
        if isinstance(features, str):
            if features not in PRESETS and features in FEATURES:
                raise ConfigError(
                    f"observation {features!r} is a feature, not a preset; write it as a list: [{features}]"
                )
            of_street = (
                name
                for name, feature in FEATURES.items()
                if feature.device in devices or (feature.of_network and has_network)
            )
            preset = PRESETS[features]
            if preset.forecasts == "needed" and not forecasts:
                raise ConfigError(
                    f"observation preset {features!r} shows forecasts, and there are none; set scenario.forecast, e.g. "
                    "{kind: persistence, horizon: 4}"
                )
            names = (*preset.features, *of_street, *(() if preset.forecasts == "never" else forecasts))
        else:
            names = tuple(features)
            for name in names:
                if name not in FEATURES and name in PRESETS:
                    raise ConfigError(f"observation {name!r} is a preset; give it alone, or list features")
        repeated = sorted({name for name in names if names.count(name) > 1})
        if not names or repeated:
            raise ConfigError(f"observation features {list(names)}: expected at least one, and none twice {repeated}")
        self.names = names
        _check_forecasts(names, horizon)
        self.features = tuple(forecasts[name] if name in forecasts else FEATURES[name] for name in names)
        for name, feature in zip(names, self.features, strict=True):
            if feature.device is not None and feature.device not in devices:
                raise ConfigError(
                    f"observation feature {name!r} is about a device, {feature.device}, and nobody on this street has "
                    f"one; give the street some (devices.{feature.device}), or leave the feature out"
                )
            if feature.of_network and not has_network:
                raise ConfigError(
                    f"observation feature {name!r} is about the own feeder, and the street has no network; give it one "
                    "(network.feeders), or leave the feature out"
                )
        self.reads_book = any(feature.reads_book for feature in self.features)
        self.low = np.array([feature.low for feature in self.features], dtype=np.float32)
        self.high = np.array([feature.high for feature in self.features], dtype=np.float32)
        self._own = [i for i, feature in enumerate(self.features) if not feature.is_common]
        self._common = [i for i, feature in enumerate(self.features) if feature.is_common]
        self._common_places = _as_slice(self._common)
        self._common_low = np.array([self.features[i].low for i in self._common])
        self._common_high = np.array([self.features[i].high for i in self._common])
        reads = [self.features[i].read for i in self._common]
        self._single = [(place, read) for place, read in enumerate(reads) if not isinstance(read, Column)]
        columns = [(place, read) for place, read in enumerate(reads) if isinstance(read, Column)]
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


def _check_forecasts(names: Sequence[str], horizon: int) -> None:
    reach = f"reaches {horizon} intervals" if horizon else "is not set"
    known = forecast_features(horizon)
    for name in names:
        if _FORECAST_NAME.fullmatch(name) and name not in known:
            raise ConfigError(
                f"observation feature {name!r} is a forecast, and scenario.forecast {reach}; give it a longer horizon, "
                "or leave the feature out"
            )


def _as_slice(places: list[int]) -> slice | list[int]:
    """Neighbours as a slice, which NumPy reads and writes in place."""
    if places and places == list(range(places[0], places[-1] + 1)):
        return slice(places[0], places[-1] + 1)
    return places
