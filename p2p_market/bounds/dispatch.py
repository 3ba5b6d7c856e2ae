"""The least cost of a street over an episode with perfect foresight, together and everybody alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from p2p_market.bounds.episode import Episode
from p2p_market.bounds.schedule import Schedule, price_energy
from p2p_market.bounds.storage_plan import plan_storage
from p2p_market.devices.battery import Batteries
from p2p_market.types import FloatArray


def optimal_dispatch(episode: Episode) -> Schedule:
    r"""Find the dispatch with which the street pays least to the outside.

    Minimises, over charge :math:`c`, discharge :math:`d` and who trades with whom,

    .. math:: \sum_{t,h} \lambda^b_{th} i_{th} - \lambda^s_{th} x_{th} + f q_{th} + w_h (c_{th} + d_{th})
              + \sum_h \frac{\pi_h}{\eta^c_h \eta^d_h} \max(0, e_{h,\text{initial}} - e_{hT})

    with import :math:`i`, export :math:`x`, energy bought from neighbours :math:`q`, network fee :math:`f`, wear
    :math:`w` and off-peak price :math:`\pi`. A household buys and sells no more than its net load with its battery, on
    the net load's own side, as every order in the market does.

    The linear program's optimum, ``objective``, is at or below the community cost of whatever policies and mechanism
    play the same episode on these batteries, since each of its rows holds for all that they can do. The schedule is one
    that can be carried out, so the true least cost lies between ``objective`` and ``cost.total``, and the two are equal
    (to the solver's tolerance) unless

    * households have different tariffs in an interval: one that charges and discharges at once, in the shares
      :math:`c/c_{\max} + d/d_{\max} \le 1`, could in the program move energy from a cheap retail price to a dear one
      within the interval, which a meter does not. With one tariff nothing is gained from it, so it is not done. The
      schedule comes from a second program, which is exact for the directions that are left of the first;
    * batteries have self-discharge and a minimum above 0: a charge that falls below the minimum by self-discharge may
      in the program be used down to where self-discharge from the start would have led, in `Batteries` it may not.

    With a network, energy beyond feeder limits costs in the program what shedding or the scarcity price makes of it at
    least, and losses of traded energy nothing, so that the optimum stays a bound; the schedule is carried out on the
    energy grid, where limits hold, and pays for all of it.

    Energy is continuous here; on the grid of `Batteries.move` a little less is possible (see `execute`).

    Parameters
    ----------
    episode
        Net load, tariffs, batteries.

    Returns
    -------
    Schedule
        The best dispatch, with trade matched efficiently.

    Raises
    ------
    MissingExtraError
        Without scipy.
    SolverError
        If the solver fails.
    """
    return _solve(episode, trade=True)


def selfish_dispatch(episode: Episode) -> Schedule:
    """Find the dispatch with which each household alone pays least at its own tariff: no trade, no network fee.

    One program for all, since nothing joins the households; its optimum is exact up to self-discharge below the
    minimum, see `optimal_dispatch`. ``household_cost`` is each one's own bill. What the street pays if it trades on top
    of it is ``price_energy(episode, plan.charge, plan.discharge, plan.stored)``.

    Parameters, returns and errors are those of `optimal_dispatch`.
    """
    return _solve(episode, trade=False)


def execute(episode: Episode, stored: FloatArray, *, trade: bool = True) -> Schedule:
    """Carry a plan out with `Batteries.move`, on the batteries' energy grid.

    In each interval the batteries are asked for the whole number of energy units that brings them nearest to the plan,
    so that rounding does not add up over the episode.

    Parameters
    ----------
    episode
        What is played.
    stored
        ``(T + 1, N)`` [kWh] planned.
    trade
        Whether neighbours trade efficiently, or only with the grid.
    """
    batteries, now = episode.batteries, episode.stored_at_start
    energy, path = np.empty(episode.shape), np.empty_like(stored)
    path[0] = now
    for interval, target in enumerate(stored[1:]):
        energy[interval], now = step_towards(batteries, now, target)
        path[interval + 1] = now
    return price_energy(
        episode, np.maximum(energy, 0.0), np.maximum(-energy, 0.0), path, trade=trade, status="carried out"
    )


def energy_towards(batteries: Batteries, stored: FloatArray, target: FloatArray) -> FloatArray:
    """Energy ``(N,)`` [kWh], > 0 taken, to ask of batteries that hold ``stored`` so that they come to ``target``."""
    missing = target - stored * batteries.retention
    wanted = np.where(missing > 0.0, missing / batteries.charge_efficiency, missing * batteries.discharge_efficiency)
    units = np.round(wanted * batteries.units_per_kwh)
    # `move` cuts to whole units: a quarter more, so that no rounding error costs a unit
    energy: FloatArray = (units + 0.25 * np.sign(units)) / batteries.units_per_kwh
    return energy


def step_towards(batteries: Batteries, stored: FloatArray, target: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Move the batteries for an interval; return ``(N,)`` energy taken (< 0 given) and what is then stored [kWh]."""
    request = batteries.request(energy_towards(batteries, stored, target))
    move = batteries.move({"stored": stored[None]}, request[None])
    return move.energy[0], move.state["stored"][0]


def _solve(episode: Episode, *, trade: bool) -> Schedule:
    plan = plan_storage(episode, trade=trade)
    if episode.network is not None:  # feeder limits cut loads on the energy grid
        done = execute(episode, plan.stored, trade=trade)
        return replace(done, objective=plan.objective, status=plan.status)
    energy = plan.energy(episode.batteries)
    return price_energy(
        episode,
        np.maximum(energy, 0.0),
        np.maximum(-energy, 0.0),
        plan.stored,
        trade=trade,
        objective=plan.objective,
        status=plan.status,
    )
