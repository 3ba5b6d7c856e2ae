"""Random numbers by market: a market's numbers depend on the seed and its own place, never on the batch."""

from __future__ import annotations

import numpy as np

from p2p_market.types import AnyArray, FloatArray, IntArray

STREAMS = ("episode", "policy", "lots", "temperament", "devices")
"""Named streams of every market: which days and households, what scripted bidders draw, how lots fall, and, drawn once
an episode, what scripted bidders are like and what chance decides about devices. A new one comes last: a stream's place
seeds it."""

_BLOCK = 48


def episode_seed(seed: int | None, number: int) -> int | None:
    """Seed of the episodes that reset ``number`` of a training starts, from the training's; ``None`` without one."""
    if seed is None:
        return None
    return int(np.random.SeedSequence(seed, spawn_key=(number,)).generate_state(1, np.uint64)[0] >> 1)


class MarketStreams:
    """Generators of ``B`` markets, one a named stream.

    Parameters
    ----------
    seed
        Root of all streams; ``None`` takes fresh entropy from the operating system.
    num_markets
        ``B``.
    """

    def __init__(self, seed: int | None, num_markets: int) -> None:
        self.entropy = np.random.SeedSequence(seed).entropy
        self.num_markets = num_markets
        self._generators: dict[str, list[np.random.Generator]] = {}

    def __getitem__(self, stream: str) -> list[np.random.Generator]:
        """Return one generator a market, made when first asked for."""
        if stream not in self._generators:
            place = STREAMS.index(stream)
            self._generators[stream] = [
                np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=(market, place)))
                for market in range(self.num_markets)
            ]
        return self._generators[stream]


class UniformBlocks:
    """Uniform random numbers ``(B, N)`` an interval, drawn in blocks so that a step only indexes.

    Markets may be at different intervals of their episodes; each refills its own column when its block is used up.

    Parameters
    ----------
    generators
        One a market.
    num_households
        ``N``.
    """

    def __init__(self, generators: list[np.random.Generator], num_households: int) -> None:
        self._generators = generators
        self._blocks = np.empty((len(generators), _BLOCK, num_households))
        self._markets = np.arange(len(generators))

    def draw(self, elapsed: IntArray) -> FloatArray:
        """Numbers of the interval ``elapsed`` (B,) of each market's episode."""
        place = elapsed % _BLOCK
        refill = place == 0
        if refill.any():
            for market in np.flatnonzero(refill).tolist():
                self._generators[market].random(out=self._blocks[market])
        return self._blocks[self._markets, place]


def join_episodes(previous: AnyArray, drawn: AnyArray, chosen: IntArray) -> AnyArray:
    """Random numbers ``(B, L, ...)`` of a batch in which the episodes of the markets ``chosen`` start anew.

    Parameters
    ----------
    previous
        ``(B, L, ...)`` numbers of the episodes that go on.
    drawn
        ``(len(chosen), K, ...)`` numbers of those that start, perhaps of another length.
    chosen
        Markets that start anew.
    """
    joined = np.zeros((len(previous), max(previous.shape[1], drawn.shape[1]), *previous.shape[2:]), previous.dtype)
    joined[:, : previous.shape[1]] = previous
    joined[chosen] = 0
    joined[chosen, : drawn.shape[1]] = drawn
    return joined
