"""Plans for a street's devices: the least cost that the program gives, and a plan near it that can be carried out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from p2p_market.bounds.device_columns import DevicePlan
from p2p_market.bounds.dispatch_program import DispatchProgram, DispatchSolution
from p2p_market.bounds.episode import Episode

# What going both ways at once is made to cost, in shares of the mean spread of retail and feed-in prices, one after the
# other; and what a plan may cost more than the bound, in shares of all energy at retail, before that is tried.
_DETERRENTS = (0.1, 0.5)
_CLOSE = 0.001


@dataclass(frozen=True, eq=False)
class StreetPlan:
    """What devices are to do, and what a stored kWh is worth then."""

    devices: Mapping[str, DevicePlan]  # by kind
    objective: float  # [$] nothing costs less
    status: str  # what the solver says of that


def plan_street(episode: Episode, *, trade: bool) -> StreetPlan:
    """Find the least cost, and a plan that comes close to it.

    In the program's solution the devices of a household may take and give at once, and households may then buy and sell
    at once. What remains of that in the balance gives each household its directions, and with these given the program
    is exact. Where that costs clearly more than the bound, going another way than the balance is made dear, then
    dearer, only where the first solution went both ways, and the directions of those solutions are tried too; the best
    plan is kept.

    Parameters
    ----------
    episode
        Net load, tariffs and devices.
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
    if not trade or episode.has_one_price.all() or not episode.devices:
        return StreetPlan(bound.plans, bound.cost, bound.status)
    best = _with_directions_of(bound, episode)
    close = bound.cost + _CLOSE * float((episode.retail_price * abs(episode.fixed_load)).sum())
    spread = float((episode.retail_price - episode.feed_in_price).mean())
    for share in _DETERRENTS:
        if best.cost <= close:
            break
        program = DispatchProgram(episode, trade=True)
        program.deter(near.energy, bound.is_definite, share * spread)
        near = program.solve()
        candidate = _with_directions_of(near, episode)
        best = candidate if candidate.cost < best.cost else best
    return StreetPlan(best.plans, bound.cost, bound.status)


def _with_directions_of(solution: DispatchSolution, episode: Episode) -> DispatchSolution:
    program = DispatchProgram(episode, trade=True)
    program.fix_directions(solution.energy)
    return program.solve()
