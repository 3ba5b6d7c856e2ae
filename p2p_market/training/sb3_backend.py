"""Stable-Baselines3: proximal policy optimisation, all learners sharing one policy."""

from __future__ import annotations

from typing import Any

import numpy as np

from p2p_market.errors import ConfigError, require_extra
from p2p_market.integrations.stable_baselines3 import StreetVecEnv
from p2p_market.learned import LearnedPolicy, Network
from p2p_market.randomness import episode_seed
from p2p_market.training.plan import TrainingPlan, Update

try:
    import torch
    from stable_baselines3 import PPO
except ImportError as error:
    raise require_extra("stable_baselines3", "train", "train.backend sb3") from error


class StableBaselines3Learner:
    """PPO whose every update has whole episodes, seeded by the training's seed and the update's number."""

    def __init__(self, plan: TrainingPlan) -> None:
        train = plan.train
        torch.set_num_threads(train.threads)
        self.plan = plan
        self.rows = StreetVecEnv(
            plan.street, num_markets=train.num_markets, episodes_end=train.episodes_end, scaling=plan.scaling
        )
        steps = plan.horizon * train.episodes
        options = dict(train.options)
        # from the start most actions lie inside [-1, 1]: at the caps, prices teach nothing
        network = {"log_std_init": options.pop("log_std_init", -1.5), "net_arch": list(train.hidden)}
        settings = {
            "n_steps": steps,
            "batch_size": max(1, steps * self.rows.num_envs // train.minibatches),
            "n_epochs": train.epochs,
            "learning_rate": train.learning_rate,
            "gamma": train.gamma,
            "gae_lambda": train.gae_lambda,
            "ent_coef": train.entropy,
            "policy_kwargs": {"activation_fn": torch.nn.Tanh, **network},
            "seed": train.seed,
            "device": train.device,
            **options,
        }
        try:
            self.model = PPO("MlpPolicy", self.rows, **settings)
        except TypeError as error:  # a keyword that it does not have
            raise ConfigError(f"train.options: {error}") from None
        if plan.first_action is not None:
            with torch.no_grad():
                self.model.policy.action_net.bias.copy_(torch.from_numpy(plan.first_action))
        self.num_updates = 0

    def advance(self) -> Update:
        """Collect whole episodes, and learn from them once."""
        began = self.rows.seconds
        self.rows.seed(episode_seed(self.plan.train.seed, self.num_updates))
        self.model._last_obs = None  # noqa: SLF001 - so that it resets, which it has no other way to be told
        self.model.learn(self.model.n_steps * self.rows.num_envs, reset_num_timesteps=False, log_interval=None)
        self.num_updates += 1
        finished = list(self.model.ep_info_buffer or [])[-self.rows.num_envs :]
        reward = float(np.mean([episode["r"] for episode in finished]))
        return Update(int(self.model.num_timesteps), reward, self.rows.seconds - began)

    def policy(self) -> LearnedPolicy:
        """What has been learned, without exploration."""
        policy = self.model.policy
        layers = [layer for layer in policy.mlp_extractor.policy_net if isinstance(layer, torch.nn.Linear)]
        layers.append(policy.action_net)
        network = network_of([(layer.weight, layer.bias) for layer in layers])
        if self.plan.scaling is not None:
            network = self.plan.scaling.folded(network)
        groups = {"household": self.plan.agents}
        return self.plan.learned({"household": network}, groups, "clip", int(self.model.num_timesteps))

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to go on."""
        return {
            "policy": self.model.policy.state_dict(),
            "optimizer": self.model.policy.optimizer.state_dict(),
            "num_timesteps": self.model.num_timesteps,
            "num_updates": self.num_updates,
            "torch": torch.get_rng_state(),
            "numpy": np.random.get_state(),  # noqa: NPY002 - what Stable-Baselines3 shuffles with
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.model.policy.load_state_dict(state["policy"])
        self.model.policy.optimizer.load_state_dict(state["optimizer"])
        self.model.num_timesteps = state["num_timesteps"]
        self.model._n_updates = state["num_updates"] * self.plan.train.epochs  # noqa: SLF001 - for its logs
        self.num_updates = state["num_updates"]
        torch.set_rng_state(state["torch"])
        np.random.set_state(state["numpy"])  # noqa: NPY002 - the same

    def close(self) -> None:
        """Nothing is held."""


def network_of(layers: list[tuple[Any, Any]]) -> Network:
    """A network of NumPy from PyTorch's weights ``(outputs, inputs)`` and biases."""
    weights = tuple(weight.detach().cpu().numpy().T.astype(np.float32).copy() for weight, _ in layers)
    biases = tuple(bias.detach().cpu().numpy().astype(np.float32).copy() for _, bias in layers)
    return Network(weights, biases)
