"""Hyperparameter search: what may be chosen, and who proposes it."""

from study.tuning.ladder import best, edge
from study.tuning.search import Search

__all__ = ["Search", "best", "edge"]
