"""The section ``train``: who learns what, with which algorithm, on how many steps."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from p2p_market.config_base import Section

Sizes: TypeAlias = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]

ALGORITHMS = {
    "benchmarl": ("ippo", "mappo", "maddpg", "iddpg", "masac", "isac", "iql", "vdn", "qmix"),
    "sb3": ("ippo",),
}
"""Algorithms by backend."""


class TrainSection(Section):
    """What the command ``train`` does."""

    task: str | None = Field(
        None, description="a task, whose splits train and validation are played; null: the street of this configuration"
    )
    overrides: dict[str, Any] = Field(
        default_factory=dict, description="changes of the task, by dotted key, e.g. {reward.name: community_saving}"
    )
    backend: Literal["benchmarl", "sb3"] = Field("benchmarl", description="BenchMARL on TorchRL, or Stable-Baselines3")
    algorithm: str = Field("ippo", description="algorithm of the backend; all learners of a group share parameters")
    seed: int = Field(0, ge=0, description="of networks, exploration and episodes")
    agent_steps: int = Field(2_000_000, ge=1, description="budget: steps of all learners together")
    num_markets: int = Field(32, ge=1, description="markets side by side")
    episodes: int = Field(1, ge=1, description="whole episodes of every market between updates")
    hidden: Sizes = Field((64, 64), description="units of the hidden layers, tanh")
    learning_rate: float = Field(0.001, gt=0.0, description="of Adam")
    gamma: float = Field(0.99, ge=0.0, le=1.0, description="discount factor")
    gae_lambda: float = Field(0.95, ge=0.0, le=1.0, description="of advantages, where the algorithm has them")
    entropy: float = Field(0.0, ge=0.0, description="weight of the entropy bonus, where there is one")
    episodes_end: bool = Field(
        True,
        description="whether the value of an episode stops at its last interval, where missing charge is paid for; "
        "false: it goes on beyond, as after a time limit",
    )
    scales_observations: bool = Field(
        True, description="whether networks see features scaled to mean 0 and spread 1, as random play finds them"
    )
    epochs: int = Field(5, ge=1, description="passes over what was collected, or optimiser steps a hundred frames")
    minibatches: int = Field(4, ge=1, description="parts that a pass is split into")
    threads: int = Field(1, ge=1, description="threads of PyTorch")
    device: str = Field("cpu", description="where networks live: cpu, or cuda")
    evaluate_every: int = Field(10, ge=1, description="updates between evaluations on the split validation")
    evaluation_episodes: int = Field(32, ge=2, description="episodes of an evaluation")
    checkpoint_every: int = Field(10, ge=1, description="updates between checkpoints")
    options: dict[str, Any] = Field(
        default_factory=dict, description="further settings of the algorithm, by the backend's own names"
    )

    @model_validator(mode="after")
    def _overrides_of_a_task(self) -> TrainSection:
        if self.overrides and self.task is None:
            raise ValueError("overrides change a task, and train.task is null; change the configuration itself")
        return self

    @model_validator(mode="after")
    def _algorithm_of_the_backend(self) -> TrainSection:
        known = ALGORITHMS[self.backend]
        if self.algorithm not in known:
            raise ValueError(f"algorithm is {self.algorithm!r}; backend {self.backend!r} has {', '.join(known)}")
        return self
