"""Measuring players on tasks: the same episodes for everybody, beside the same references."""

from p2p_market.evaluation.cross_play import CrossPlayResults, cross_play, zero_shot
from p2p_market.evaluation.measuring import evaluate
from p2p_market.evaluation.results import EvaluationResults

__all__ = ["CrossPlayResults", "EvaluationResults", "cross_play", "evaluate", "zero_shot"]
