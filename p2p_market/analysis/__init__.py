"""Truthfulness measured: what a household can gain by misreporting, and how that falls with the size of the market."""

from p2p_market.analysis.best_response import BestResponse, best_response
from p2p_market.analysis.regret import regret

__all__ = ["BestResponse", "best_response", "regret"]
