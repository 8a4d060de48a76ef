"""Defines the search space, which is equally wide for every arm (as a factor of the default)."""

from __future__ import annotations

import optuna

from study.spec import Arm, LrPolicy
from study.training.defaults import default_hyper

#: A rate lies between its default divided and multiplied by this factor.
BREADTH = 30.0


def distributions(arm: Arm) -> dict[str, optuna.distributions.BaseDistribution]:
    """Returns the searched hyperparameters: the rate and, for discriminative rates, its decay.

    Weight decay is not searched, because its time constant of 1/(rate × decay) steps is longer than any
    trial.
    """
    base = default_hyper(arm).lr
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "lr": optuna.distributions.FloatDistribution(base / BREADTH, base * BREADTH, log=True),
    }
    if arm.lr_policy is LrPolicy.DISCRIMINATIVE:
        space["lr_decay"] = optuna.distributions.FloatDistribution(1.2, 5.0)
    return space
