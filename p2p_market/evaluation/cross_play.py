"""Who plays how well among whom: one household among others that follow another policy, and streets of other sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from p2p_market.build import build_controller
from p2p_market.build_population import Follow
from p2p_market.checks import whole_number
from p2p_market.comparison.statistics import paired_difference
from p2p_market.config import Config
from p2p_market.config_loading import load_config
from p2p_market.data_loading import load_data
from p2p_market.errors import ConfigError, suggest
from p2p_market.evaluation.measuring import measure_players
from p2p_market.evaluation.playing import play
from p2p_market.learned import LearnedPolicy, is_policy_path, load_policy
from p2p_market.policies import POLICIES
from p2p_market.recorder import COSTS_BESIDE_BILL
from p2p_market.tasks import find_task
from p2p_market.tasks.task import Task
from p2p_market.types import FloatArray


@dataclass(frozen=True, eq=False)
class CrossPlayResults:
    """What `cross_play` gives back.

    Attributes
    ----------
    task, split, seed, num_episodes
        What was played.
    households
        Who was the one among the others, each in turn.
    table
        A row a pair, with ``focal``, the policy of the one, and ``others``, that of all others; dollars a household and
        day: ``saving_dollars`` and ``bill_dollars`` of the one; ``gain_dollars``, what it saves more than the same
        household does when it follows the others' policy too, with the 95 % bootstrap interval ``gain_low``,
        ``gain_high`` over episodes; ``community_saving_dollars`` of all together.
    """

    task: Task
    split: str
    seed: int
    num_episodes: int
    households: tuple[str, ...]
    table: pl.DataFrame

    def matrix(self, column: str = "saving_dollars") -> pl.DataFrame:
        """One column of the table as a matrix: a row a focal policy, a column a policy of the others."""
        return self.table.pivot(on="others", index="focal", values=column)


def cross_play(
    policies: Mapping[str, Follow] | Sequence[str],
    task: str | Path | Task,
    *,
    split: str = "test",
    storage: str | None = None,
    households: Sequence[str] | None = None,
    episodes: int | None = None,
    data: str | Path | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> CrossPlayResults:
    """Let one household follow each policy while all others follow each other one.

    The one is each household in turn, in the same episodes. On the diagonal all follow the same.

    Parameters
    ----------
    policies
        By name: names of scripted policies, paths of learned ones, or learned ones in hand; or a list of names and
        paths. Runs of one learner with different seeds are policies of their own here.
    task, split, data, overrides
        As for `p2p_market.evaluate`.
    storage
        What batteries do that no policy steers; the task's own by default.
    households
        Names of the households that take a turn as the one; ``None``: all that learn on the task.
    episodes
        Number of episodes, in place of the protocol's.

    Raises
    ------
    UnknownNameError, ConfigError, DataError
        For anything that cannot be, before anybody plays.

    Examples
    --------
    >>> from p2p_market.evaluation import cross_play
    >>> results = cross_play(["truthful", "zip"], "street10-v0", households=["household_0"], episodes=2)
    >>> results.table.select("focal", "others").rows()
    [('truthful', 'truthful'), ('truthful', 'zip'), ('zip', 'truthful'), ('zip', 'zip')]
    """
    chosen = find_task(task)
    players = _players(policies)
    config = chosen.configuration(split, data=data, overrides=overrides)
    if storage is not None:
        config = load_config(config, {"population.storage": storage})
    num_episodes = chosen.evaluation.episodes if episodes is None else whole_number("episodes", episodes, 2)
    street = _Street(config, num_episodes, chosen.evaluation.seed)
    slots = street.slots(households)
    together = {name: street.play([policy] * len(street.learners)) for name, policy in players.items()}
    rows = []
    for focal, policy in players.items():
        for others, other in players.items():
            turns = [
                together[others]
                if focal == others
                else street.play([policy if learner == slot else other for learner in street.learners])
                for slot in slots
            ]
            rows.append(_row(focal, others, turns, together[others], slots))
    names = tuple(street.names[slot] for slot in slots)
    table = pl.DataFrame(rows, infer_schema_length=None)
    return CrossPlayResults(chosen, split, chosen.evaluation.seed, num_episodes, names, table)


def zero_shot(
    policies: Mapping[str, Follow] | Sequence[str],
    task: str | Path | Task,
    sizes: Sequence[int],
    *,
    overrides: Mapping[str, Any] | None = None,
    **keywords: Any,
) -> pl.DataFrame:
    """Measure policies on streets of other sizes than they were trained on, all following the same policy.

    Parameters
    ----------
    policies
        As for `cross_play`.
    task, overrides, **keywords
        As for `p2p_market.evaluate`, each size in place of the task's.
    sizes
        Households on the street.

    Returns
    -------
    polars.DataFrame
        The rows of `EvaluationResults.summary` of every size, ``num_households`` first.
    """
    players, frames = _players(policies), []
    for size in sizes:
        at_size = {**(overrides or {}), "street.num_households": whole_number("a size", size, 1)}
        summary = measure_players(players, task, overrides=at_size, **keywords).summary
        frames.append(summary.select(pl.lit(size).alias("num_households"), pl.all()))
    return pl.concat(frames, how="diagonal")


@dataclass(frozen=True, eq=False)
class _Outcome:
    """What came of one assignment of policies, ``(B, N)`` [$] a household and day."""

    cost: FloatArray  # bill, and what is borne beside it
    saving: FloatArray  # against the grid alone


class _Street:
    """Plays the same episodes again and again."""

    def __init__(self, config: Config, episodes: int, seed: int) -> None:
        self._config, self._episodes, self._seed = config, episodes, seed
        self._container = load_data(config)
        controller = build_controller(config, container=self._container)
        self.names = controller.names
        self.learners = controller.population.learners.tolist()
        if not self.learners:
            raise ConfigError("nobody learns on this street (population.learners is 0), so nobody takes a turn")
        self._days = controller.horizon / controller.model.scenario.calendar.slots_per_day

    def slots(self, households: Sequence[str] | None) -> list[int]:
        """Places of the households that take a turn."""
        known = [self.names[slot] for slot in self.learners]
        if households is None:
            return list(self.learners)
        for name in households:
            if name not in known:
                raise ConfigError(
                    f"households names {name!r}{suggest(name, known)}; expected some of: {', '.join(known)}"
                )
        if not households:
            raise ConfigError("households is an empty list; name one, or leave it out for all of them")
        return [self.learners[known.index(name)] for name in households]

    def play(self, follow: list[Follow]) -> _Outcome:
        """All episodes, each learner following its policy."""
        played = play(
            self._config,
            follow,
            name="cross-play",
            storage=None,
            per_agent=False,
            episodes=self._episodes,
            seed=self._seed,
            container=self._container,
        )
        columns = played.recorder.households
        beside = [columns[name] for name in COSTS_BESIDE_BILL if name in columns]
        cost = sum(beside, start=columns["bill_dollars"]).sum(axis=0) / self._days
        default = columns.get("default_bill_dollars", columns["grid_only_bill_dollars"]).sum(axis=0) / self._days
        return _Outcome(cost, default - cost)


def _players(policies: Mapping[str, Follow] | Sequence[str]) -> dict[str, Follow]:
    named = dict(policies) if isinstance(policies, Mapping) else {str(policy): policy for policy in policies}
    if not named or len(named) < len(policies):
        raise ConfigError(f"policies are {list(policies)!r}; expected one or more, each once")
    players: dict[str, Follow] = {}
    for name, policy in named.items():
        if isinstance(policy, LearnedPolicy):
            players[name] = policy
        elif not isinstance(policy, str | Path):
            raise ConfigError(
                f"policy {name!r} is {type(policy).__name__}; expected the name of a scripted policy, a learned one, "
                "or its path: a callable cannot be one household among others"
            )
        elif str(policy) not in POLICIES and is_policy_path(str(policy)):
            players[name] = load_policy(policy)
        else:
            _ = POLICIES[str(policy)]
            players[name] = str(policy)
    return players


def _row(focal: str, others: str, turns: Sequence[_Outcome], same: _Outcome, slots: Sequence[int]) -> dict[str, Any]:
    """Means over the turns."""
    saving = np.stack([turn.saving[:, slot] for turn, slot in zip(turns, slots, strict=True)]).mean(axis=0)
    gain = paired_difference(saving, same.saving[:, slots].mean(axis=1), np.ones(len(saving)))
    return {
        "focal": focal,
        "others": others,
        "saving_dollars": float(saving.mean()),
        "bill_dollars": float(np.mean([turn.cost[:, slot] for turn, slot in zip(turns, slots, strict=True)])),
        "gain_dollars": gain.estimate,
        "gain_low": gain.low,
        "gain_high": gain.high,
        "community_saving_dollars": float(np.mean([turn.saving for turn in turns])),
    }
