"""The least cost of a street over an episode with perfect foresight, together and everybody alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from p2p_market.bounds.episode import Episode
from p2p_market.bounds.schedule import Schedule, price_energy
from p2p_market.bounds.street_plan import plan_street
from p2p_market.devices.battery import Batteries
from p2p_market.devices.linear import LinearDevice
from p2p_market.types import FloatArray


def optimal_dispatch(episode: Episode) -> Schedule:
    r"""Find the dispatch with which the street pays least to the outside.

    Minimises, over what devices take :math:`c` and give :math:`d` and who trades with whom,

    .. math:: \sum_{t,h} \lambda^b_{th} i_{th} - \lambda^s_{th} x_{th} + f q_{th}
              + \sum_{t,k} w_k c_{tk} + w'_k d_{tk} + \sum_{t,k} p_{tk} \max(0, \bar s_{tk} - s_{tk})

    with import :math:`i`, export :math:`x`, energy bought from neighbours :math:`q`, network fee :math:`f`, and for
    each device :math:`k` wear :math:`w` and what it costs that its store :math:`s` is below a level: charge that a
    battery lacks at the end, at the off-peak price over the round-trip efficiency; what vehicles and controlled loads
    miss at a deadline, at the price of comfort, and what they owe at the end. A household buys and sells no more than
    its net load with its devices, on the net load's own side, as every order in the market does.

    The linear program's optimum, ``objective``, is at or below the community cost of whatever policies and mechanism
    play the same episode on these devices, since each of its rows holds for all that they can do. The schedule is one
    that can be carried out, so the true least cost lies between ``objective`` and ``cost.total``, and the two are equal
    (to the solver's tolerance) unless

    * households have different tariffs in an interval: one that charges and discharges at once, in the shares
      :math:`c/c_{\max} + d/d_{\max} \le 1`, could in the program move energy from a cheap retail price to a dear one
      within the interval, which a meter does not. With one tariff nothing is gained from it, so it is not done. The
      schedule comes from a second program, which is exact for the directions that are left of the first;
    * vehicles that can give energy back leave less than a whole unit of it due, which is not missed; or comfort is
      cheaper than energy, where what a vehicle owes at the end is no convex function;
    * batteries have self-discharge and a minimum above 0: a charge that falls below the minimum by self-discharge may
      in the program be used down to where self-discharge from the start would have led, in `Batteries` it may not.

    With a network, energy beyond feeder limits costs in the program what shedding or the scarcity price makes of it at
    least, and losses of traded energy nothing, so that the optimum stays a bound; the schedule is carried out on the
    energy grid, where limits hold, and pays for all of it.

    Energy is continuous here; on the grid of `Batteries.move` a little less is possible (see `execute`).

    Parameters
    ----------
    episode
        Net load, tariffs, devices.

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
    of it is ``price_energy(episode, plan.charge, plan.discharge, plan.stored, plan.others)``.

    Parameters, returns and errors are those of `optimal_dispatch`.
    """
    return _solve(episode, trade=False)


def execute(
    episode: Episode, stored: FloatArray, others: Mapping[str, FloatArray] | None = None, *, trade: bool = True
) -> Schedule:
    """Carry a plan out on the devices' energy grid, batteries with `Batteries.move`.

    In each interval devices are asked for the whole number of energy units that brings them nearest to the plan, so
    that rounding does not add up over the episode.

    Parameters
    ----------
    episode
        What is played.
    stored
        ``(T + 1, N)`` [kWh] planned, in batteries.
    others
        ``(T, N)`` [kWh] that other devices are planned to take, < 0 give, by kind, as a `Schedule` has it; those that
        are not there follow their default.
    trade
        Whether neighbours trade efficiently, or only with the grid.
    """
    batteries, now = episode.storage, episode.stored_at_start
    energy, path = np.empty(episode.shape), np.empty_like(stored)
    path[0] = now
    for interval, target in enumerate(stored[1:]):
        energy[interval], now = step_towards(batteries, now, target)
        path[interval + 1] = now
    in_units = {
        kind: _carry_out(episode.others[kind], planned, episode.shape[1]) for kind, planned in (others or {}).items()
    }
    return price_energy(
        episode, np.maximum(energy, 0.0), np.maximum(-energy, 0.0), path, in_units, trade=trade, status="carried out"
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


def _carry_out(device: LinearDevice, planned: FloatArray, num_households: int) -> FloatArray:
    steered = planned[:, device.owners] - device.fixed
    targets = device.stored_by(steered)
    energy, now = np.empty_like(steered), device.start
    for interval, target in enumerate(targets):
        energy[interval], now = device.step_towards(interval, now, target, steered[interval])
    return device.spread(device.fixed + energy, num_households)


def _solve(episode: Episode, *, trade: bool) -> Schedule:
    plan = plan_street(episode, trade=trade)
    stored = np.repeat(episode.stored_at_start[None], episode.shape[0] + 1, axis=0)
    charge, discharge, others = np.zeros(episode.shape), np.zeros(episode.shape), {}
    for kind, of_kind in plan.devices.items():
        device = of_kind.device
        if kind not in episode.others:  # the batteries
            charge, discharge = (
                device.spread(np.maximum(sign * of_kind.energy, 0.0), episode.shape[1]) for sign in (1.0, -1.0)
            )
            stored[1:, device.owners] = of_kind.stored
        else:
            others[kind] = device.spread(device.fixed + of_kind.energy, episode.shape[1])
    if episode.network is not None:  # feeder limits cut loads on the energy grid
        done = execute(episode, stored, others, trade=trade)
        return replace(done, objective=plan.objective, status=plan.status)
    return price_energy(
        episode, charge, discharge, stored, others, trade=trade, objective=plan.objective, status=plan.status
    )
