"""Scripted bidders: what a household asks or offers, from what it knows and remembers."""

from collections.abc import Mapping
from typing import Any

from p2p_market.errors import ConfigError
from p2p_market.policies.adaptive_aggressive import AdaptiveAggressive
from p2p_market.policies.base import BidView, Memory, Outcome, Policy, PublishedBook, Rule
from p2p_market.policies.best_response import BestResponse
from p2p_market.policies.bidding import MarginalValue, grid_only, truthful, zero_intelligence, zi_unconstrained
from p2p_market.policies.followers import Followers
from p2p_market.policies.gd import GjerstadDickhaut
from p2p_market.policies.linear import Linear
from p2p_market.policies.on_observations import MadeOfController, ObservingPolicy
from p2p_market.policies.planners import PLANNERS, Planner
from p2p_market.policies.storage import STORAGE_RULES
from p2p_market.policies.zip import Zip
from p2p_market.registry import Registry

POLICIES: Registry[Policy] = Registry(
    "policy",
    {
        "grid_only": Rule(grid_only),
        "truthful": Rule(truthful),
        "zero_intelligence": Rule(zero_intelligence, num_draws=1),
        "zi_unconstrained": Rule(zi_unconstrained, num_draws=1),
        "zip": Zip(),
        "gd": GjerstadDickhaut(),
        "adaptive_aggressive": AdaptiveAggressive(),
        "linear": Linear(),
        "best_response": BestResponse(),
        "marginal_value": MarginalValue(),
    },
)

# what planners for the street, and for each household alone, would have to see
_UNSEEN = {
    True: "with the meters of all neighbours",
    False: "with its battery's efficiencies and wear, and feed-in prices to come",
}


def as_callable(
    policy: str,
    env: MadeOfController,
    *,
    storage: str = "idle",
    agent: str | None = None,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> ObservingPolicy:
    """Make a policy that bids from observations of an environment: the third way to use one.

    The observation's features give the own net load, the tariff, the band (under one plan for all, the own tariff) and
    the last price; the price that the policy bids becomes the action that says it, to within a float32, so that on the
    market's tick it may be one tick less.

    Parameters
    ----------
    policy
        Name of a registered policy.
    env
        The `AuctionEnv` or `AuctionVectorEnv` that the observations come from.
    storage
        Storage rule that steers the own battery, where the action map can say so; see docs/storage.md.
    agent
        Name of the one agent whose observations it is asked with; ``None``: those of all agents of ``env`` together. A
        storage rule has to know, since it knows the agent's own battery.
    options
        Options of the policy, by name.
    seed
        Seed of what the policy draws; give every agent its own.

    Returns
    -------
    ObservingPolicy
        To be called ``act(observation, info)``; ``act.reset()`` at the start of an episode lets it forget.

    Raises
    ------
    UnknownNameError
        For a policy or a storage rule that is not registered.
    ConfigError
        For options that the policy does not take, features that do not suffice, an agent that ``env`` does not have, an
        action map that steers no battery, a storage rule that plans, or an environment of another make.

    Examples
    --------
    >>> import p2p_market
    >>> from p2p_market.policies import as_callable
    >>> env = p2p_market.parallel_env(num_households=4)
    >>> observations, infos = env.reset(seed=1)
    >>> players = {agent: as_callable("zip", env, seed=place) for place, agent in enumerate(env.agents)}
    >>> actions = {agent: players[agent](observations[agent], infos[agent]) for agent in env.agents}
    >>> observations, rewards, *_, infos = env.step(actions)
    """
    for name in (policy, storage):
        if name in PLANNERS:
            raise ConfigError(
                f"{name!r} is a storage rule that plans {_UNSEEN[PLANNERS[name].together]}, which no observation shows;"
                f" let it play as population.storage: {name}, beside any policy that bids"
            )
    chosen = POLICIES[policy].with_options(policy, options or {})
    if not hasattr(env, "controller"):
        raise ConfigError(
            f"env is {type(env).__name__}; expected what p2p_market.parallel_env(...) or vector_env(...) makes, "
            "from inside any wrappers"
        )
    rule = STORAGE_RULES[storage]
    assert not isinstance(rule, Planner)  # noqa: S101 - those have been refused
    return ObservingPolicy(policy, chosen, env, seed, None if storage == "idle" else (storage, rule), agent)


__all__ = [
    "POLICIES",
    "BidView",
    "Followers",
    "Memory",
    "ObservingPolicy",
    "Outcome",
    "Policy",
    "PublishedBook",
    "Rule",
    "as_callable",
]
