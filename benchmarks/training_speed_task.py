"""The street as a task of BenchMARL, through PettingZoo or through the integration; a class that can be pickled."""

from __future__ import annotations

from typing import Any

from torchrl.envs import PettingZooWrapper

import p2p_market
from p2p_market.config import Config
from p2p_market.integrations.benchmarl import StreetTaskClass
from p2p_market.integrations.torchrl import StreetEnv


class SpeedTask(StreetTaskClass):
    """One street, by either path."""

    def __init__(self, street: Config, *, is_wrapped: bool, horizon: int) -> None:
        super().__init__("STREET", {})
        self.street, self.is_wrapped, self.horizon = street, is_wrapped, horizon

    def get_env_fun(self, num_envs: int, continuous_actions: bool, seed: int | None, device: Any) -> Any:  # noqa: ARG002, D102 (the library's, here and below)
        if self.is_wrapped:
            return lambda: PettingZooWrapper(
                p2p_market.parallel_env(self.street), return_state=True, seed=seed, device=device
            )
        return lambda: StreetEnv(self.street, num_envs=num_envs, seed=seed, device=device)

    def supports_continuous_actions(self) -> bool:  # noqa: D102
        return True

    def supports_discrete_actions(self) -> bool:  # noqa: D102
        return False

    def max_steps(self, env: Any) -> int:  # noqa: ARG002, D102
        return self.horizon

    def group_map(self, env: Any) -> Any:  # noqa: D102
        return env.group_map

    def info_spec(self, env: Any) -> None:  # noqa: ARG002, D102
        return None
