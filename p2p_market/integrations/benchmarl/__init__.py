"""BenchMARL: any configuration as a task, for its algorithms, its configuration files and its command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from p2p_market.errors import ConfigError, require_extra
from p2p_market.scenario.actions import ACTION_MAPS

try:
    from benchmarl.environments import Task, TaskClass, task_config_registry
    from torchrl.data import Composite

    from p2p_market.config_loading import load_config
    from p2p_market.integrations.torchrl import StreetEnv
except ImportError as error:
    raise require_extra("benchmarl", "benchmarl", "p2p_market.integrations.benchmarl") from error

CONFIGURATIONS = Path(__file__).parent / "conf"
_INFOS = ("bill", "filled")


class StreetTaskClass(TaskClass):
    """A street as a BenchMARL task.

    Parameters
    ----------
    name
        BenchMARL's name of the task, upper case.
    config
        ``config``: a YAML file, or null for the default street; ``overrides``: values by dotted key;
        ``discrete_action``: the action map for algorithms that choose among actions.
    """

    def __init__(self, name: str, config: dict[str, Any]) -> None:
        super().__init__(name, config)
        unknown = set(self.config) - {"config", "overrides", "discrete_action"}
        if unknown:
            raise ConfigError(
                f"BenchMARL task {name.lower()!r}: unknown keys {', '.join(sorted(unknown))}; known: config, "
                "overrides, discrete_action"
            )

    def get_env_fun(
        self,
        num_envs: int,
        continuous_actions: bool,
        seed: int | None,
        device: Any,
    ) -> Callable[[], StreetEnv]:
        """Return what makes the environment of ``num_envs`` markets."""
        source, overrides = self.config.get("config"), dict(self.config.get("overrides") or {})
        if not continuous_actions:
            overrides["scenario.action"] = self._discrete
        return lambda: StreetEnv(source, num_envs=num_envs, overrides=overrides, seed=seed, device=device, infos=_INFOS)

    @property
    def _discrete(self) -> str:
        """The action map for choices: the configuration's own, if it is one."""
        own = load_config(self.config.get("config"), self.config.get("overrides")).scenario.action
        named = own if ACTION_MAPS[own].levels is not None else self.config.get("discrete_action", "discrete_price")
        if ACTION_MAPS[named].levels is None:
            raise ConfigError(f"BenchMARL task: discrete_action is {named!r}, whose actions are numbers in [-1, 1]")
        return str(named)

    def supports_continuous_actions(self) -> bool:
        """Whether actions are numbers, unless the configuration's action map is one of choices."""
        own = load_config(self.config.get("config"), self.config.get("overrides")).scenario.action
        return ACTION_MAPS[own].levels is None

    def supports_discrete_actions(self) -> bool:
        """Always: ``discrete_action`` says which map."""
        return True

    def max_steps(self, env: StreetEnv) -> int:
        """Intervals an episode."""
        return env.max_cycles

    def has_render(self, env: StreetEnv) -> bool:  # noqa: ARG002 (the library's signature)
        """Never."""
        return False

    def group_map(self, env: StreetEnv) -> dict[str, list[str]]:
        """Names of the learners by group."""
        return env.group_map

    def observation_spec(self, env: StreetEnv) -> Composite:
        """Observations by group, of one market."""
        return self._members(env, "observation")

    def info_spec(self, env: StreetEnv) -> Composite:
        """Infos by group, of one market."""
        return self._members(env, "info")

    def state_spec(self, env: StreetEnv) -> Composite:
        """The state of one market."""
        return Composite({"state": env.full_observation_spec_unbatched["state"].clone()})

    def action_spec(self, env: StreetEnv) -> Composite:
        """Actions by group, of one market."""
        return env.full_action_spec_unbatched

    def action_mask_spec(self, env: StreetEnv) -> None:
        """None: every choice is open always."""

    @staticmethod
    def env_name() -> str:
        """Name of the folder of task configurations."""
        return "p2p_market"

    @staticmethod
    def _members(env: StreetEnv, kept: str) -> Composite:
        spec = env.full_observation_spec_unbatched.clone()
        del spec["state"]
        for group in env.group_map:
            for key in [key for key in spec[group].keys() if key != kept]:  # noqa: SIM118 - not a mapping
                del spec[group][key]
        return spec


class StreetTask(Task):
    """BenchMARL's list of tasks of this package."""

    STREET = None

    @staticmethod
    def associated_class() -> type[StreetTaskClass]:
        """What the tasks are made of."""
        return StreetTaskClass

    def get_from_yaml(self, path: str | None = None) -> StreetTaskClass:
        """Make the task of a YAML file, by default of the one that comes with it."""
        default = CONFIGURATIONS / "task" / self.env_name() / f"{self.name.lower()}.yaml"
        task: StreetTaskClass = super().get_from_yaml(path or str(default))
        return task


task_config_registry[f"{StreetTask.env_name()}/street"] = StreetTask.STREET
