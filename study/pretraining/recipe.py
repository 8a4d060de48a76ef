"""Decides how much pre-training a number of seconds buys, in steps coarse enough to be cached."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

from study.errors import UsageError
from study.spec import ModelName

VERSION = 1
"""Raise it when the code changes what a recipe yields: old cached checkpoints are then not used."""
RENDERED_PER_SECOND = 6_000.0
"""Fractals of 32 × 32 pixels on two cores (measured: 10,000; a busy machine gives less)."""
OVERHEAD_SECONDS = 3.0
"""Building the network, folding, writing the checkpoint, the last evaluation."""
EVALUATION_SPEEDUP = 3.0
"""A forward pass costs about a third of a training step."""
MOST_IMAGES = 102_400
MOST_SECONDS = 1_800.0
LEAST_SAMPLES = {ModelName.VGG11: 4_096, ModelName.GOOGLENET: 8_192}
"""The fewest that were seen to pass the gate (docs/adr/0005)."""
SOLID_FROM = 11_584
"""Thick and filled shapes transfer better but are learnt later: VGG11 passes its gate with 4,096
points-only samples and fails it with 4,096 of which two thirds are solid."""
LADDER = tuple(round(4_096 * 2 ** (step / 4) / 64) * 64 for step in range(37))
"""Sizes on offer, 4,096 to 2,097,152 samples, each 2^¼ times the last: in wider steps one network's
worker waited up to 29 % of its seconds for the other's.

Measured speeds differ a little from day to day; only a ladder makes two studies of the same budget
ask for the same recipe, and so find the cached checkpoint.
"""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the outcome of a pre-training, apart from the seed and precision.

    Attributes:
        categories: fractal classes of the pretext task.
        instances: training pictures per class; held_out: further ones, only for the gate.
        size: side of a picture in pixels.
        samples: pictures that pass through the network, repeats counted.
        lr: peak of the one-cycle schedule (SGD, Nesterov momentum 0.9).
        warm_up: share of the steps in which the rate climbs.
        solid: share of the pictures that are drawn thick or filled and not as points.
        gate: how many times better than chance the held-out accuracy has to be.
        evaluations: points on the curve.
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
        """Equal recipes have equal hashes in every process and on every day."""
        text = json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def images(self) -> int:
        """Training pictures that are drawn."""
        return self.categories * self.instances

    @property
    def chance(self) -> float:
        return 1 / self.categories

    def predicted_seconds(self, images_per_second: float) -> float:
        """Cost at a training speed, picture drawing and evaluations included."""
        evaluated = self.evaluations * self.held_out * self.categories / EVALUATION_SPEEDUP
        pixels = (self.size / 32) ** 2
        drawn = self.categories * (self.instances + self.held_out) * pixels
        return (
            OVERHEAD_SECONDS
            + drawn / RENDERED_PER_SECOND
            + (self.samples + evaluated) / images_per_second
        )


def recipe_of(model: ModelName, samples: int) -> Recipe:
    """The recipe for a number of samples: more of them carry more categories and more pictures."""
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
    """The largest recipe whose predicted cost, drawing included, fits `seconds`.

    Args:
        model: the network to pre-train.
        seconds: all the time there is for this network (over 1,800 s is not used).
        images_per_second: measured training speed at 32 × 32 pixels, batch 64, and the precision
            that will be used.

    Raises:
        UsageError: not even the smallest recipe fits, so there is no point in starting.
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
    """Predicted cost of the smallest recipe of a network."""
    return _offered(model)[0].predicted_seconds(images_per_second)


def _offered(model: ModelName) -> list[Recipe]:
    """The recipes of a network, the smallest first."""
    return [recipe_of(model, n) for n in LADDER if n >= LEAST_SAMPLES[model]]
