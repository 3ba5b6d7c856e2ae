"""Stable-Baselines3: every household of every market is a row of one ``VecEnv``, so that all share one policy."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium.spaces import Box

from p2p_market.errors import ConfigError, EpisodeError, require_extra
from p2p_market.make import vector_env
from p2p_market.types import AnyArray, BoolArray, Float32Array

try:
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise require_extra("stable_baselines3", "sb3", "p2p_market.integrations.stable_baselines3") from error

if TYPE_CHECKING:
    from p2p_market.config_loading import ConfigSource


class StreetVecEnv(VecEnv):
    """``B * N`` rows, market after market; row ``b * N + n`` is learner ``n`` of market ``b``.

    Parameters
    ----------
    config
        As for `p2p_market.vector_env`.
    num_markets
        ``B``; the rows are so many times the learners of a street.
    infos
        Names of infos that go into the dicts which Stable-Baselines3 reads, a dict a row and step, e.g. ``["bill"]``.
    episodes_end
        Whether the learner takes the last interval for an end, after which nothing is worth anything, and not for a
        time limit, beyond which it adds the value of what would come.
    scaling
        What observations go through; ``None`` leaves them as they are.
    **keywords
        As for `p2p_market.vector_env`.

    Attributes
    ----------
    street
        The batched environment behind the rows.
    seconds
        Time spent in steps.

    Notes
    -----
    A dict a row is what costs most here, so by default rows that go on share one empty dict. In the step that ends an
    episode every row has its own with ``terminal_observation``, ``TimeLimit.truncated`` and ``episode`` (return ``r``
    and length ``l``, as Stable-Baselines3's ``Monitor`` writes them).
    """

    def __init__(
        self,
        config: ConfigSource = None,
        *,
        num_markets: int = 16,
        infos: Sequence[str] = (),
        episodes_end: bool = False,
        scaling: Callable[[Float32Array], Float32Array] | None = None,
        **keywords: Any,
    ) -> None:
        self.street = vector_env(config, num_envs=num_markets, **keywords)
        self.render_mode = None
        self._rows = num_markets * self.street.num_agents
        self._named = tuple(infos)
        self._episodes_end = episodes_end
        self._scaling = scaling
        known = ("bill", "filled", "clipped_features", *self.street.controller.info_names)
        for name in self._named:
            if name not in known:
                raise ConfigError(f"infos: there is no info {name!r}; there are {', '.join(known)}")
        seen = self.street.single_observation_space
        if scaling is not None:
            seen = Box(-np.inf, np.inf, seen.shape, np.float32)
        super().__init__(self._rows, seen, self.street.single_action_space)
        self._actions: AnyArray | None = None
        self._returns = np.zeros(self._rows)
        self._length = np.zeros(self._rows, dtype=np.int64)
        self.seconds = 0.0

    def reset(self) -> Float32Array:
        """Start new episodes; the seed of the last `seed` call, if there was one, reseeds all markets."""
        seed = self._seeds[0]
        observations, _ = self.street.reset(seed=None if seed is None else int(seed))
        self._returns[:], self._length[:] = 0.0, 0
        self._reset_seeds()
        self._reset_options()
        return self._flat(observations)

    def seed(self, seed: int | None = None) -> list[int | None]:
        """Reseed all markets at the next reset, market *b* by the seed and *b* alone."""
        self._seeds = [seed] * self._rows
        return [seed] * self._rows

    def step_async(self, actions: AnyArray) -> None:
        """Take the actions ``(B * N, A)``, or ``(B * N,)`` choices, of the step that `step_wait` plays."""
        self._actions = np.asarray(actions)

    def step_wait(self) -> tuple[Float32Array, Float32Array, BoolArray, list[dict[str, Any]]]:
        """Play one interval of every market: observations, rewards, ends ``(B * N,)`` and a dict a row."""
        if self._actions is None:
            raise EpisodeError("step_wait() before step_async(); give it the actions first")
        began = time.perf_counter()
        shape = self.street.num_envs, self.street.num_agents, *self._actions.shape[1:]
        observations, rewards, _, truncations, infos = self.street.step(self._actions.reshape(shape))
        self._actions = None
        gained, ends = rewards.reshape(-1), truncations.reshape(-1)
        self._returns += gained
        self._length += 1
        answer = self._flat(observations), gained, ends, self._dicts(infos, ends)
        self.seconds += time.perf_counter() - began
        return answer

    def _dicts(self, infos: Mapping[str, Any], ends: BoolArray) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]]
        if self._named:
            columns = [infos[name].reshape(-1).tolist() for name in self._named]
            rows = [dict(zip(self._named, values, strict=True)) for values in zip(*columns, strict=True)]
        else:
            rows = [{}] * self._rows
        if ends.any():
            last = self._flat(infos["final_obs"])
            for row in np.flatnonzero(ends).tolist():
                episode = {"r": float(self._returns[row]), "l": int(self._length[row]), "t": 0.0}
                rows[row] = rows[row] | {
                    "terminal_observation": last[row],
                    "TimeLimit.truncated": not self._episodes_end,
                    "episode": episode,
                }
            self._returns[ends], self._length[ends] = 0.0, 0
        return rows

    def _flat(self, observations: Float32Array) -> Float32Array:
        flat = observations.reshape(self._rows, -1)
        return flat if self._scaling is None else self._scaling(flat)

    def close(self) -> None:
        """Nothing is open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """The attribute, once a row: all rows have one environment behind them."""
        value = getattr(self if attr_name == "render_mode" else self.street, attr_name)
        return [value] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:  # noqa: ARG002 (the library's signature)
        """Set an attribute of the environment behind all rows."""
        setattr(self.street, attr_name, value)

    def env_method(self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any) -> list[Any]:
        """Call a method of the environment behind all rows, once, and give the answer to every row."""
        answer = getattr(self.street, method_name)(*method_args, **method_kwargs)
        return [answer] * len(list(self._get_indices(indices)))

    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        """Whether episodes are monitored, as these rows do themselves, or wrapped otherwise, which they are not."""
        is_monitor = wrapper_class.__name__ == "Monitor"
        return [is_monitor] * len(list(self._get_indices(indices)))
