"""One player on one task: its results beside those of the task's references, over the same episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from p2p_market.checks import whole_number
from p2p_market.errors import ConfigError
from p2p_market.evaluation.asking import PolicyLike, name_of
from p2p_market.evaluation.exploitability import exploitability as worked_out
from p2p_market.evaluation.playing import Played, play
from p2p_market.evaluation.results import EvaluationResults, PlayerResults
from p2p_market.learned import LearnedPolicy
from p2p_market.metrics import gains_from_trade
from p2p_market.results import summarise
from p2p_market.run_bounds import bound_costs, check_bounds
from p2p_market.tasks import find_task
from p2p_market.tasks.task import Task
from p2p_market.types import FloatArray


def evaluate(
    policy: PolicyLike | Sequence[PolicyLike] | None,
    task: str | Path | Task,
    *,
    split: str = "test",
    storage: str | None = None,
    name: str | None = None,
    per_agent: bool = False,
    references: bool = True,
    bounds: bool | None = None,
    exploitability: bool = False,
    episodes: int | None = None,
    data: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> EvaluationResults:
    """Measure a policy on a task by the task's fixed protocol.

    Everybody who learns on the task follows the policy, in all episodes of the protocol at once, on days and households
    that the task's seed decides. A policy is asked for one action an observation, so what is measured is its mode or
    mean, not its exploration.

    Parameters
    ----------
    policy
        The name of a scripted policy, a `LearnedPolicy` or the path of one, which sees the features that it was trained
        with, or a mix ``{name: share}``; or a callable on a batch, from observations
        ``(B, N, F)`` to actions ``(B, N, A)``, which also gets the environment's infos if its second parameter is
        called ``infos`` or ``info``; or a callable for every agent, by name, from its observation ``(F,)`` to its
        action. What has a method ``reset`` is reset first. A list of policies are runs of one learner with different
        seeds, about which `EvaluationResults.measures` tells. ``None`` plays the references alone.
    task
        Its name, or the path of a YAML file of your own.
    split
        ``"train"``, ``"validation"`` or ``"test"``.
    storage
        Storage rule that goes with a scripted policy; the task's own by default.
    name
        What the policy is called in the results.
    per_agent
        Whether the callable is ``policy(observation, agent)`` for one agent ``(F,)`` and its name, as in PettingZoo's
        loops.
    references
        Whether the task's references play too.
    bounds
        Whether to work out the least cost (see `p2p_market.bounds`) and the value captured; by default on tasks that
        are judged by it, where scipy is installed.
    exploitability
        Whether to work out what households could still gain by their price, see
        `p2p_market.evaluation.exploitability.exploitability`; takes seconds to minutes.
    episodes
        Number of episodes, in place of the protocol's.
    data
        The Ausgrid files, as for `p2p_market.make`.
    overrides
        Changes by key, as for `p2p_market.make`. With these, results are no longer those of the task.

    Returns
    -------
    EvaluationResults
        ``summary``, a polars frame with a row a player; ``episodes``, with a row a player and episode; ``measures``
        over runs and days; ``kpis``.

    Raises
    ------
    UnknownNameError
        For an unknown task, split, policy or storage rule, with the nearest.
    ConfigError, DataError
        For a policy that cannot be asked, or anything that does not fit the task.
    ActionError
        For actions of a wrong shape or that are not numbers, with the policy, the agent and the interval.
    MissingExtraError
        For ``bounds=True`` without scipy.

    Examples
    --------
    >>> import p2p_market
    >>> results = p2p_market.evaluate("truthful", "street10-v0", references=False, episodes=2)
    >>> results.summary["player"].to_list()
    ['truthful']
    """
    return measure_players(
        {label: run for run, label in _labelled(policy, storage, name)},
        task,
        split=split,
        storage=storage,
        per_agent=per_agent,
        references=references,
        bounds=bounds,
        exploitability=exploitability,
        episodes=episodes,
        data=data,
        overrides=overrides,
    )


def measure_players(
    policies: Mapping[str, PolicyLike],
    task: str | Path | Task,
    *,
    split: str = "test",
    storage: str | None = None,
    per_agent: bool = False,
    references: bool = True,
    bounds: bool | None = None,
    exploitability: bool = False,
    episodes: int | None = None,
    data: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> EvaluationResults:
    """Measure policies by name, as `evaluate` does one."""
    chosen = find_task(task)
    config = chosen.configuration(split, data=data, overrides=overrides)
    protocol = chosen.evaluation
    num_episodes = protocol.episodes if episodes is None else whole_number("episodes", episodes, 2)

    players: dict[str, tuple[PolicyLike, str | None]] = {name: (policy, storage) for name, policy in policies.items()}
    for reference in chosen.references if references else ():
        players.setdefault(reference.name, (reference.policy, reference.storage))
    if not players:
        raise ConfigError("nobody plays: policy is None, and references are left out; give one of the two")

    wants_bounds = _wants_bounds(bounds, chosen)
    results: dict[str, PlayerResults] = {}
    costs: dict[str, FloatArray] | None = None
    for player, (who, rule) in players.items():
        played = play(
            config,
            who,
            name=player,
            storage=rule,
            per_agent=per_agent and player in policies,
            episodes=num_episodes,
            seed=protocol.seed,
        )
        if wants_bounds and costs is None:  # what lies outside of everybody's choice is the same for all players
            check_bounds(played.controller, played.controller.horizon)
            costs = bound_costs(played.controller, played.recorder)
        limits = None if costs is None else {key: float(values.mean()) for key, values in costs.items()}
        results[player] = _measured(played, limits, exploitability=exploitability)
    return EvaluationResults(
        task=chosen,
        split=split,
        seed=protocol.seed,
        num_episodes=num_episodes,
        players=results,
        bounds=limits,
        runs=tuple(policies),
        optimal_cost=None if costs is None else costs["optimal_cost_dollars"],
    )


def _labelled(
    policy: PolicyLike | Sequence[PolicyLike] | None, storage: str | None, name: str | None
) -> list[tuple[PolicyLike, str]]:
    """The policies that are evaluated, each with a name of its own."""
    if policy is None:
        return []
    if isinstance(policy, str) or not isinstance(policy, Sequence):
        return [(policy, name or name_of(policy, storage))]
    if not policy:
        raise ConfigError("policy is an empty list; give the runs of a learner, or None for the references alone")
    names = [name or name_of(run, storage) for run in policy]
    labels = []
    for number, (run, label) in enumerate(zip(policy, names, strict=True)):
        seed = run.about.get("seed") if isinstance(run, LearnedPolicy) else None
        marked = f"{label}, run {number}" if seed is None else f"{label}, seed {seed}"
        labels.append(marked if names.count(label) > 1 else label)
    if len(set(labels)) < len(labels):
        labels = [f"{label}, run {number}" for number, label in enumerate(labels)]
    return list(zip(policy, labels, strict=True))


def _wants_bounds(bounds: bool | None, task: Task) -> bool:
    if bounds is not None:
        return bounds
    return task.judged_by == "value_captured" and find_spec("scipy") is not None


def _measured(played: Played, bounds: dict[str, float] | None, *, exploitability: bool) -> PlayerResults:
    controller, recorder = played.controller, played.recorder
    gains = gains_from_trade(recorder)
    figures = summarise(controller, recorder, gains, bounds)
    intervals_per_day = controller.model.scenario.calendar.slots_per_day
    if exploitability:
        figures["exploitability_dollars"] = worked_out(recorder, controller.operator.rules, intervals_per_day)
    return PlayerResults.of(played, figures, days=controller.horizon / intervals_per_day)
