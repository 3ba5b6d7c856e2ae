"""BenchMARL: its algorithms on TorchRL, an update at a time."""

from __future__ import annotations

import functools
import tempfile
import warnings
from typing import Any

import numpy as np

from p2p_market.errors import ConfigError, require_extra
from p2p_market.learned import LearnedPolicy, Network
from p2p_market.training.plan import TrainingPlan, Update

try:
    import benchmarl.experiment.experiment as loop
    import torch
    from benchmarl import algorithms
    from benchmarl.experiment import Callback, Experiment, ExperimentConfig
    from benchmarl.models.mlp import MlpConfig
    from torch import nn
    from torchrl.envs.utils import ExplorationType, set_exploration_type

    from p2p_market.integrations.benchmarl import StreetTaskClass
    from p2p_market.integrations.torchrl import StreetEnv
except ImportError as error:
    raise require_extra("benchmarl", "train", "train.backend benchmarl") from error

_ON_POLICY = ("ippo", "mappo")
_SMALL = 0.01  # part of the last layer's weights that is left at the start, as the other backend has it
_NEAR_THE_CAP = 0.9  # a tanh reaches no cap, and close to it learns nothing


class _Task(StreetTaskClass):
    """The plan's street, whose episodes are seeded by number."""

    def __init__(self, plan: TrainingPlan) -> None:
        super().__init__("STREET", {})
        self.plan = plan

    def get_env_fun(self, num_envs: int, continuous_actions: bool, seed: int | None, device: Any) -> Any:  # noqa: ARG002 - the library's signature
        def make() -> StreetEnv:
            return StreetEnv(
                self.plan.street,
                num_envs=num_envs,
                seed=self.plan.train.seed,
                device=device,
                reseeds_episodes=True,
                episodes_end=self.plan.train.episodes_end,
                scaling=self.plan.scaling,
            )

        return make

    def supports_continuous_actions(self) -> bool:
        return self.plan.controller.model.scenario.action_map.levels is None

    def supports_discrete_actions(self) -> bool:
        return not self.supports_continuous_actions()

    def info_spec(self, env: StreetEnv) -> None:  # noqa: ARG002 (the library's signature)
        return None


class _Watch(Callback):
    """Keeps the mean reward of the episodes that were collected."""

    def __init__(self) -> None:
        super().__init__()
        self.reward = float("nan")

    def on_batch_collected(self, batch: Any) -> None:
        sums, agents = 0.0, 0
        for group, members in self.experiment.group_map.items():
            reward = batch["next", group, "reward"]
            sums += float(reward.sum()) / reward.shape[0]
            agents += len(members)
        episodes = batch.shape[1] / self.experiment.max_steps
        self.reward = sums / agents / episodes


class _Stepwise(Experiment):
    """An experiment that does one iteration when asked, and stays open."""

    def close(self) -> None:
        pass

    def advance(self) -> None:
        self.config.max_n_iters = self.n_iters_performed + 1
        self._collection_loop()


class BenchmarlLearner:
    """One of BenchMARL's algorithms; updates have whole episodes, seeded by the training's seed and their number."""

    def __init__(self, plan: TrainingPlan) -> None:
        train = plan.train
        torch.set_num_threads(train.threads)
        self.plan = plan
        self.watch = _Watch()
        self._folder = tempfile.TemporaryDirectory()
        activation = {"layer_class": nn.Linear, "activation_class": nn.Tanh}
        model = MlpConfig(num_cells=list(train.hidden), **activation)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own
            loop.tqdm = functools.partial(loop.tqdm, disable=True)
            self.experiment = _Stepwise(
                task=_Task(plan),
                algorithm_config=self._algorithm(),
                model_config=model,
                critic_model_config=MlpConfig(num_cells=list(train.hidden), **activation),
                seed=train.seed,
                config=self._settings(self._folder.name),
                callbacks=[self.watch],
            )
        if train.algorithm in _ON_POLICY:
            for loss in self.experiment.losses.values():
                loss.normalize_advantage = True  # as the other backend does; rewards are cents
        self._env: StreetEnv = self.experiment.collector.env.base_env
        self._start_at_first_action()
        self._check_networks()

    def _algorithm(self) -> Any:
        train = self.plan.train
        name = train.algorithm.capitalize()
        config = getattr(algorithms, f"{name}Config").get_from_yaml()
        wanted = dict(train.options)
        if train.algorithm in _ON_POLICY:
            # from the start most actions lie inside [-1, 1]: at the caps, prices teach nothing
            exploration = {"use_tanh_normal": False, "scale_mapping": "biased_softplus_0.22"}
            wanted = {"lmbda": train.gae_lambda, "entropy_coef": train.entropy, **exploration, **wanted}
        for key, value in wanted.items():
            if not hasattr(config, key):
                known = ", ".join(sorted(vars(config)))
                raise ConfigError(f"train.options: {train.algorithm} has no setting {key!r}; it has {known}")
            setattr(config, key, value)
        return config

    def _settings(self, folder: str) -> Any:
        plan, train = self.plan, self.plan.train
        config = ExperimentConfig.get_from_yaml()
        config.sampling_device = config.train_device = config.buffer_device = train.device
        config.lr, config.gamma = train.learning_rate, train.gamma
        config.max_n_iters, config.max_n_frames = plan.num_updates, None
        config.on_policy_collected_frames_per_batch = config.off_policy_collected_frames_per_batch = plan.frames
        config.on_policy_n_envs_per_worker = config.off_policy_n_envs_per_worker = train.num_markets
        config.on_policy_n_minibatch_iters = train.epochs
        config.on_policy_minibatch_size = max(1, plan.frames // train.minibatches)
        config.off_policy_n_optimizer_steps = max(1, train.epochs * plan.frames // 100)
        config.off_policy_memory_size = max(20 * plan.frames, 10_000)
        config.evaluation, config.render, config.loggers, config.create_json = False, False, [], False
        config.evaluation_episodes, config.save_folder = 1, folder
        return config

    def advance(self) -> Update:
        """Collect whole episodes, and learn from them once."""
        began = self._env.seconds
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library's own
            self.experiment.advance()
        steps = self.experiment.total_frames * len(self.plan.agents)
        return Update(steps, self.watch.reward, self._env.seconds - began)

    def policy(self) -> LearnedPolicy:
        """What has been learned, without exploration."""
        networks = {}
        for group in self.experiment.group_map:
            network = self._network(group)
            if self.plan.train.algorithm in ("ippo", "mappo", "masac", "isac") and self._is_continuous:
                half = network.biases[-1].size // 2  # the other half is the logarithm of the spread
                network = Network(
                    (*network.weights[:-1], network.weights[-1][:, :half]),
                    (*network.biases[:-1], network.biases[-1][:half]),
                )
            scaling = self.plan.scaling
            networks[group] = network if scaling is None else scaling.folded(network)
        groups = {group: tuple(members) for group, members in self.experiment.group_map.items()}
        return self.plan.learned(networks, groups, self._head, self.experiment.total_frames * len(self.plan.agents))

    @property
    def _is_continuous(self) -> bool:
        return self.plan.controller.model.scenario.action_map.levels is None

    @property
    def _head(self) -> str:
        if not self._is_continuous:
            return "choice"
        return "tanh" if getattr(self.experiment.algorithm_config, "use_tanh_normal", True) else "clip"

    def _start_at_first_action(self) -> None:
        first = self.plan.first_action
        if first is None:
            return
        bias = first if self._head == "clip" else np.arctanh(_NEAR_THE_CAP * first)
        for policy in self.experiment.group_policies.values():
            weights, biases = (
                [values for name, values in policy.named_parameters() if name.endswith(kind)][-1].data
                for kind in ("weight", "bias")
            )
            weights *= _SMALL
            biases[..., : len(bias)].copy_(torch.from_numpy(bias))
            biases[..., len(bias) :] = 0.0

    def _network(self, group: str) -> Network:
        """The layers of a group's policy, in order."""
        tensors = dict(self.experiment.group_policies[group].state_dict())
        weights = [name for name in tensors if name.endswith("weight")]
        return Network(
            tuple(_numbers(tensors[name]).T.copy() for name in weights),
            tuple(_numbers(tensors[name.removesuffix("weight") + "bias"]) for name in weights),
        )

    def _check_networks(self) -> None:
        """The policy in NumPy does what BenchMARL's own does; a layout that is not understood is told at once."""
        with torch.no_grad(), set_exploration_type(ExplorationType.DETERMINISTIC):
            seen = self.experiment.test_env.reset()
            acted = self.experiment.policy(seen.clone())
        policy = self.policy()
        observations = np.empty((1, len(policy.agents), len(policy.features)), dtype=np.float32)
        expected = np.empty((1, len(policy.agents), *self.plan.controller.model.scenario.action_map.shape))
        for group, members in policy.groups.items():
            places = [policy.agents.index(name) for name in members]
            observations[:, places] = seen[group, "observation"].cpu().numpy()
            expected[:, places] = acted[group, "action"].cpu().numpy()
        if self.plan.scaling is not None:
            observations = self.plan.scaling.undone(observations)
        found = policy(observations)
        if self._head == "clip":
            expected = expected.clip(-1.0, 1.0)  # as the street does with actions beyond
        if not np.allclose(found, expected, atol=1e-4):
            raise ConfigError(
                f"the network of algorithm {self.plan.train.algorithm!r} cannot be written as a learned policy: its "
                f"actions differ by up to {np.abs(found - expected).max():.2g}"
            )

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to go on."""
        optimizers = {
            group: {name: optimizer.state_dict() for name, optimizer in losses.items()}
            for group, losses in self.experiment.optimizers.items()
        }
        return {
            "experiment": self.experiment.state_dict(),
            "optimizers": optimizers,
            "num_resets": self._env.num_resets,
            "torch": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.experiment.load_state_dict(state["experiment"])
        for group, losses in state["optimizers"].items():
            for name, values in losses.items():
                self.experiment.optimizers[group][name].load_state_dict(values)
        self._env.num_resets = state["num_resets"] - 1  # the last reset is done again
        self.experiment.collector.reset()
        torch.set_rng_state(state["torch"])

    def close(self) -> None:
        """Close the collector, and remove the folder that BenchMARL asks for."""
        super(_Stepwise, self.experiment).close()
        self._folder.cleanup()


def _numbers(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy().astype(np.float32)
