"""Measuring players on tasks: the same episodes for everybody, beside the same references."""

from p2p_market.evaluation.measuring import evaluate
from p2p_market.evaluation.results import EvaluationResults

__all__ = ["EvaluationResults", "evaluate"]
