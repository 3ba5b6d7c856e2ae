"""How good a learner is, from several runs of it on the same days: robust measures with bootstrap intervals.

Measures and words are those of Agarwal et al. [1]_ and their library rliable, whose tasks are our days. One thing
differs: there every task has runs of its own, here each run is one policy that plays all days. So the bootstrap draws
runs and days, each with replacement, and a run that is drawn brings all its days [2]_; runs drawn anew for every day
would make a few runs look like many. Runs of different players are drawn apart (strata), days are the same for all.

References
----------
.. [1] Agarwal, R., Schwarzer, M., Castro, P. S., Courville, A., Bellemare, M. G. (2021). Deep Reinforcement Learning
   at the Edge of the Statistical Precipice. NeurIPS.
.. [2] Owen, A. B. (2007). The pigeonhole bootstrap. The Annals of Applied Statistics 1(2), 386-411.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from p2p_market.comparison.statistics import Interval
from p2p_market.types import AnyArray, FloatArray

Measure: TypeAlias = Callable[..., FloatArray]
"""From scores ``(..., S, D)`` of one or more players, ``S`` runs on ``D`` days, to a number ``(...)``."""

_AT_ONCE = 4_000_000  # scores of the resamples that are worked on together


def mean(scores: FloatArray) -> FloatArray:
    """Mean over runs and days, ``(..., S, D)`` to ``(...)``."""
    means: FloatArray = scores.mean(axis=(-2, -1))
    return means


def interquartile_mean(scores: FloatArray) -> FloatArray:
    """Mean of the middle half of all scores, ``(..., S, D)`` to ``(...)``; a quarter is cut off at either end."""
    ordered = np.sort(scores.reshape(*scores.shape[:-2], -1), axis=-1)
    cut = ordered.shape[-1] // 4
    means: FloatArray = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    return means


def optimality_gap(scores: FloatArray, best: float = 1.0) -> FloatArray:
    """How far scores fall short of the best one, what lies above it counting as it; ``(..., S, D)`` to ``(...)``."""
    gap: FloatArray = best - np.minimum(scores, best).mean(axis=(-2, -1))
    return gap


def probability_of_improvement(scores: FloatArray, baseline: FloatArray) -> FloatArray:
    """How likely a run does better than one of the baseline on a day, ties counting half; mean over days.

    Parameters
    ----------
    scores, baseline
        ``(..., S, D)`` and ``(..., R, D)``, of the same days.
    """
    ours, theirs = scores[..., :, None, :], baseline[..., None, :, :]
    better: FloatArray = (0.5 * (ours > theirs) + 0.5 * (ours >= theirs)).mean(axis=(-3, -2, -1))
    return better


def with_interval(
    measure: Measure,
    players: Sequence[FloatArray],
    *,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """A measure with its percentile bootstrap interval over runs and days.

    Parameters
    ----------
    measure
        Of the scores of all players.
    players
        Scores ``(S, D)`` of each; days are the same for all.
    confidence
        Level of the interval.
    num_resamples
        Number of resamples.
    seed
        Seed of the resampling.
    """
    rng = np.random.default_rng(seed)
    num_days = players[0].shape[1]
    size = sum(scores.size for scores in players)
    found: list[AnyArray] = []
    for part in np.array_split(np.arange(num_resamples), -(-num_resamples * size // _AT_ONCE)):
        days = rng.integers(num_days, size=(len(part), 1, num_days))
        drawn = []
        for scores in players:
            runs = rng.integers(len(scores), size=(len(part), len(scores), 1))
            drawn.append(scores[runs, days])
        found.append(measure(*drawn))
    tail = 0.5 * (1.0 - confidence)
    low, high = np.quantile(np.concatenate(found), [tail, 1.0 - tail])
    return Interval(float(measure(*players)), float(low), float(high))
