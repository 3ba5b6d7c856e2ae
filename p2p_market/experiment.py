"""Running a configured street from beginning to end, with scripted bidders in every house."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from p2p_market.auction.depth import Transactions
from p2p_market.build import build_controller
from p2p_market.config import Config
from p2p_market.config_loading import ConfigSource, load_config
from p2p_market.controller import AuctionController
from p2p_market.data.calendar import Calendar
from p2p_market.data_loading import load_data
from p2p_market.errors import DataError
from p2p_market.metrics import gains_from_trade
from p2p_market.output import check_output
from p2p_market.recorder import Recorder
from p2p_market.results import RUN_FOLDER, RunResults, frames_of, summarise
from p2p_market.run_bounds import bound_figures, check_bounds, wants_bounds
from p2p_market.run_power_flow import prepare_power_flow, run_power_flow

Progress = Callable[[int, int], None]


def run(
    config: ConfigSource = None,
    *,
    output: str | Path | None = None,
    progress: Progress | None = None,
    overrides: Mapping[str, Any] | None = None,
    **keys: Any,
) -> RunResults:
    """Simulate a street for the configured days.

    Parameters
    ----------
    config
        A YAML file, a mapping, a `Config`, or ``None`` for the default.
    output
        Folder to write the results to; ``None`` writes nothing.
    progress
        Called with the number of intervals played and of all after every interval.
    overrides, **keys
        Values by dotted key, or by the last part of a key that stands in one section only.

    Returns
    -------
    RunResults
        Frames and key figures.

    Raises
    ------
    ConfigError, DataError, UnknownNameError
        For anything wrong with configuration or data; nothing is written then.
    MissingExtraError
        If ``run.bounds`` is asked for without scipy, or ``run.power_flow`` without power-grid-model.

    Examples
    --------
    >>> import p2p_market
    >>> results = p2p_market.run(num_households=10, overrides={"run.days": 1})
    >>> results.intervals.height
    48
    """
    checked = load_config(config, {**(overrides or {}), **keys})
    if output is not None:
        check_output(output, *RUN_FOLDER)
    results = _simulate(checked, progress)
    if output is not None:
        results.write(output)
    return results


def _simulate(config: Config, progress: Progress | None) -> RunResults:
    container = load_data(config)
    start, horizon = _span(config, container.calendar)
    controller = build_controller(
        config,
        container=container,
        num_markets=config.run.num_markets,
        horizon=horizon,
        start=start,
        learners_follow=config.run.policy,
    )
    with_bounds = wants_bounds(config.run.bounds, controller, horizon)
    if with_bounds:
        check_bounds(controller, horizon)
    feeder = prepare_power_flow(config)
    recorder = make_recorder(controller)
    trades: list[tuple[int, int, Transactions]] | None = [] if config.run.trades else None
    controller.reset(seed=config.seed)
    for interval in range(horizon):
        transition = controller.run_auction(None).transition
        recorder.record(transition)
        if trades is not None:
            trades += [(interval, b, transition.context.transaction(b)) for b in range(controller.num_markets)]
        if progress is not None:
            progress(interval + 1, horizon)
    gains = gains_from_trade(recorder)
    intervals, households, pairs = frames_of(controller, recorder, gains, trades)
    bounds = bound_figures(controller, recorder) if with_bounds else None
    figures = summarise(controller, recorder, gains, bounds)
    if feeder is None:
        return RunResults(config, figures, intervals, households, pairs)
    flow = run_power_flow(config, controller, recorder, feeder)
    return RunResults(config, figures | flow.figures, intervals, flow.with_voltages(households), pairs, flow.frames)


def make_recorder(controller: AuctionController) -> Recorder:
    """Make an empty record of an episode of a controller, with columns for all that its street has."""
    return Recorder(
        controller.horizon,
        *controller.get_size(),
        controller.model.scenario.fleet.devices,
        settles_imbalance=controller.operator.imbalance is not None,
        network=controller.model.scenario.network,
    )


def _span(config: Config, calendar: Calendar) -> tuple[np.datetime64, int]:
    """First interval of a run and its number of intervals."""
    start = calendar.start[0]
    if config.run.start is not None:
        start = np.datetime64(config.run.start, "m")
    elif config.episode.start != "random":
        start = np.datetime64(config.episode.start, "m")
    if config.run.days is not None:
        return start, config.run.days * calendar.slots_per_day
    horizon = len(calendar) - int(np.searchsorted(calendar.start, start))
    if horizon == 0:
        raise DataError(f"run.start: {start} is after the end of the data, {calendar.start[-1]}")
    return start, horizon
