"""The hyperparameters that every arm starts from."""

from __future__ import annotations

from study.spec import Arm, HyperParams, LrPolicy, ModelName, Scope

#: Howard & Ruder 2018, section 3.2.
LR_DECAY = 2.6
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
