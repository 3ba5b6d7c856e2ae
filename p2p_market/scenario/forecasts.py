"""Forecasts of own demand and PV, for observations: what a household thinks that coming intervals bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from p2p_market.types import FloatArray, IntArray

if TYPE_CHECKING:
    from p2p_market.model import MarketState

ReadLoad = Callable[[IntArray, IntArray], FloatArray]
ReadMeters = Callable[[IntArray, IntArray], tuple[FloatArray, FloatArray, FloatArray]]


@dataclass(frozen=True)
class ForecastRule:
    r"""How forecasts are made.

    Parameters
    ----------
    kind
        ``"perfect"``: what will be metered. ``"persistence"``: the same time of the last day that is known.
        ``"rolling_mean"``: mean of the same time over the last ``days``. ``"noisy"``: what will be metered times
        :math:`\max(1 + \varepsilon, 0)`, with
        :math:`\varepsilon_t = \rho\,\varepsilon_{t-1} + \sqrt{1 - \rho^2}\,\sigma\,z_t` of standard deviation
        :math:`\sigma` over the intervals that are forecast, drawn for every household, for demand and PV apart, at the
        start of an episode; an interval has one error, however far ahead it is seen.
    horizon
        Intervals ahead, H.
    days
        Of ``rolling_mean``.
    error, autocorrelation
        :math:`\sigma` and :math:`\rho` of ``noisy``.
    """

    kind: Literal["perfect", "persistence", "rolling_mean", "noisy"]
    horizon: int
    days: int = 7
    error: float = 0.2
    autocorrelation: float = 0.9

    def rows_before(self, slots_per_day: int, *, knows_coming: bool = True) -> int:
        """Intervals of the data before an episode that forecasts read."""
        turns = -(-(self.horizon + (not knows_coming)) // slots_per_day)
        days = {"persistence": turns, "rolling_mean": turns - 1 + self.days}
        return days.get(self.kind, 0) * slots_per_day

    def draw_errors(self, generators: Sequence[np.random.Generator], horizon: int, num: int) -> FloatArray | None:
        """``(B, T + 1 + H, 2, N)`` errors of demand and PV by interval of the episode; ``None`` for exact kinds."""
        if self.kind != "noisy":
            return None
        errors = np.stack([rng.standard_normal((horizon + 1 + self.horizon, 2, num)) for rng in generators])
        errors[:, 1:] *= np.sqrt(1.0 - self.autocorrelation**2)
        for interval in range(1, errors.shape[1]):
            errors[:, interval] += self.autocorrelation * errors[:, interval - 1]
        errors *= self.error
        return errors


class Forecaster:
    """Reads forecasts.

    Parameters
    ----------
    rule
        How they are made.
    read_meters
        Demand, PV and net load of rows and households of the data.
    slots_per_day
        Intervals a day.
    knows_coming
        Whether the coming interval is known already, or forecast as those after it are.
    """

    def __init__(
        self, rule: ForecastRule, read_meters: ReadMeters, slots_per_day: int, *, knows_coming: bool = True
    ) -> None:
        self.rule = rule
        self._unknown = 0 if knows_coming else 1
        self._read_meters = read_meters
        self._slots_per_day = slots_per_day

    def energy(self, state: MarketState, quantity: Literal[0, 1], ahead: int) -> FloatArray:
        """Forecast ``(B, N)`` [kWh] of demand (0) or PV (1) so many intervals after the coming one, 0 that itself."""
        return self._forecast(lambda row: self._read_meters(row, state.profile)[quantity], state, quantity, ahead)

    def controlled_load(self, read: ReadLoad, state: MarketState, ahead: int) -> FloatArray:
        """Forecast ``(B, N)`` [kWh] of the controlled load that ``read`` knows; its error is that of demand."""
        return self._forecast(lambda row: read(row, state.profile), state, 0, ahead)

    def _forecast(
        self, read: Callable[[IntArray], FloatArray], state: MarketState, quantity: Literal[0, 1], ahead: int
    ) -> FloatArray:
        row, kind = state.row + ahead, self.rule.kind
        if kind in ("persistence", "rolling_mean"):
            days_back = -(-(ahead + self._unknown) // self._slots_per_day)
            known = row - days_back * self._slots_per_day
            days = 1 if kind == "persistence" else self.rule.days
            total = read(known)
            for day in range(1, days):
                total = total + read(known - day * self._slots_per_day)
            return total / days
        energy = read(row)
        if state.forecast_error is None:
            return energy
        place = np.minimum(state.elapsed + ahead, state.forecast_error.shape[1] - 1)
        error = state.forecast_error[np.arange(len(place)), place, quantity]
        noisy: FloatArray = energy * np.maximum(1.0 + error, 0.0)
        return noisy
