"""Paired statistics over days: how far two mechanisms differ, and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from p2p_market.types import FloatArray


class Interval(NamedTuple):
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float


def paired_difference(
    values: FloatArray,
    reference: FloatArray,
    weights: FloatArray,
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Difference of two ratios of sums over days, with a percentile bootstrap interval over the days.

    The ratios are ``sum(values) / sum(weights)`` and ``sum(reference) / sum(weights)``; days are drawn with
    replacement, the same for both, so what the days have in common does not blur the difference.

    Parameters
    ----------
    values, reference
        ``(days,)`` of the two mechanisms.
    weights
        ``(days,)`` of the common denominator: 1 for a mean a day, the best gains from trade for an efficiency.
    confidence
        Level of the interval.
    num_resamples
        Number of resamples.
    seed
        Seed of the resampling.

    References
    ----------
    .. [1] Efron, B., Tibshirani, R. J. (1993). An Introduction to the Bootstrap. Chapman & Hall, section 13.3.
    """
    difference = values - reference
    estimate = _ratio(difference.sum(), weights.sum())
    num_days = len(difference)
    draws = np.random.default_rng(seed).multinomial(num_days, np.full(num_days, 1.0 / num_days), size=num_resamples)
    ratios = _ratio(draws @ difference, draws @ weights)
    tail = 0.5 * (1.0 - confidence)
    if np.isnan(ratios).all():
        return Interval(float(estimate), float("nan"), float("nan"))
    low, high = np.nanquantile(ratios, [tail, 1.0 - tail])
    return Interval(float(estimate), float(low), float(high))


def gini(values: FloatArray) -> float:
    """Gini coefficient of savings: 0 where all save the same; nan where somebody loses or nobody saves anything.

    References
    ----------
    .. [1] Cowell, F. A. (2011). Measuring Inequality, 3rd edition. Oxford University Press, appendix A.4.
    """
    ordered = np.sort(values)
    total = ordered.sum()
    if ordered.size == 0 or ordered[0] < -1e-9 or total <= 0.0:
        return float("nan")
    rank = np.arange(1, ordered.size + 1)
    return float((2.0 * rank - ordered.size - 1.0) @ ordered / (ordered.size * total))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    usable = np.asarray(whole) > 0.0
    return np.where(usable, part / np.where(usable, whole, 1.0), np.nan)
