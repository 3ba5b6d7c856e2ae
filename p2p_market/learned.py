"""Learned policies: small networks in NumPy, in one file, that play without the library which trained them."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from p2p_market._version import __version__
from p2p_market.errors import ActionError, ConfigError
from p2p_market.types import AnyArray, Float32Array, IntArray

if TYPE_CHECKING:
    from p2p_market.controller import AuctionController

FORMAT = 1
Head: TypeAlias = Literal["clip", "tanh", "soft_tanh", "choice"]
"""What makes actions of the last layer: cut to [-1, 1]; tanh; tanh of 5 tanh(x / 5), as TorchRL's TanhNormal has its
mode; or the choice with the highest value, component by component."""


@dataclass(frozen=True, eq=False)
class Network:
    """Layers with tanh between them; ``weights`` are ``(inputs, outputs)``."""

    weights: tuple[Float32Array, ...]
    biases: tuple[Float32Array, ...]

    def __call__(self, observations: Float32Array) -> Float32Array:
        """Values ``(..., outputs)`` of observations ``(..., F)``."""
        values = observations
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = values @ weight + bias
            if place < len(self.weights) - 1:
                values = np.tanh(values)
        return values


@dataclass(frozen=True, eq=False)
class LearnedPolicy:
    """Networks of a street's learners, a group of agents each, as a function of a batch of observations.

    Parameters
    ----------
    networks
        By group.
    groups
        Names of the agents by group, which together are all agents.
    agents
        Names of all agents, in the order of the arrays.
    features, components
        What an observation and an action are made of.
    levels
        Choices of each component, where actions are choices.
    head
        See `Head`.
    about
        Where it comes from: algorithm, task, steps and the like; for people.
    """

    networks: Mapping[str, Network]
    groups: Mapping[str, tuple[str, ...]]
    agents: tuple[str, ...]
    features: tuple[str, ...]
    components: tuple[str, ...]
    levels: tuple[int, ...] | None
    head: Head
    about: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, observations: Float32Array) -> AnyArray:
        """Actions without exploration: ``(B, N, A)``, or choices ``(B, N)``, from observations ``(B, N, F)``.

        Raises
        ------
        ActionError
            For observations of other agents or features, by their number.
        """
        seen = np.asarray(observations, dtype=np.float32)
        expected = len(self.agents), len(self.features)
        if seen.ndim != 3 or seen.shape[1:] != expected:
            raise ActionError(f"observations have shape {seen.shape}; this policy was learned for (B, *{expected})")
        outputs = len(self.components) if self.levels is None else sum(self.levels)
        values = np.empty((*seen.shape[:2], outputs), dtype=np.float32)
        for group, places in self._places.items():
            values[:, places] = self.networks[group](seen[:, places])
        return self._act(values)

    def _act(self, values: Float32Array) -> AnyArray:
        if self.levels is not None:
            parts = np.split(values, np.cumsum(self.levels)[:-1], axis=-1)
            choices = np.stack([part.argmax(axis=-1) for part in parts], axis=-1)
            return choices[..., 0] if len(self.levels) == 1 else choices
        if self.head == "clip":
            return values.clip(-1.0, 1.0)
        return np.tanh(5.0 * np.tanh(values / 5.0) if self.head == "soft_tanh" else values)

    @property
    def _places(self) -> dict[str, IntArray]:
        return {
            group: np.array([self.agents.index(name) for name in members]) for group, members in self.groups.items()
        }

    @property
    def __name__(self) -> str:
        return str(self.about.get("name", "learned"))

    def check(self, controller: AuctionController) -> None:
        """Raise unless a street's learners see and do what this policy was learned for.

        Raises
        ------
        ConfigError
            For other features, another action map, or other agents, and which.
        """
        scenario = controller.model.scenario
        names = tuple(controller.names[slot] for slot in controller.population.learners.tolist())
        for what, mine, there in (
            ("features", self.features, scenario.observer.names),
            ("action components", self.components, scenario.action_map.components),
            ("choices", self.levels, scenario.action_map.levels),
            ("agents", self.agents, names),
        ):
            if mine != there:
                raise ConfigError(
                    f"the learned policy was trained for other {what} than this street has: "
                    f"{_shortly(mine)}, and here {_shortly(there)}"
                )

    def save(self, path: str | Path) -> Path:
        """Write it into one file, which takes the place of an earlier one when complete."""
        target = Path(path)
        meta = {
            "format": FORMAT,
            "version": __version__,
            "groups": {group: list(members) for group, members in self.groups.items()},
            "agents": self.agents,
            "features": self.features,
            "components": self.components,
            "levels": self.levels,
            "head": self.head,
            "about": dict(self.about),
        }
        arrays: dict[str, AnyArray] = {"meta": np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)}
        for group, network in self.networks.items():
            for place, (weight, bias) in enumerate(zip(network.weights, network.biases, strict=True)):
                arrays[f"{group}/{place}/weight"], arrays[f"{group}/{place}/bias"] = weight, bias
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # names are those of the layers
        os.replace(part, target)  # noqa: PTH105 (in one step)
        return target


def load_policy(path: str | Path) -> LearnedPolicy:
    """Read a learned policy.

    Parameters
    ----------
    path
        The file, or the folder of a training run, whose best policy it is then.

    Raises
    ------
    ConfigError
        For a file that is missing, is no policy, or is broken, or one of another format.
    """
    file = Path(path)
    if file.is_dir():
        file = file / "best.npz"
    if not file.is_file():
        raise ConfigError(f"{path}: no learned policy is there; expected a file that training wrote, such as best.npz")
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            meta = json.loads(bytes(arrays["meta"]).decode())
            if meta.get("format") != FORMAT:
                raise ConfigError(
                    f"{file}: a learned policy of format {meta.get('format')}, written by p2p_market "
                    f"{meta.get('version')}; this version reads format {FORMAT}"
                )
            networks = {group: _network(arrays, group) for group in meta["groups"]}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{file} is not a learned policy, or is broken: {error}") from error
    return LearnedPolicy(
        networks=networks,
        groups={group: tuple(members) for group, members in meta["groups"].items()},
        agents=tuple(meta["agents"]),
        features=tuple(meta["features"]),
        components=tuple(meta["components"]),
        levels=None if meta["levels"] is None else tuple(meta["levels"]),
        head=meta["head"],
        about=meta["about"],
    )


def _network(arrays: Mapping[str, AnyArray], group: str) -> Network:
    count = sum(name.startswith(f"{group}/") and name.endswith("/weight") for name in arrays)
    return Network(
        tuple(arrays[f"{group}/{place}/weight"] for place in range(count)),
        tuple(arrays[f"{group}/{place}/bias"] for place in range(count)),
    )


def _shortly(values: Sequence[Any] | None) -> str:
    if values is None:
        return "none"
    shown = ", ".join(str(value) for value in values[:6])
    return shown if len(values) <= 6 else f"{shown} ... ({len(values)})"
