"""Chooses how much pre-training fits into a number of seconds.

Recipes come from a coarse ladder, so that studies of equal budgets can share cached checkpoints.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from study.errors import UsageError
from study.networks import NETWORKS, ModelName

VERSION = 1
"""Must be raised when the code changes the result of a recipe, to exclude old cached checkpoints."""
RENDERED_PER_SECOND = 6_000.0
"""Fractals of 32×32 pixels drawn on two cores (measured: 10,000; a busy machine draws fewer)."""
OVERHEAD_SECONDS = 3.0
"""Seconds for building the network, folding, writing the checkpoint and the last evaluation."""
EVALUATION_SPEEDUP = 3.0
"""A forward pass takes about a third of the time of a training step."""
MOST_IMAGES = 102_400
MOST_SECONDS = 1_800.0
SOLID_FROM = 11_584
"""The smallest number of samples with thickened and filled shapes.

They transfer better but are learnt later: VGG11 passes its gate with 4,096 samples that are points only,
and fails it with 4,096 samples of which two thirds are solid.
"""
LADDER = tuple(round(4_096 * 2 ** (step / 4) / 64) * 64 for step in range(37))
"""Numbers of samples on offer, from 4,096 to 2,097,152, each 2^¼ times the previous one.

With larger factors the worker of one network waited for the other network's worker for up to 29 % of its
time. Measured speeds differ a little from day to day; because of the ladder, two studies of the same budget
still choose the same recipe and so find the cached checkpoint.
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings that determine the result of a pre-training, except for seed and precision.

    Attributes:
        model: the network.
        categories: fractal classes of the pretext task, above `gate`.
        instances: training images per class, at least 1.
        samples: images that pass through the network, repetitions included, at least 1.
        size: side of the images in pixels, at least 32.
        held_out: further images per class, which only the gate uses, at least 1.
        batch_size: at least 2.
        lr: peak learning rate of the one-cycle schedule (SGD, Nesterov momentum 0.9).
        weight_decay: of SGD.
        warm_up: share of the steps in which the learning rate rises, in (0, 1).
        solid: share of the images that are thickened or filled instead of points, in [0, 1].
        gate: the held-out accuracy must be at least this many times better than chance.
        evaluations: number of points of the curve, at least 1.
    """

    model: ModelName
    categories: int
    instances: int
    samples: int
    size: int = 32
    held_out: int = 8
    batch_size: int = 64
    lr: float = 0.05
    weight_decay: float = 5e-4
    warm_up: float = 0.2
    solid: float = 2 / 3
    gate: float = 10.0
    evaluations: int = 6

    def __post_init__(self) -> None:
        for name in ("instances", "samples", "held_out", "batch_size", "evaluations"):
            if getattr(self, name) < 1:
                raise UsageError(f"recipe: {name} must be at least 1, got {getattr(self, name)}")
        if self.categories <= self.gate:
            raise UsageError(
                f"recipe: {self.categories} categories cannot be learnt {self.gate:g} times "
                "better than chance; more categories are needed"
            )
        if self.size < 32:
            raise UsageError(f"recipe: size must be at least 32, got {self.size}")
        if self.batch_size < 2:
            raise UsageError("recipe: batch normalisation needs at least 2 pictures a batch")
        if not 0 < self.warm_up < 1:
            raise UsageError(f"recipe: warm_up must lie in (0, 1), got {self.warm_up}")
        if not 0 <= self.solid <= 1:
            raise UsageError(f"recipe: solid must lie in [0, 1], got {self.solid}")

    @property
    def hash(self) -> str:
        """16 hex digits that are equal in every process for equal recipes."""
        text = json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def images(self) -> int:
        """Number of training images that are drawn."""
        return self.categories * self.instances

    @property
    def chance(self) -> float:
        """Accuracy of random guesses."""
        return 1 / self.categories

    def predicted_seconds(self, images_per_second: float) -> float:
        """Predicts the seconds of the pre-training, including drawing and evaluations.

        Args:
            images_per_second: training speed.
        """
        evaluated = self.evaluations * self.held_out * self.categories / EVALUATION_SPEEDUP
        pixels = (self.size / 32) ** 2
        drawn = self.categories * (self.instances + self.held_out) * pixels
        return (
            OVERHEAD_SECONDS + drawn / RENDERED_PER_SECOND + (self.samples + evaluated) / images_per_second
        )


def recipe_of(model: ModelName, samples: int) -> Recipe:
    """Returns the recipe for a number of samples; the more samples, the more categories and images."""
    categories = 64
    while categories < 512 and samples >= 1_024 * categories:
        categories *= 2
    images = min(samples, MOST_IMAGES)
    return Recipe(
        model=model,
        categories=categories,
        instances=max(1, images // categories),
        samples=samples,
        solid=2 / 3 if samples >= SOLID_FROM else 0.0,
    )


def recipe_for(model: ModelName, seconds: float, images_per_second: float) -> Recipe:
    """Returns the largest recipe whose predicted seconds, including drawing, fit into `seconds`.

    Args:
        model: the network.
        seconds: time for this network; only the first 1,800 s are used.
        images_per_second: training speed, measured at 32×32 pixels with batch size 64 and the precision of
            the pre-training.

    Raises:
        UsageError: not even the smallest recipe fits, or the speed is not positive.
    """
    if not images_per_second > 0:
        raise UsageError(f"images_per_second must be positive, got {images_per_second}")
    offered = _offered(model)
    fitting = [
        recipe
        for recipe in offered
        if recipe.predicted_seconds(images_per_second) <= min(seconds, MOST_SECONDS)
    ]
    if not fitting:
        least = offered[0].predicted_seconds(images_per_second)
        raise UsageError(
            f"pre-training {model} needs at least {least:.0f} s at {images_per_second:.0f} "
            f"images/s; {seconds:.0f} s were given"
        )
    return fitting[-1]


def least_seconds(model: ModelName, images_per_second: float) -> float:
    """Predicts the seconds of a network's smallest recipe."""
    return _offered(model)[0].predicted_seconds(images_per_second)


def _offered(model: ModelName) -> list[Recipe]:
    """Returns the recipes of a network, the smallest first."""
    return [recipe_of(model, n) for n in LADDER if n >= NETWORKS[model].pretraining_samples]
