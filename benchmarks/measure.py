"""Medians of processor time, of calls that are measured in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

SHORTEST_SAMPLE = 0.002  # seconds; shorter calls are repeated within a sample, so that the clock itself does not count
FEWEST_SAMPLES = 5


@dataclass(frozen=True)
class Effort:
    """How much to spend on a case: seconds of sampling, or a quick look that it runs; and which attempt it is."""

    seconds: float = 1.0
    is_quick: bool = False
    attempt: int = 1


def medians(calls: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Median processor time of one call of each [s].

    The calls take turns, so that whatever else the machine does slows all of them alike and their ratios hold.

    Parameters
    ----------
    calls
        What to call, by name.
    seconds
        How long to go on; each is called at least `FEWEST_SAMPLES` times after one call to warm up.
    """
    repeats = {name: _repeats(call) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    while len(next(iter(samples.values()))) < FEWEST_SAMPLES or time.perf_counter() < end:
        for name, call in calls.items():
            samples[name].append(_processor_time(call, repeats[name]) / repeats[name])
    return {name: statistics.median(times) for name, times in samples.items()}


def _repeats(call: Callable[[], object]) -> int:
    call()
    repeats = 1
    while _processor_time(call, repeats) < SHORTEST_SAMPLE:
        repeats *= 2
    return repeats


def _processor_time(call: Callable[[], object], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return time.process_time() - start
