"""What is to be trained: streets, sizes and names, worked out of a configuration before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from p2p_market.build import build_controller
from p2p_market.config import Config
from p2p_market.config_train import TrainSection
from p2p_market.controller import AuctionController
from p2p_market.errors import ConfigError
from p2p_market.learned import LearnedPolicy
from p2p_market.scenario.actions import ACTION_MAPS
from p2p_market.tasks import find_task
from p2p_market.training.scaling import Scaling
from p2p_market.types import FloatArray

_SPLITS = ("train", "validation")
CHOOSES = ("iql", "vdn", "qmix")
"""Algorithms that choose among actions."""


@dataclass(frozen=True)
class Update:
    """What one update brought."""

    agent_steps: int  # so far
    reward: float  # mean over households and episodes, of the episodes that were collected
    environment_seconds: float  # in resets and steps


class Learner(Protocol):
    """A backend at work."""

    def advance(self) -> Update:
        """Collect whole episodes, and learn from them once."""

    def policy(self) -> LearnedPolicy:
        """What has been learned, without exploration."""

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to go on."""

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True)
class TrainingPlan:
    """A street to learn on.

    Parameters
    ----------
    name
        Of the configuration.
    street, validation
        Configuration of the street, and of that on which policies are measured: a task's splits train and validation,
        or twice the same.
    train
        How to learn.
    """

    name: str
    street: Config
    validation: Config
    train: TrainSection

    @classmethod
    def of(cls, config: Config) -> TrainingPlan:
        """Work a plan out.

        Raises
        ------
        UnknownNameError
            For a task that is not there.
        ConfigError
            For an algorithm that does not fit the street's actions, a street on which nobody learns, or a street
            described beside that of a task.
        """
        train, street, validation = config.train, config, config
        if train.task is not None:
            task = find_task(train.task)
            _check_that_the_street_is_left_to_the_task(config)
            street, validation = (task.configuration(split, overrides=train.overrides) for split in _SPLITS)
        chosen = ACTION_MAPS[street.scenario.action]
        if train.algorithm in CHOOSES and chosen.levels is None:
            raise ConfigError(
                f"train.algorithm {train.algorithm!r} chooses among actions, and scenario.action is "
                f"{street.scenario.action!r}, whose actions are numbers in [-1, 1]; choose a discrete map, e.g. "
                "discrete_price, or another algorithm"
            )
        plan = cls(config.name, street, validation, train)
        if plan.controller.num_learners == 0:
            raise ConfigError("nobody learns on this street (population.learners is 0); there is nothing to train")
        return plan

    @cached_property
    def controller(self) -> AuctionController:
        """One market of the street, for its sizes and names."""
        return build_controller(self.street)

    @cached_property
    def scaling(self) -> Scaling | None:
        """What observations go through before a network sees them."""
        return Scaling.of(self.street) if self.train.scales_observations else None

    @cached_property
    def first_action(self) -> FloatArray | None:
        """``(A,)`` what an untrained policy means: the middle of the band for all there is to trade, devices idle.

        ``None`` for choices, and maps that cannot say it.
        """
        action_map = self.controller.model.scenario.action_map
        if action_map.levels is not None or action_map.encode is None:
            return None
        action: FloatArray = action_map.encode(np.zeros(1), np.ones(1))[0]
        return action

    @property
    def horizon(self) -> int:
        """Intervals an episode."""
        return self.controller.horizon

    @property
    def agents(self) -> tuple[str, ...]:
        """Names of the learners."""
        controller = self.controller
        return tuple(controller.names[slot] for slot in controller.population.learners.tolist())

    @property
    def frames(self) -> int:
        """Steps of all markets together between updates; each is a step of every learner."""
        return self.horizon * self.train.episodes * self.train.num_markets

    @property
    def num_updates(self) -> int:
        """Updates that the budget is good for, at least one."""
        return max(1, round(self.train.agent_steps / (self.frames * len(self.agents))))

    def learned(self, networks: Any, groups: dict[str, tuple[str, ...]], head: Any, agent_steps: int) -> LearnedPolicy:
        """A policy for this street from the networks of its groups."""
        scenario = self.controller.model.scenario
        return LearnedPolicy(
            networks=networks,
            groups=groups,
            agents=self.agents,
            features=scenario.observer.names,
            components=scenario.action_map.components,
            levels=scenario.action_map.levels,
            head=head,
            about={
                "name": self.name,
                "algorithm": self.train.algorithm,
                "backend": self.train.backend,
                "seed": self.train.seed,
                "agent_steps": agent_steps,
                "task": self.train.task,
                "street": self.street.digest,
            },
            reference_power_kw=scenario.reference_power_kw,
            max_quote_ratio=scenario.max_quote_ratio,
        )


def _check_that_the_street_is_left_to_the_task(config: Config) -> None:
    usual, beside = Config(), {"name", "train", "run"}
    said = [key for key in Config.model_fields if key not in beside and getattr(config, key) != getattr(usual, key)]
    if said:
        raise ConfigError(
            f"train.task is {config.train.task!r}, whose street this is, and the configuration describes one too "
            f"({', '.join(said)}), which would not be played; write changes of the task as train.overrides, e.g. "
            "{reward.name: community_saving}"
        )
