"""Feeders: which household hangs on which, what flows over their heads, and how an amount is shared out on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2p_market.errors import ConfigError
from p2p_market.shares import apportion
from p2p_market.types import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Feeders:
    """``K`` feeders of a street of ``N`` households, each of which hangs on one of them.

    Parameters
    ----------
    feeder
        ``(N,)`` feeder of each household, 0 ... K - 1; every feeder has a household.
    import_limit, export_limit
        ``(K,)`` most that flows over its head in an interval, in and out, in whole units of the energy grid; ``inf``
        where there is no limit.

    Raises
    ------
    ConfigError
        For a feeder without households, or limits that are not one a feeder, whole numbers of units and 0 or more.
    """

    feeder: IntArray
    import_limit: FloatArray
    export_limit: FloatArray

    def __post_init__(self) -> None:
        for name in ("import_limit", "export_limit"):
            limits = getattr(self, name)
            if limits.shape != (self.num_feeders,) or not ((limits >= 0.0) & (limits == np.rint(limits))).all():
                raise ConfigError(
                    f"{name} is {limits.tolist()} for {self.num_feeders} feeders; expected one limit a feeder, a whole "
                    "number of units of the energy grid, 0 or more, or inf"
                )
        if not np.array_equal(np.unique(self.feeder), np.arange(self.num_feeders)):
            raise ConfigError(
                f"the households hang on the feeders {np.unique(self.feeder).tolist()}, and there are limits for "
                f"{self.num_feeders}; expected a household on each of 0 to {self.num_feeders - 1}, and on no other"
            )

    @property
    def num_feeders(self) -> int:
        """``K``."""
        return len(self.import_limit)

    @cached_property
    def sizes(self) -> IntArray:
        """``(K,)`` households of each feeder."""
        return np.bincount(self.feeder, minlength=self.num_feeders)

    @cached_property
    def _by_feeder(self) -> IntArray:
        """``(N,)`` households in the order of their feeders."""
        return self.feeder.argsort(kind="stable")

    @cached_property
    def _first(self) -> IntArray:
        """``(K,)`` where each feeder begins in that order."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def _place_on_feeder(self) -> IntArray:
        """``(N,)`` in that order, how many of its feeder stand before each."""
        return np.arange(len(self.feeder)) - np.repeat(self._first, self.sizes)

    def add_up(self, values: FloatArray) -> FloatArray:
        """Sum ``(B, N)`` values of households by feeder, ``(B, K)``."""
        sums: FloatArray = np.add.reduceat(values.take(self._by_feeder, axis=1), self._first, axis=1)
        return sums

    def spread(self, values: FloatArray) -> FloatArray:
        """Give each household the value of its feeder: ``(B, K)`` to ``(B, N)``."""
        return values.take(self.feeder, axis=1)

    def share_out(self, amount: FloatArray, parts: FloatArray) -> FloatArray:
        """Divide an amount a feeder among its households in proportion to their parts, in whole units.

        By largest remainder, of equal remainders the first on the street: what the households get adds up to the amount
        exactly, is less than a unit away from the exact share, and is no more than the household's part.

        Parameters
        ----------
        amount
            ``(B, K)`` whole units, 0 up to the sum of the feeder's parts.
        parts
            ``(B, N)`` whole units, 0 or more.
        """
        total = self.spread(self.add_up(parts))
        divisor = np.where(total > 0.0, total, 1.0)
        product = parts * self.spread(amount)
        whole = np.floor(product / divisor)
        remainder = product - whole * divisor  # exact, as the whole numbers are, up to 2**52 units squared
        missing = amount - self.add_up(whole)
        order = np.lexsort((-remainder, np.broadcast_to(self.feeder, parts.shape)), axis=1)
        gets_one_more = self._place_on_feeder < np.repeat(missing, self.sizes, axis=1)
        more = np.empty_like(whole)
        np.put_along_axis(more, order, gets_one_more, axis=1)
        return whole + more


def assign_feeders(feeders: int | Sequence[float], num_households: int, rng: np.random.Generator) -> IntArray:
    """Draw the feeder of each household ``(N,)``.

    Parameters
    ----------
    feeders
        How many there are, evenly, or the share of the households on each.
    num_households
        ``N``.
    rng
        Who hangs on which.

    Raises
    ------
    ConfigError
        For more feeders than households, shares that do not add up to 1, or one so small that nobody is left for it.
    """
    shares = [1.0 / feeders] * feeders if isinstance(feeders, int) else list(feeders)
    if len(shares) > num_households:
        raise ConfigError(
            f"network.feeders: {len(shares)} feeders for {num_households} households; expected a household on each, so "
            "at most as many feeders as households"
        )
    counts = apportion({f"feeder {i}": share for i, share in enumerate(shares)}, num_households, "network.feeders")
    if not counts.all():
        empty = int(np.argmin(counts))
        raise ConfigError(
            f"network.feeders: the share {shares[empty]:g} of feeder {empty} is less than one of {num_households} "
            "households; raise it, or leave the feeder out"
        )
    return rng.permutation(np.repeat(np.arange(len(shares)), counts))
