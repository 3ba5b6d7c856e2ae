"""Feeder rules: what happens when more would flow over the head of a feeder than its limit allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from p2p_market.network.feeders import Feeders
from p2p_market.registry import Registry
from p2p_market.types import FloatArray


@dataclass(frozen=True, eq=False)
class Response:
    """What a rule makes of an interval, in units of the energy grid, 0 or more; the load changes by whole units."""

    curtailed: FloatArray  # (B, N) exports that are not fed in, and lost
    shed: FloatArray  # (B, N) load that is not served
    excess: FloatArray  # (B, N) part in what flows beyond the limits all the same
    flow: FloatArray  # (B, K) over the heads of the feeders afterwards, > 0 in


@dataclass(frozen=True)
class FeederRule:
    """One entry of the registry.

    Parameters
    ----------
    respond
        ``f(feeders, load)`` with the net loads ``(B, N)`` in whole units of the energy grid, > 0 needs energy.
    charges
        Whether it leaves an excess, which then has a price.
    summary
        One line for lists and docs.
    """

    respond: Callable[[Feeders, FloatArray], Response]
    charges: bool
    summary: str


def pro_rata(feeders: Feeders, load: FloatArray) -> Response:
    """Cut what is beyond a limit off those who cause it, in proportion to their export or import.

    Parameters
    ----------
    feeders
        Who hangs on which feeder, and the limits.
    load
        ``(B, N)`` [units] net load with the devices.
    """
    flow = feeders.add_up(load)
    over, under = _beyond(feeders, flow)
    curtailed, shed = np.zeros_like(load), np.zeros_like(load)
    for cut, beyond, sign in ((shed, over, 1.0), (curtailed, under, -1.0)):
        rows = np.flatnonzero(beyond.any(axis=1))  # most intervals stay inside the limits of all feeders
        if rows.size:
            cut[rows] = feeders.share_out(beyond[rows], np.maximum(sign * load[rows], 0.0))
            flow = flow - sign * beyond
    return Response(curtailed, shed, np.zeros_like(load), flow)


def scarcity_price(feeders: Feeders, load: FloatArray) -> Response:
    """Let it flow, and count what is beyond a limit against those who cause it, in proportion to export or import.

    Parameters are those of `pro_rata`.
    """
    nothing = np.zeros_like(load)
    flow = feeders.add_up(load)
    over, under = _beyond(feeders, flow)
    excess = nothing
    if np.count_nonzero(over) or np.count_nonzero(under):
        # a feeder is beyond one of its limits at most, so each household is counted on one side at most
        cause = np.where(feeders.spread(flow) > 0.0, np.maximum(load, 0.0), np.maximum(-load, 0.0))
        total = feeders.add_up(cause)
        excess = cause * feeders.spread((over + under) / np.where(total > 0.0, total, 1.0))
    return Response(nothing, nothing, excess, flow)


def _beyond(feeders: Feeders, flow: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What flows beyond the import and the export limit, ``(B, K)`` each."""
    return np.maximum(flow - feeders.import_limit, 0.0), np.maximum(-flow - feeders.export_limit, 0.0)


FEEDER_RULES: Registry[FeederRule] = Registry(
    "feeder rule",
    {
        "pro_rata": FeederRule(
            pro_rata,
            charges=False,
            summary="exports are curtailed, and load is shed, pro rata until the feeder is at its limit",
        ),
        "scarcity_price": FeederRule(
            scarcity_price,
            charges=True,
            summary="nothing is cut; energy beyond the limit is charged to those who cause it, pro rata",
        ),
    },
)
