"""Learned policies: small networks in NumPy, in one file, that play without the library which trained them."""

from __future__ import annotations

import itertools
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from p2p_market._version import __version__
from p2p_market.errors import ActionError, ConfigError
from p2p_market.scenario.features import FEATURES
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
    reference_power_kw, max_quote_ratio
        What numbers in observations and actions are multiples of, as ``scenario`` and ``market`` of a configuration
        have them.
    """

    networks: Mapping[str, Network]
    groups: Mapping[str, tuple[str, ...]]
    agents: tuple[str, ...]
    features: tuple[str, ...]
    components: tuple[str, ...]
    levels: tuple[int, ...] | None
    head: Head
    about: Mapping[str, Any] = field(default_factory=dict)
    reference_power_kw: float = 10.0
    max_quote_ratio: float = 1.0

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
        for group, places in self.places.items():
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
    def places(self) -> dict[str, IntArray]:
        """Places of the agents of each group."""
        return {
            group: np.array([self.agents.index(name) for name in members]) for group, members in self.groups.items()
        }

    @property
    def shares_one_network(self) -> bool:
        """Whether all agents follow the same network."""
        return len(self.groups) == 1

    @property
    def reads_book(self) -> bool:
        """Whether it sees the last interval's order book."""
        return any(name in FEATURES and FEATURES[name].reads_book for name in self.features)

    @property
    def __name__(self) -> str:
        return str(self.about.get("name", "learned"))

    def group_of(self, name: str, role: str) -> str:
        """The group whose network a household of any street follows.

        Where there is one network, all do; otherwise the agent of the same name decides, then the role, then what its
        name begins with.

        Parameters
        ----------
        name
            Of the household, such as ``"household_3"``.
        role
            ``"prosumer"`` or ``"consumer"``.

        Raises
        ------
        ConfigError
            For a household that is none of the policy's groups.
        """
        if len(self.groups) == 1:
            return next(iter(self.groups))
        for group, members in self.groups.items():
            if name in members:
                return group
        for group in (role, name.rsplit("_", 1)[0]):
            if group in self.groups:
                return group
        raise ConfigError(
            f"the learned policy {self.__name__!r} has a network for each of {_shortly(tuple(self.groups))}, and "
            f"{name!r}, a {role}, is none of them; let others follow it (population.learners, street.agent_names)"
        )

    def played_by(self, names: Sequence[str], roles: Sequence[str]) -> LearnedPolicy:
        """The same networks for the households of another street, see `group_of`.

        Parameters
        ----------
        names, roles
            Of the households, in the order of the arrays.
        """
        groups: dict[str, list[str]] = {}
        for name, role in zip(names, roles, strict=True):
            groups.setdefault(self.group_of(name, role), []).append(name)
        return replace(
            self,
            networks={group: self.networks[group] for group in groups},
            groups={group: tuple(members) for group, members in groups.items()},
            agents=tuple(names),
        )

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
            ("reference power [kW]", (self.reference_power_kw,), (scenario.reference_power_kw,)),
            ("largest quotes", (self.max_quote_ratio,), (scenario.max_quote_ratio,)),
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
            "reference_power_kw": self.reference_power_kw,
            "max_quote_ratio": self.max_quote_ratio,
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
        The file, with or without its ending ``.npz``, or the folder of a training run, whose best policy it is then.

    Raises
    ------
    ConfigError
        For a file that is missing, is no policy, or is broken, or one of another format.
    """
    file = policy_file(path)
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
            policy = _read(meta, arrays)
    except ConfigError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{file} is not a learned policy, or is broken: {error}") from error
    return policy


def policy_file(path: str | Path) -> Path:
    """The file that is meant by a path, see `load_policy`; it may not exist."""
    file = Path(path)
    if file.is_dir():
        return file / "best.npz"
    return file if file.exists() or file.suffix == ".npz" else file.with_name(file.name + ".npz")


def is_policy_path(text: str) -> bool:
    """Whether a text in the place of a policy's name is the path of a learned one."""
    return text.endswith(".npz") or "/" in text or os.sep in text or Path(text).exists()


def _read(meta: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> LearnedPolicy:
    policy = LearnedPolicy(
        networks={group: _network(arrays, group) for group in meta["groups"]},
        groups={group: tuple(members) for group, members in meta["groups"].items()},
        agents=tuple(meta["agents"]),
        features=tuple(meta["features"]),
        components=tuple(meta["components"]),
        levels=None if meta["levels"] is None else tuple(meta["levels"]),
        head=meta["head"],
        about=meta["about"],
        reference_power_kw=meta.get("reference_power_kw", 10.0),
        max_quote_ratio=meta.get("max_quote_ratio", 1.0),
    )
    if policy.head not in get_args(Head):
        raise ValueError(f"its head is {policy.head!r}; expected one of {', '.join(get_args(Head))}")
    if sorted(name for members in policy.groups.values() for name in members) != sorted(policy.agents):
        raise ValueError("its groups are not its agents, each once")
    outputs = len(policy.components) if policy.levels is None else sum(policy.levels)
    for group, network in policy.networks.items():
        sizes = [len(policy.features), *(len(bias) for bias in network.biases)]
        shapes = [weight.shape for weight in network.weights]
        if not shapes or shapes != list(itertools.pairwise(sizes)) or sizes[-1] != outputs:
            raise ValueError(
                f"the network of {group!r} has layers {shapes}; expected {len(policy.features)} features in and "
                f"{outputs} numbers out"
            )
        if not all(np.isfinite(values).all() for values in (*network.weights, *network.biases)):
            raise ValueError(f"the network of {group!r} has weights that are not numbers")
    return policy


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
