"""Mechanisms side by side: the same streets, days and bidders under each, with paired statistics."""

from p2p_market.comparison.plan import ComparisonConfig, load_comparison
from p2p_market.comparison.study import ComparisonResults, compare

__all__ = ["ComparisonConfig", "ComparisonResults", "compare", "load_comparison"]
