"""Plans for batteries: the least cost that the program gives, and a plan near it that can be carried out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from p2p_market.bounds.dispatch_program import NOISE, DispatchProgram, DispatchSolution
from p2p_market.bounds.episode import Episode
from p2p_market.devices.battery import Batteries
from p2p_market.types import FloatArray

# What going both ways at once is made to cost, in shares of the mean spread of retail and feed-in prices, one after the
# other; and what a plan may cost more than the bound, in shares of all energy at retail, before that is tried.
_DETERRENTS = (0.1, 0.5)
_CLOSE = 0.001


@dataclass(frozen=True, eq=False)
class StoragePlan:
    """What batteries are to store, and what a kWh in them is worth then."""

    stored: FloatArray  # (T + 1, N) [kWh] before the first interval and after each
    value: FloatArray  # (T, N) [$/kWh] what a kWh more that comes into the battery in an interval saves; 0 without one
    objective: float  # [$] nothing costs less
    status: str  # what the solver says of that

    def energy(self, batteries: Batteries) -> FloatArray:
        """``(T, N)`` [kWh] that batteries take on the AC side to follow it, < 0 give."""
        return _energy(batteries, self.stored)


def plan_storage(episode: Episode, *, trade: bool) -> StoragePlan:
    """Find the least cost, and a plan that comes close to it.

    The program's solution may charge and discharge a battery at once, and households may then buy and sell at once.
    What remains of that in the balance gives each battery its directions, and with these given the program is exact.
    Where that costs clearly more than the bound, going another way than the balance is made dear, then dearer, only
    where the first solution went both ways, and the directions of those solutions are tried too; the best plan is kept.

    Parameters
    ----------
    episode
        Net load, tariffs and batteries.
    trade
        Whether neighbours trade.

    Raises
    ------
    MissingExtraError
        Without scipy.
    SolverError
        If the solver fails.
    """
    bound = near = DispatchProgram(episode, trade=trade).solve()
    if not trade or episode.has_one_price.all() or not episode.batteries.owners.any():
        return StoragePlan(bound.stored, bound.value, bound.cost, bound.status)
    best = _with_directions_of(bound, episode)
    close = bound.cost + _CLOSE * float((episode.retail_price * np.abs(episode.net_load)).sum())
    spread = float((episode.retail_price - episode.feed_in_price).mean())
    for share in _DETERRENTS:
        if best.cost <= close:
            break
        program = DispatchProgram(episode, trade=True)
        program.deter(_energy(episode.batteries, near.stored), bound.is_definite, share * spread)
        near = program.solve()
        candidate = _with_directions_of(near, episode)
        best = candidate if candidate.cost < best.cost else best
    return StoragePlan(best.stored, best.value, bound.cost, bound.status)


def _with_directions_of(solution: DispatchSolution, episode: Episode) -> DispatchSolution:
    program = DispatchProgram(episode, trade=True)
    program.fix_directions(_energy(episode.batteries, solution.stored))
    return program.solve()


def _energy(batteries: Batteries, stored: FloatArray) -> FloatArray:
    gained = stored[1:] - stored[:-1] * batteries.retention
    gained[np.abs(gained) < NOISE] = 0.0
    return np.where(gained > 0.0, gained / batteries.charge_efficiency, gained * batteries.discharge_efficiency)
