"""The search space: equally wide, in factors, for every arm."""

from __future__ import annotations

import optuna

from study.spec import Arm, LrPolicy
from study.training.defaults import default_hyper

#: Each rate may move by this factor to both sides of its default.
BREADTH = 30.0


def distributions(arm: Arm) -> dict[str, optuna.distributions.BaseDistribution]:
    """What is searched: the rate, and its decay from stage to stage where there is one.

    Weight decay is left out: its time constant, 1/(rate × decay) steps, is longer than any trial.
    """
    base = default_hyper(arm).lr
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "lr": optuna.distributions.FloatDistribution(base / BREADTH, base * BREADTH, log=True),
    }
    if arm.lr_policy is LrPolicy.DISCRIMINATIVE:
        space["lr_decay"] = optuna.distributions.FloatDistribution(1.2, 5.0)
    return space
