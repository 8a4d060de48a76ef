"""Searches hyperparameters: the search space, a ladder of rates, and Optuna."""

from study.tuning.ladder import best, edge
from study.tuning.search import Search

__all__ = ["Search", "best", "edge"]
