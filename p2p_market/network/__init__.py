"""The network between the households: feeders with limits, and what lines lose of the energy that is traded.

Pure functions of arrays with a leading market axis; docs/network.md has the rules in formulas.
"""

from p2p_market.network.feeders import Feeders, assign_feeders
from p2p_market.network.losses import LossShares, lost_energy
from p2p_market.network.network import LimitedLoad, Network, NetworkOutcome
from p2p_market.network.rules import FEEDER_RULES, FeederRule, Response

__all__ = [
    "FEEDER_RULES",
    "FeederRule",
    "Feeders",
    "LimitedLoad",
    "LossShares",
    "Network",
    "NetworkOutcome",
    "Response",
    "assign_feeders",
    "lost_energy",
]
