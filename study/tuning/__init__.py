"""Hyperparameter search: what may be chosen, and who proposes it."""

from study.tuning.search import Search
from study.tuning.space import default_hyper

__all__ = ["Search", "default_hyper"]
