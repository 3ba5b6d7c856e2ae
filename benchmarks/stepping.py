"""Measuring environments: steps and resets of arrays and of dicts, growth, memory, and a year of a street.

Actions are drawn beforehand: sampling spaces costs more than stepping.
"""

from __future__ import annotations

import functools
import itertools
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import p2p_market
from benchmarks.cases import BASE_SIZE, Case, Row
from benchmarks.measure import Effort, medians
from benchmarks.no_op import NoOpEnv
from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.data.container import DataContainer
from p2p_market.data_loading import load_data
from p2p_market.env import AuctionEnv
from p2p_market.metrics import gains_from_trade
from p2p_market.recorder import Recorder
from p2p_market.results import summarise
from p2p_market.vector_env import AuctionVectorEnv

UNIT = "agent-steps"
NUM_PREDRAWN = 16
EPISODE = {"episode.days": 7}
STREETS: dict[str, dict[str, Any]] = {  # by what is stepped
    "AuctionVectorEnv": {},
    "AuctionVectorEnv with batteries": {
        "devices": {"battery": {"share": 0.8, "owners": "all"}},
        "scenario.action": "price_quantity_storage",
    },
}
AUSGRID_FOLDER = Path("data/ausgrid")  # where `p2p-market data fetch --folder data/ausgrid` puts the recorded homes


def _argsort(num_markets: int, num_households: int) -> Callable[[], object]:
    prices = np.random.default_rng(0).random((num_markets, num_households))
    return lambda: np.argsort(prices, axis=1)


def step_call(env: AuctionVectorEnv) -> Callable[[], object]:
    """One step of the batched environment with actions drawn beforehand."""
    rng = np.random.default_rng(0)
    shape = (env.num_envs, env.num_agents, *env.single_action_space.shape)
    actions = [rng.uniform(-1.0, 1.0, shape).astype(np.float32) for _ in range(NUM_PREDRAWN)]
    turns = itertools.cycle(actions)
    env.reset(seed=0)
    return lambda: env.step(next(turns))


def measure_step(case: Case, effort: Effort) -> Row:
    """A step of the batched environment, everything included, beside one argsort of as many prices."""
    b, n = case.num_markets, case.num_households
    env = p2p_market.vector_env(num_envs=b, num_households=n, overrides=EPISODE | STREETS[case.what])
    seconds = medians({"case": step_call(env), "floor": _argsort(b, n)}, effort.seconds)
    return Row(case, seconds["case"], seconds["floor"], b * n, UNIT)


def measure_reset(case: Case, effort: Effort) -> Row:
    """A reset of the batched environment, beside its step."""
    env = p2p_market.vector_env(num_envs=case.num_markets, num_households=case.num_households, overrides=EPISODE)
    seconds = medians({"floor": step_call(env), "case": env.reset}, effort.seconds)
    return Row(case, seconds["case"], seconds["floor"])


def measure_pettingzoo(case: Case, effort: Effort) -> Row:
    """A step of the PettingZoo environment beside the no-op one, alone or with what a learner does to the dicts."""
    env = p2p_market.parallel_env(num_households=case.num_households, overrides=EPISODE)
    no_op = NoOpEnv(env)
    play = play_dicts if case.what == "AuctionEnv" else _play_as_learner
    seconds = medians({"case": play(env), "floor": play(no_op)}, effort.seconds)
    return Row(case, seconds["case"], seconds["floor"], case.num_households, UNIT)


def play_dicts(env: AuctionEnv | NoOpEnv) -> Callable[[], object]:
    """One step of a PettingZoo environment with actions drawn beforehand; resets where an episode has ended."""
    agents = env.possible_agents
    turns = itertools.cycle(dict(zip(agents, rows, strict=True)) for rows in _rows_of_actions(len(agents)))

    def step() -> None:
        if not env.agents:
            env.reset()
        env.step(next(turns))

    return step


def _play_as_learner(env: AuctionEnv | NoOpEnv) -> Callable[[], object]:
    agents = env.possible_agents
    turns = itertools.cycle(_rows_of_actions(len(agents)))

    def step() -> tuple[Any, Any]:
        if not env.agents:
            env.reset()
        observations, rewards, *_ = env.step(dict(zip(agents, next(turns), strict=True)))
        return np.concatenate(list(observations.values())), np.fromiter(rewards.values(), np.float32)

    return step


def _rows_of_actions(num_agents: int) -> list[Any]:
    rng = np.random.default_rng(0)
    return [rng.uniform(-1.0, 1.0, (num_agents, 2)).astype(np.float32) for _ in range(NUM_PREDRAWN)]


@functools.lru_cache(maxsize=1)
def _street_of(num_households: int) -> DataContainer:
    """Days of a street of any size, made of copies of one of ordinary size, as only the number counts."""
    data = load_data(load_config({"data": {"days": 9}, "street": {"num_households": BASE_SIZE}}))
    copies = -(-num_households // BASE_SIZE)
    demand, pv = (np.tile(series, copies)[:, :num_households] for series in (data.demand, data.pv))
    return DataContainer.from_arrays(demand, pv, calendar=data.calendar)


def _street_env(num_markets: int, num_households: int) -> AuctionVectorEnv:
    return p2p_market.vector_env(
        num_envs=num_markets,
        data_container=_street_of(num_households),
        overrides={**EPISODE, "street.num_households": num_households},
    )


def measure_growth_of_step(case: Case, effort: Effort) -> Row:
    """A step of a few large markets, beside one of as many households in markets of ordinary size."""
    agents = case.num_markets * case.num_households
    base = max(1, agents // BASE_SIZE)
    calls = {"floor": step_call(_street_env(base, BASE_SIZE))}
    calls["case"] = step_call(_street_env(case.num_markets, case.num_households))
    seconds = medians(calls, effort.seconds)
    return Row(case, seconds["case"], seconds["floor"] * agents / (base * BASE_SIZE), agents, UNIT)


def measure_memory(case: Case, effort: Effort) -> Row:  # noqa: ARG001 (one step shows it)
    """All that a step holds at its peak above what was there before it, results included, beside the state."""
    env = _street_env(case.num_markets, case.num_households)
    step = step_call(env)
    step()
    tracemalloc.start()
    try:
        step()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        step()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    state = sum(value.nbytes for value in vars(env.controller.state).values() if isinstance(value, np.ndarray))
    return Row(case, peak - before, state, is_memory=True)


def measure_year(case: Case, effort: Effort) -> Row:
    """A year of half hours of a street that follows a script, from the first interval to the key figures."""
    days = 2 if effort.is_quick else 365
    recorded = {"data.source": "ausgrid", "data.path": str(AUSGRID_FOLDER), "data.missing": "fill"}
    data = recorded if AUSGRID_FOLDER.is_dir() else {"data.days": days}
    street = {"street.num_households": case.num_households, "run.days": days, "run.policy": "truthful"}
    config = load_config(overrides={**data, **street})
    container = load_data(config)
    intervals = days * container.calendar.slots_per_day
    start = time.process_time()
    if case.what == "p2p_market.run":
        p2p_market.run(config)
    else:
        _run_day_by_day(config, container, case.num_markets, intervals)
    cost = time.process_time() - start
    sort = medians({"floor": _argsort(case.num_markets, case.num_households)}, 0.1)["floor"]
    return Row(case, cost, sort * intervals, case.num_markets * case.num_households * intervals, UNIT)


def _run_day_by_day(config: Any, container: DataContainer, num_markets: int, intervals: int) -> None:
    controller = build_controller(
        config,
        container=container,
        num_markets=num_markets,
        horizon=intervals,
        start=container.calendar.start[0],
        learners_follow=config.run.policy,
    )
    day = container.calendar.slots_per_day
    recorder = Recorder(day, *controller.get_size())
    controller.reset(seed=config.seed)
    for _ in range(intervals // day):
        recorder.num_recorded = 0  # the columns of yesterday are written over
        for _ in range(day):
            recorder.record(controller.run_auction(None).transition)
        summarise(controller, recorder, gains_from_trade(recorder))
