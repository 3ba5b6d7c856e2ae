"""The network as a part of the market: what it makes of net loads before bids, and of trade after them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from p2p_market.network.feeders import Feeders
from p2p_market.network.losses import LossShares, lost_energy
from p2p_market.network.rules import FeederRule
from p2p_market.types import FloatArray

_AT_LIMIT = 0.5  # [units] flows and limits are whole units


@dataclass(frozen=True, eq=False)
class LimitedLoad:
    """Net loads as feeder limits leave them, and what they cost beside the energy.

    In every interval and household ``net_load = wanted + curtailed - shed``, and nobody changes sides.
    """

    net_load: FloatArray  # (B, N) [kWh] > 0 needs energy
    curtailed: FloatArray  # (B, N) [kWh] exports that are lost
    shed: FloatArray  # (B, N) [kWh] load that is not served
    shed_cost: FloatArray  # (B, N) [$] what it is worth to those who go without
    scarcity_payment: FloatArray  # (B, N) [$] to the network, for energy beyond a limit
    flow: FloatArray  # (B, K) [kWh] over the heads of the feeders, > 0 in


@dataclass(frozen=True, eq=False)
class NetworkOutcome:
    """What the network did in an interval and is paid for it; `Transition` has one on a street with a network."""

    network: Network
    limited: LimitedLoad  # of the metered net load
    loss: FloatArray  # (B, N) [kWh] lost of what is traded
    loss_payment: FloatArray  # (B, N) [$] for which it is bought from the grid

    @property
    def payment(self) -> FloatArray:
        """``(B, N)`` [$] of a household's bill: for energy beyond limits, and for losses."""
        return self.limited.scarcity_payment + self.loss_payment


@dataclass(frozen=True, eq=False)
class Network:
    """Feeders with limits, and lines with losses.

    Parameters
    ----------
    feeders
        Who hangs on which feeder, and the limits.
    rule
        What happens at a limit.
    units_per_kwh
        Energy grid, on which loads are cut.
    value_of_lost_load
        [$/kWh] of load that is shed; at least the highest retail price, so that nothing is saved by shedding.
    scarcity_price
        [$/kWh] of energy beyond a limit, for rules that leave any.
    losses
        Shares of traded energy that are lost; ``None``: nothing.
    """

    feeders: Feeders
    rule: FeederRule
    units_per_kwh: int = 1000
    value_of_lost_load: float = 0.0
    scarcity_price: float = 0.0
    losses: LossShares | None = None

    def no_flow(self, num_markets: int) -> FloatArray:
        """``(B, K)`` flow before the first interval of an episode: none."""
        return np.zeros((num_markets, self.feeders.num_feeders))

    def limit(self, net_load: FloatArray) -> LimitedLoad:
        """Apply the rule to net loads ``(B, N)`` [kWh], which are whole units of the energy grid."""
        load = np.rint(net_load * self.units_per_kwh)
        response = self.rule.respond(self.feeders, load)
        curtailed, shed = response.curtailed / self.units_per_kwh, response.shed / self.units_per_kwh
        change = response.curtailed - response.shed
        limited = np.where(change == 0.0, net_load, (load + change) / self.units_per_kwh)  # the rest keeps its bits
        return LimitedLoad(
            net_load=limited,
            curtailed=curtailed,
            shed=shed,
            shed_cost=self.value_of_lost_load * shed,
            scarcity_payment=response.excess * (self.scarcity_price / self.units_per_kwh),
            flow=response.flow / self.units_per_kwh,
        )

    def settle(self, limited: LimitedLoad, filled: FloatArray, retail_price: FloatArray) -> NetworkOutcome:
        """Work out what an interval's trade costs the network.

        Parameters
        ----------
        limited
            The metered net loads.
        filled
            ``(B, N)`` [kWh] traded.
        retail_price
            ``(B, N)`` [$/kWh] at which each trader's part of the losses is bought from the grid.
        """
        loss = np.zeros_like(filled) if self.losses is None else lost_energy(self.feeders, self.losses, filled)
        return NetworkOutcome(self, limited, loss, loss * retail_price)

    def relative_flow(self, flow: FloatArray) -> FloatArray:
        """Flow over the head of each household's feeder ``(B, N)``, over the limit of its direction; 0 without a limit.

        Parameters
        ----------
        flow
            ``(B, K)`` [kWh] > 0 in.
        """
        limit = np.where(flow > 0.0, self.feeders.import_limit, self.feeders.export_limit)
        return self.feeders.spread(flow * self.units_per_kwh / np.maximum(limit, 1.0))

    def limit_a_household(self, direction: Literal["import", "export"]) -> FloatArray:
        """Limit of each household's feeder over the households on it, ``(N,)`` [kWh]; ``inf`` without one."""
        feeders = self.feeders
        limit = feeders.import_limit if direction == "import" else feeders.export_limit
        return (limit / (feeders.sizes * self.units_per_kwh))[feeders.feeder]

    def key_figures(self, households: Mapping[str, FloatArray], interval_hours: float) -> dict[str, float]:
        """Key figures of the feeders of a run: peaks over all feeders, means over its markets.

        Parameters
        ----------
        households
            Recorded columns ``(T, B, N)``: ``net_load_kwh``.
        interval_hours
            Length of an interval [h].
        """
        net_load = households["net_load_kwh"]
        num_intervals, num_markets, num_households = net_load.shape
        load = np.rint(net_load.reshape(-1, num_households) * self.units_per_kwh)
        flow = self.feeders.add_up(load).reshape(num_intervals, num_markets, -1)
        feeders = self.feeders
        at_limit = (flow > feeders.import_limit - _AT_LIMIT) | (-flow > feeders.export_limit - _AT_LIMIT)
        in_kw = 1.0 / (self.units_per_kwh * interval_hours)
        return {
            "feeder_peak_import_kw": float(flow.max(axis=(0, 2)).clip(min=0.0).mean()) * in_kw,
            "feeder_peak_export_kw": float((-flow).max(axis=(0, 2)).clip(min=0.0).mean()) * in_kw,
            "feeder_share_at_limit": float(at_limit.mean()),
        }
