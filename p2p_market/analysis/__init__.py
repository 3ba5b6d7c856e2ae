"""Truthfulness measured: what a household can gain by misreporting, and how that falls with the size of the market.

`p2p_market.analysis.zero_intelligence` measures what a market achieves whose traders draw prices at random.
"""

from p2p_market.analysis.best_response import BestResponse, best_response
from p2p_market.analysis.regret import regret

__all__ = ["BestResponse", "best_response", "regret"]
