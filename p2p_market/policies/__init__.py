"""Scripted bidders: what a household asks or offers, from what it knows and remembers."""

from p2p_market.policies.adaptive_aggressive import AdaptiveAggressive
from p2p_market.policies.base import BidView, Memory, Outcome, Policy, PublishedBook, Rule
from p2p_market.policies.best_response import BestResponse
from p2p_market.policies.bidding import grid_only, truthful, zero_intelligence, zi_unconstrained
from p2p_market.policies.followers import Followers
from p2p_market.policies.gd import GjerstadDickhaut
from p2p_market.policies.linear import Linear
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
    },
)

__all__ = ["POLICIES", "BidView", "Followers", "Memory", "Outcome", "Policy", "PublishedBook", "Rule"]
