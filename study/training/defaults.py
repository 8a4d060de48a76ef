"""The recipe of every run, and the hyperparameters that every arm starts from (docs/recipe.md)."""

from __future__ import annotations

from dataclasses import replace

from study.spec import Arm, HyperParams, LrPolicy, ModelName, Recipe, Scope

#: Howard & Ruder 2018, section 3.2.
LR_DECAY = 2.6
RECIPE = Recipe()
#: Of a champion that passes the images so often that they need more variety.
LONG_RECIPE = Recipe(shift=0.0625, erase=0.25)
BATCH_SIZE = {ModelName.VGG11: 32, ModelName.GOOGLENET: 32}
#: Of a champion that sees so many samples: (from, images a batch). Larger batches are faster, most of all
#: on several threads, but a short training needs its steps.
CHAMPION_BATCHES = ((64_000, 128), (32_000, 64))
_DEFAULT_LR = {
    (ModelName.VGG11, Scope.FULL): 3e-4,
    (ModelName.GOOGLENET, Scope.FULL): 1e-3,
    (ModelName.VGG11, Scope.FROZEN): 1e-3,
    (ModelName.GOOGLENET, Scope.FROZEN): 3e-3,
}
#: Of runs that train the whole network.
LABEL_SMOOTHING = 0.1
#: The rate of a discriminative arm is that of its output layer; those below it are smaller.
DISCRIMINATIVE_FACTOR = 2.0


def default_hyper(arm: Arm) -> HyperParams:
    """The first trial of every arm, and what is used where no tuning fits the budget."""
    lr = _DEFAULT_LR[arm.model, arm.scope]
    if arm.scope is Scope.FROZEN:
        return HyperParams(lr=lr)
    full = HyperParams(lr=lr, label_smoothing=LABEL_SMOOTHING)
    if arm.lr_policy is LrPolicy.DISCRIMINATIVE:
        return replace(full, lr=lr * DISCRIMINATIVE_FACTOR, lr_decay=LR_DECAY)
    return full
