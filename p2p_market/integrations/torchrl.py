"""TorchRL: ``B`` markets as one batched environment, tensors ``(B, N, ...)`` that share memory with NumPy's arrays."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from p2p_market.build import build_controller
from p2p_market.config_loading import load_config
from p2p_market.errors import ConfigError, require_extra
from p2p_market.make import merged_overrides
from p2p_market.randomness import episode_seed
from p2p_market.types import AnyArray, Float32Array

try:
    import torch
    from tensordict import TensorDict, TensorDictBase
    from torchrl.data import Bounded, Categorical, Composite, MultiCategorical, Unbounded
    from torchrl.envs import EnvBase
except ImportError as error:
    raise require_extra("torchrl", "torchrl", "p2p_market.integrations.torchrl") from error

if TYPE_CHECKING:
    from torchrl.data.tensor_specs import TensorSpec

    from p2p_market.config_loading import ConfigSource
    from p2p_market.data.container import DataContainer


class StreetEnv(EnvBase):
    """``B`` markets of a street as a TorchRL environment, ``batch_size=[B]``.

    Learners are grouped by the first part of their names: one group ``household``, or ``prosumer`` and ``consumer``
    with ``street.agent_names: role``. A group's tensors are ``(B, n, ...)``: ``observation`` float32, ``action``,
    ``reward`` ``(B, n, 1)``, and ``info`` with the names in ``infos`` where there are any. ``state`` ``(B, S)``, for
    centralised critics, and ``done``, ``terminated`` and ``truncated`` ``(B, 1)`` stand at the root. Nobody leaves
    early; a market is truncated at the horizon, or terminated with ``episodes_end``, and reset when TorchRL says so
    (partial resets work).

    Parameters
    ----------
    config
        As for `p2p_market.vector_env`.
    num_envs
        ``B``.
    max_cycles, data_container, overrides, **keys
        As for `p2p_market.vector_env`.
    seed
        Of the first reset; ``None`` takes fresh entropy. `set_seed` gives the next reset another one.
    device
        Where tensors go. On the CPU they share memory with the arrays of the market.
    infos
        Names of infos that go into ``(group, "info")``, ``(B, n, 1)`` each: ``"bill"``, ``"filled"``, and those of
        `AuctionController.info_names`.
    with_state
        Whether there is a ``state``.
    reseeds_episodes
        Whether reset number *k* of all markets together is seeded by ``seed`` and *k*, so that training can go on from
        the end of any episode as if it had never stopped. Needs a ``seed``.
    episodes_end
        Whether the last interval is told as an end (``terminated``), after which nothing is worth anything, and not as
        a time limit (``truncated``), beyond which learners add the value of what would come.
    scaling
        What observations go through, and states where everybody learns; ``None`` leaves them as they are.

    Attributes
    ----------
    num_resets
        Resets of all markets together so far; set it to go on from there.
    seconds
        Time spent in resets and steps.

    Raises
    ------
    ConfigError, DataError
        For anything wrong with configuration or data, and an info that there is not.
    """

    batch_locked = True

    def __init__(
        self,
        config: ConfigSource = None,
        *,
        num_envs: int = 1,
        max_cycles: int | None = None,
        data_container: DataContainer | None = None,
        overrides: Any = None,
        seed: int | None = None,
        device: Any = "cpu",
        infos: Sequence[str] = (),
        with_state: bool = True,
        reseeds_episodes: bool = False,
        episodes_end: bool = False,
        scaling: Callable[[Float32Array], Float32Array] | None = None,
        **keys: Any,
    ) -> None:
        checked = load_config(config, merged_overrides(overrides, keys, max_cycles))
        controller = build_controller(checked, container=data_container, num_markets=num_envs)
        if controller.num_learners == 0:
            raise ConfigError("nobody learns on this street (population.learners is 0), so it has no agents")
        super().__init__(device=device, batch_size=torch.Size([num_envs]))
        self.controller = controller
        self.with_state = with_state
        self.info_names = tuple(infos)
        known = ("bill", "filled", *controller.info_names)
        for name in self.info_names:
            if name not in known:
                raise ConfigError(f"infos: there is no info {name!r}; there are {', '.join(known)}")
        names = [controller.names[slot] for slot in controller.population.learners.tolist()]
        self.group_map: dict[str, list[str]] = {}
        for name in names:
            self.group_map.setdefault(name.rsplit("_", 1)[0], []).append(name)
        self._places = {
            group: _as_slice([names.index(name) for name in members]) for group, members in self.group_map.items()
        }
        self._action_shape = controller.model.scenario.action_map.shape
        self._actions = np.zeros((num_envs, len(names), *self._action_shape), dtype=np.float32)
        self._shares_memory = torch.device(device).type == "cpu"
        self._seed = seed
        self._reseeds_from = seed if reseeds_episodes else None
        self._end = "terminated" if episodes_end else "truncated"
        self._scaling = scaling
        self.num_resets = 0
        self.seconds = 0.0
        self._make_specs()

    @property
    def max_cycles(self) -> int:
        """Intervals an episode."""
        return self.controller.horizon

    def _make_specs(self) -> None:
        scenario, device = self.controller.model.scenario, self.device
        (size,) = self.batch_size
        space, levels = scenario.get_observation_space(), scenario.action_map.levels
        observations, actions, rewards = (Composite(shape=(size,), device=device) for _ in range(3))
        for group, members in self.group_map.items():
            shape = (size, len(members))
            low, high = (torch.from_numpy(bound).to(device).expand(*shape, -1) for bound in (space.low, space.high))
            seen = {"observation": _box(low, high, is_scaled=self._scaling is not None)}
            if self.info_names:
                unbounded = {
                    name: Unbounded((*shape, 1), dtype=torch.float32, device=device) for name in self.info_names
                }
                seen["info"] = Composite(unbounded, shape=shape, device=device)
            observations[group] = Composite(seen, shape=shape, device=device)
            action = _action_spec(levels, (*shape, *self._action_shape), device)
            actions[group] = Composite({"action": action}, shape=shape, device=device)
            reward = Unbounded((*shape, 1), dtype=torch.float32, device=device)
            rewards[group] = Composite({"reward": reward}, shape=shape, device=device)
        if self.with_state:
            state = scenario.get_state_space()
            low, high = (torch.from_numpy(bound).to(device).expand(size, -1) for bound in (state.low, state.high))
            observations["state"] = _box(low, high, is_scaled=self._scaling is not None)
        self.observation_spec, self.action_spec, self.reward_spec = observations, actions, rewards
        flags = ("done", "terminated", "truncated")
        self.done_spec = Composite(
            {name: Categorical(2, shape=(size, 1), dtype=torch.bool, device=device) for name in flags},
            shape=(size,),
            device=device,
        )

    def _set_seed(self, seed: int | None) -> None:
        self._seed = seed

    def _reset(self, tensordict: TensorDictBase | None = None, **_: Any) -> TensorDictBase:
        began = time.perf_counter()
        chosen = None if tensordict is None else tensordict.get("_reset", None)
        mask = None if chosen is None else chosen.reshape(-1).cpu().numpy()
        if mask is None or mask.all() or not self.controller.has_started:
            numbered = episode_seed(self._reseeds_from, self.num_resets)
            self.controller.reset(self._seed if numbered is None else numbered)
            self._seed = None
            self.num_resets += 1
        else:
            self.controller.reset(mask=mask)
        nothing = np.zeros((*self._actions.shape[:2], 1), dtype=np.float32)
        first = self._observed(dict.fromkeys(self.info_names, nothing))
        self.seconds += time.perf_counter() - began
        return first

    def _step(self, tensordict: TensorDictBase) -> TensorDictBase:
        began = time.perf_counter()
        actions = self._actions
        for group, places in self._places.items():
            given = tensordict.get((group, "action")).detach()
            if len(self._places) == 1:
                actions = given.cpu().numpy()
            else:
                actions[:, places] = given.cpu().numpy()
        result = self.controller.run_auction(actions)
        transition, of_learners = result.transition, self.controller.of_learners
        infos = {**result.reward_parts, **result.further_infos}
        if self.info_names:
            infos["bill"] = of_learners(transition.settlement.bill)
            infos["filled"] = of_learners(transition.clearing.filled)
        named = {name: infos[name].astype(np.float32)[..., None] for name in self.info_names}
        following = self._observed(named, result.truncated)
        rewards = self._tensor(result.rewards.astype(np.float32)[..., None])
        for group, places in self._places.items():
            following.set((group, "reward"), rewards[:, places])
        self.seconds += time.perf_counter() - began
        return following

    def _observed(self, infos: dict[str, AnyArray], truncated: AnyArray | None = None) -> TensorDictBase:
        """What all groups see, and which markets are over."""
        controller, (size,) = self.controller, self.batch_size
        observations, _ = controller.observe()
        if self._scaling is not None:
            observations = self._scaling(observations)
        seen, told = self._tensor(observations), {name: self._tensor(values) for name, values in infos.items()}
        following = TensorDict({}, batch_size=self.batch_size, device=self.device)
        for group, places in self._places.items():
            members = {"observation": seen[:, places]}
            shape = (size, len(self.group_map[group]))
            if told:
                chosen = {name: values[:, places] for name, values in told.items()}
                members["info"] = TensorDict(chosen, batch_size=shape, device=self.device)
            following.set(group, TensorDict(members, batch_size=shape, device=self.device))
        if self.with_state:
            everybody_learns = controller.num_learners == controller.get_size()[1]
            scenario = controller.model.scenario
            state = scenario.get_state(observations) if everybody_learns else controller.get_state()
            following.set("state", self._tensor(state))
        over = torch.zeros((size, 1), dtype=torch.bool) if truncated is None else torch.from_numpy(truncated)[:, None]
        over = over.to(self.device)
        for name in ("terminated", "truncated", "done"):
            following.set(name, over.clone() if name in ("done", self._end) else torch.zeros_like(over))
        return following

    def _tensor(self, values: AnyArray) -> Any:
        tensor = torch.from_numpy(np.ascontiguousarray(values))
        return tensor if self._shares_memory else tensor.to(self.device)


def _as_slice(places: list[int]) -> slice | list[int]:
    """Neighbours as a slice, whose tensors are views."""
    return slice(places[0], places[-1] + 1) if places == list(range(places[0], places[-1] + 1)) else places


def _box(low: Any, high: Any, *, is_scaled: bool) -> TensorSpec:
    if is_scaled:  # an affine map of bounds would do, if it were known to be one
        return Unbounded(low.shape, dtype=torch.float32, device=low.device)
    return Bounded(low, high, dtype=torch.float32, device=low.device)


def _action_spec(levels: Sequence[int] | None, shape: tuple[int, ...], device: Any) -> TensorSpec:
    if levels is None:
        return Bounded(-1.0, 1.0, shape=shape, dtype=torch.float32, device=device)
    if len(levels) == 1:
        return Categorical(levels[0], shape=shape, dtype=torch.int64, device=device)
    return MultiCategorical(list(levels), shape=shape, dtype=torch.int64, device=device)
