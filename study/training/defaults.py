"""The recipe of all runs and the default hyperparameters of all arms (docs/recipe.md)."""

from __future__ import annotations

from dataclasses import replace

from study.datasets import DatasetDescriptor
from study.networks import NETWORKS
from study.spec import Arm, HyperParams, LrPolicy, Recipe, Scope

#: Howard & Ruder 2018, section 3.2.
LR_DECAY = 2.6
RECIPE = Recipe()
#: Recipe of a champion that sees each image so often that it needs more augmentation.
LONG_RECIPE = Recipe(shift=0.0625, erase=0.25)
#: Batch size of a champion: pairs of (smallest number of samples, batch size). Larger batches are faster,
#: above all with several threads, but a short training needs many steps.
CHAMPION_BATCHES = ((64_000, 128), (32_000, 64))
#: Label smoothing of runs that train the whole network.
LABEL_SMOOTHING = 0.1
#: Peak rates. For discriminative rates it is the rate of the output layer; lower stages have smaller ones.
DISCRIMINATIVE_FACTOR = 2.0


def recipe_for(data: DatasetDescriptor, recipe: Recipe = RECIPE) -> Recipe:
    """Returns a recipe without flips if a mirrored image of the data set may be of another class."""
    return recipe if data.flips else replace(recipe, flip=0.0)


def default_hyper(arm: Arm) -> HyperParams:
    """Returns the hyperparameters of an arm's first trial; without tuning they are used throughout."""
    network = NETWORKS[arm.model]
    if arm.scope is Scope.FROZEN:
        return HyperParams(lr=network.lr_frozen)
    full = HyperParams(lr=network.lr_full, label_smoothing=LABEL_SMOOTHING)
    if arm.lr_policy is LrPolicy.DISCRIMINATIVE:
        return replace(full, lr=full.lr * DISCRIMINATIVE_FACTOR, lr_decay=LR_DECAY)
    return full
