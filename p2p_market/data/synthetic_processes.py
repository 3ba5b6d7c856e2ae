"""Random processes and interpolations that the parts of the synthetic community share.

All of them work on whole arrays, and all keep one promise: a short series is the beginning of a long one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from p2p_market.data.calendar import Calendar
from p2p_market.types import AnyArray, Float32Array, FloatArray

# The cumulative normal distribution as a table: looking it up is faster than any formula, and good to 1e-5.
_NORMAL_GRID = np.linspace(-5.0, 5.0, 2001)
_NORMAL_DENSITY = np.exp(-0.5 * _NORMAL_GRID**2)
_NORMAL_CUMULATIVE = (np.cumsum(_NORMAL_DENSITY) - 0.5 * _NORMAL_DENSITY) / _NORMAL_DENSITY.sum()


def autoregressive(rng: np.random.Generator, num: int, step: float) -> Float32Array:
    """Draw a stationary Gaussian process with exponential memory (Ornstein-Uhlenbeck), mean 0 and variance 1.

    Parameters
    ----------
    rng
        Source of ``num`` standard normal numbers.
    num
        Number of points.
    step
        Distance of two points over the memory time: neighbours correlate with ``exp(-step)``.

    Returns
    -------
    ndarray (num,) of float32
        ``y[0] = x[0]``, ``y[t] = a·y[t-1] + sqrt(1-a²)·x[t]`` with ``a = exp(-step)``.
    """
    series: Float32Array = rng.standard_normal(num, dtype=np.float32)
    series[1:] *= float(np.sqrt(1.0 - np.exp(-2.0 * step)))
    remember(series, step)
    return series


def remember(series: npt.NDArray[np.floating], step: float) -> None:
    """Turn a series x into ``y[t] = exp(-step)·y[t-1] + x[t]``, in place.

    By doubling: after pass k each point holds its last 2^k terms. It ends when what is left out has a weight
    below 1e-5, after about ``log2(11.5/step)`` passes instead of a Python step for each point.
    """
    decay, lag = float(np.exp(-step)), 1
    while lag < len(series) and decay > 1e-5:
        series[lag:] += decay * series[:-lag]
        decay, lag = decay * decay, 2 * lag


def normal_cumulative(values: AnyArray) -> FloatArray:
    """Return the standard normal distribution function."""
    probability: FloatArray = np.interp(values, _NORMAL_GRID, _NORMAL_CUMULATIVE)
    return probability


def normal_quantile(probability: AnyArray) -> FloatArray:
    """Return the inverse of `normal_cumulative`, kept within ±5."""
    values: FloatArray = np.interp(probability, _NORMAL_CUMULATIVE, _NORMAL_GRID)
    return values


def between_days(daily: npt.NDArray[np.floating], slots_per_day: int) -> FloatArray:
    """Draw straight lines between values at the midnights: (days + 1,) to (days · slots_per_day,)."""
    fraction = (np.arange(slots_per_day) + 0.5) / slots_per_day
    course: FloatArray = (daily[:-1, None] + np.diff(daily)[:, None] * fraction).ravel()
    return course


def by_slot(hourly: FloatArray, slots_per_day: int) -> FloatArray:
    """Return a daily profile of 24 hourly means at the slots of a day, linear between their middles."""
    middle = (np.arange(slots_per_day) + 0.5) * (24.0 / slots_per_day)
    profile: FloatArray = np.interp(middle, np.arange(-1, 25) + 0.5, hourly[np.arange(-1, 25) % 24])
    return profile


def by_month(calendar: Calendar, monthly: FloatArray) -> FloatArray:
    """Return 12 monthly means at the intervals of a calendar, linear between the middles of months, (T,)."""
    middle = (np.arange(-1, 13) + 0.5) * (365.25 / 12.0)
    course: FloatArray = np.interp(calendar.day_of_year - 0.5, middle, monthly[np.arange(-1, 13) % 12])
    return course
