"""Scripted bidders: functions from what a household knows to its limit price and quantity."""

from p2p_market.policies.base import BidView, Policy
from p2p_market.policies.bidding import grid_only, truthful, zero_intelligence
from p2p_market.registry import Registry

POLICIES: Registry[Policy] = Registry(
    "policy",
    {
        "grid_only": Policy(grid_only),
        "truthful": Policy(truthful),
        "zero_intelligence": Policy(zero_intelligence, uses_random_numbers=True),
    },
)

__all__ = ["POLICIES", "BidView", "Policy"]
