"""Training: a configuration in, a learned policy out, by the libraries that people already use."""

from p2p_market.training.run import TrainingResults, train

__all__ = ["TrainingResults", "train"]
