"""What devices do over an episode, and what that costs the street."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from p2p_market.bounds.episode import Episode
from p2p_market.bounds.matching import match_efficiently
from p2p_market.types import FloatArray


@dataclass(frozen=True)
class CommunityCost:
    """What a street pays to the outside over an episode, and for what [$]."""

    grid_import: float  # to the grid, each household at its own retail price
    grid_export: float  # from the grid, each at its own feed-in price; 0 or more
    network: float  # network fee on what neighbours trade
    wear: float  # of batteries
    missing_charge: (
        float  # charge missing at the end against the start, at the off-peak price with a round trip's losses
    )
    shed: float = 0.0  # value of load that feeder limits left unserved
    scarcity: float = 0.0  # to the network, for energy beyond feeder limits
    losses: float = 0.0  # to the grid, for what lines lose of the energy traded
    other_devices: float = 0.0  # wear, missed comfort, and what is owed at the end, of devices other than batteries

    @property
    def total(self) -> float:
        """The community cost [$]."""
        of_network = self.network + self.shed + self.scarcity + self.losses
        of_devices = self.wear + self.missing_charge + self.other_devices
        return self.grid_import - self.grid_export + of_network + of_devices


@dataclass(frozen=True, eq=False)
class Schedule:
    """A dispatch of ``T`` intervals and ``N`` households that can be carried out, and its cost.

    In every interval and household ``bought + grid_import - sold - grid_export = net_load``, and nobody buys and sells.
    """

    charge: FloatArray  # (T, N) [kWh] of batteries on the AC side
    discharge: FloatArray  # (T, N) [kWh] of batteries on the AC side
    stored: FloatArray  # (T + 1, N) [kWh] in batteries before the first interval and after each
    net_load: FloatArray  # (T, N) [kWh] with the devices, as feeder limits leave it
    bought: FloatArray  # (T, N) [kWh] from neighbours
    sold: FloatArray  # (T, N) [kWh] to neighbours
    grid_import: FloatArray  # (T, N) [kWh]
    grid_export: FloatArray  # (T, N) [kWh]
    cost: CommunityCost
    household_cost: (
        FloatArray  # (N,) [$] for all that `cost` counts, but the network fee; neighbours' payments left out
    )
    objective: float  # [$] optimum of the linear program, nothing costs less; nan where none was solved for the whole
    status: str  # what the solver said, or how the schedule came about
    others: Mapping[str, FloatArray] = field(default_factory=dict)  # (T, N) [kWh] that other devices take, < 0 give

    @property
    def gap(self) -> float:
        """How much more the schedule costs than the bound that was proved [$]."""
        return self.cost.total - self.objective


def price_energy(
    episode: Episode,
    charge: FloatArray,
    discharge: FloatArray,
    stored: FloatArray,
    others: Mapping[str, FloatArray] | None = None,
    *,
    trade: bool = True,
    objective: float = float("nan"),
    status: str = "given",
) -> Schedule:
    """Work out what a given dispatch costs the street.

    Parameters
    ----------
    episode
        Net load, tariffs and devices.
    charge, discharge
        ``(T, N)`` [kWh] of batteries on the AC side, 0 or more.
    stored
        ``(T + 1, N)`` [kWh] that go with them.
    others
        ``(T, N)`` [kWh] that other devices take, < 0 give, by kind; those that are not there follow their default.
    trade
        Whether neighbours trade, as efficiently as they can (`match_efficiently`); otherwise with the grid alone.
    objective, status
        As of `Schedule`.
    """
    net_load, of_others = episode.net_load + charge - discharge, np.zeros(episode.shape[1])
    taken: dict[str, FloatArray] = {}
    for kind, device in episode.others.items():
        given = (others or {}).get(kind)
        steered = device.default if given is None else given[:, device.owners] - device.fixed
        taken[kind] = device.spread(device.fixed + steered, episode.shape[1])
        net_load = net_load + taken[kind]
        of_others[device.owners] += device.cost(steered, device.stored_by(steered))
    limited = None if episode.network is None else episode.network.limit(net_load)
    if limited is not None:
        net_load = limited.net_load
    need, spare = np.maximum(net_load, 0.0), np.maximum(-net_load, 0.0)
    bought, sold = np.zeros_like(need), np.zeros_like(need)
    if trade:
        bought, sold = match_efficiently(net_load, episode.retail_price, episode.feed_in_price, episode.network_fee)
    grid_import, grid_export = np.maximum(need - bought, 0.0), np.maximum(spare - sold, 0.0)
    paid = (grid_import * episode.retail_price).sum(axis=0)
    earned = (grid_export * episode.feed_in_price).sum(axis=0)
    wear = ((charge + discharge) * episode.storage.wear_cost).sum(axis=0)
    missing = episode.storage.end_cost({"stored": stored[-1:]}, episode.off_peak_price)[0]
    cost = CommunityCost(
        grid_import=float(paid.sum()),
        grid_export=float(earned.sum()),
        network=float(bought.sum() * episode.network_fee),
        wear=float(wear.sum()),
        missing_charge=float(missing.sum()),
        other_devices=float(of_others.sum()),
    )
    household_cost = paid - earned + wear + missing + of_others
    if episode.network is not None and limited is not None:
        outcome = episode.network.settle(limited, bought - sold, episode.retail_price)
        cost = replace(
            cost,
            shed=float(limited.shed_cost.sum()),
            scarcity=float(limited.scarcity_payment.sum()),
            losses=float(outcome.loss_payment.sum()),
        )
        household_cost = household_cost + (limited.shed_cost + outcome.payment).sum(axis=0)
    return Schedule(
        charge=charge,
        discharge=discharge,
        stored=stored,
        net_load=net_load,
        bought=bought,
        sold=sold,
        grid_import=grid_import,
        grid_export=grid_export,
        cost=cost,
        household_cost=household_cost,
        objective=objective,
        status=status,
        others=taken,
    )
