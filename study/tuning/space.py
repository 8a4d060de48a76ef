"""The search space and its defaults: equally wide, in factors, for every arm."""

from __future__ import annotations

import optuna

from study.spec import Arm, HyperParams, LrPolicy, ModelName, Scope

#: Howard & Ruder 2018, section 3.2.
LR_DECAY = 2.6
#: Each rate may move by this factor to both sides of its default.
BREADTH = 10.0
_DEFAULT_LR = {
    (ModelName.VGG11, Scope.FULL): 3e-4,
    (ModelName.GOOGLENET, Scope.FULL): 2e-3,
    (ModelName.VGG11, Scope.FROZEN): 1e-3,
    (ModelName.GOOGLENET, Scope.FROZEN): 3e-3,
}


def default_hyper(arm: Arm) -> HyperParams:
    """The first trial of every arm, and what is used where no tuning fits the budget."""
    return HyperParams(
        lr=_DEFAULT_LR[arm.model, arm.scope],
        lr_decay=LR_DECAY if arm.lr_policy is LrPolicy.DISCRIMINATIVE else None,
    )


def distributions(arm: Arm) -> dict[str, optuna.distributions.BaseDistribution]:
    base = default_hyper(arm).lr
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "lr": optuna.distributions.FloatDistribution(base / BREADTH, base * BREADTH, log=True),
        "weight_decay": optuna.distributions.FloatDistribution(1e-4, 0.1, log=True),
        "label_smoothing": optuna.distributions.FloatDistribution(0.0, 0.1),
    }
    if arm.lr_policy is LrPolicy.DISCRIMINATIVE:
        space["lr_decay"] = optuna.distributions.FloatDistribution(1.2, 5.0)
    return space
