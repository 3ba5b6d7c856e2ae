"""What a run could have cost: the bounds of `p2p_market.bounds` for the episode that was recorded."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from p2p_market.bounds import Episode, optimal_dispatch, selfish_dispatch
from p2p_market.bounds.dispatch_program import kinds_left_out
from p2p_market.controller import AuctionController
from p2p_market.devices.battery import Batteries
from p2p_market.errors import ConfigError, require_extra
from p2p_market.recorder import Recorder
from p2p_market.scenario.outlook import of_market, read_ahead
from p2p_market.types import FloatArray

LARGEST_EPISODE = 50_000  # households times intervals; about a minute of solving, see docs/storage.md
_UNASKED = 10_000  # household-intervals of all markets: seconds


def wants_bounds(asked: bool | None, controller: AuctionController, num_intervals: int) -> bool:
    """Whether to work out the bounds of a run of so many intervals: as asked, or else where it takes no time.

    Parameters
    ----------
    asked
        The key ``run.bounds``; ``None``: nobody said.
    controller
        What is run.
    num_intervals
        Its length.
    """
    if asked is not None:
        return asked
    scenario = controller.model.scenario
    others = kinds_left_out(scenario.fleet.devices)
    num_markets, num_households = controller.get_size()
    is_small = num_intervals * num_households * num_markets <= _UNASKED
    return is_small and not others and find_spec("scipy") is not None


def check_bounds(controller: AuctionController, num_intervals: int) -> None:
    """Say before a run of so many intervals whether its bounds can be worked out after it.

    Raises
    ------
    ConfigError
        If the linear program would be too large, or leaves out what devices of the street could save.
    MissingExtraError
        Without scipy.
    """
    if find_spec("scipy") is None:
        raise require_extra("scipy", "bounds", "run.bounds")
    others = kinds_left_out(controller.model.scenario.fleet.devices)
    if others:
        raise ConfigError(
            f"run.bounds: the street has devices of the kind {', '.join(others)}, which do not describe themselves to "
            "a linear program (p2p_market.devices.Plannable), so that nobody knows what they could save; leave "
            "run.bounds out, or those devices"
        )
    num_households = controller.get_size()[1]
    size = num_intervals * num_households
    if size > LARGEST_EPISODE:
        raise ConfigError(
            f"run.bounds: {num_households} households and {num_intervals} intervals are {size:,} household-intervals, "
            f"and bounds are worked out for up to {LARGEST_EPISODE:,}, all in one linear program; "
            "lower run.days or street.num_households, or leave run.bounds out"
        )


def bound_figures(controller: AuctionController, recorder: Recorder) -> dict[str, float]:
    """Work out the costs between which a finished run stands, mean over its markets.

    Parameters
    ----------
    controller
        What was run.
    recorder
        Its full record.

    Returns
    -------
    dict
        ``selfish_cost_dollars``: nobody trades, and each household's devices do what is best at its own tariff;
        ``optimal_cost_dollars``: nothing costs less; ``optimal_plan_cost_dollars``: a plan that can be carried out,
        which costs little more or the same. All of them with perfect foresight.
    """
    return {name: float(costs.mean()) for name, costs in bound_costs(controller, recorder).items()}


def bound_costs(controller: AuctionController, recorder: Recorder) -> dict[str, FloatArray]:
    """The same by market, ``(B,)`` each."""
    costs = np.array([_costs(_episode(controller, recorder, market)) for market in range(recorder.row.shape[1])])
    names = ("selfish_cost_dollars", "optimal_cost_dollars", "optimal_plan_cost_dollars")
    return dict(zip(names, costs.T, strict=True))


def _costs(episode: Episode) -> FloatArray:
    optimum = optimal_dispatch(episode)
    return np.array([selfish_dispatch(episode).cost.total, optimum.objective, optimum.cost.total])


def _episode(controller: AuctionController, recorder: Recorder, market: int) -> Episode:
    columns, scenario = recorder.households, controller.model.scenario
    fleet = scenario.fleet
    draws = of_market(recorder.device_draws, market)
    rows, profile = recorder.row[:, market], recorder.profile[market]
    _, outlook = read_ahead(scenario, int(rows[0]), profile, len(rows), draws=draws)
    others = fleet.describe(of_market(recorder.device_states, market), outlook)
    batteries = fleet.devices.get("battery")
    if isinstance(batteries, Batteries):
        del others["battery"]
    return Episode(
        net_load=(columns["demand_kwh"] - columns["pv_kwh"])[:, market],
        retail_price=columns["retail_price_dollars_per_kwh"][:, market],
        feed_in_price=columns["feed_in_price_dollars_per_kwh"][:, market],
        batteries=batteries if isinstance(batteries, Batteries) else None,
        off_peak_price=fleet.off_peak_price,
        network_fee=controller.model.operator.rules.fees.network,
        network=scenario.network,
        others=others,
    )
