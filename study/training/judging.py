"""Decides on how many images runs are evaluated; all runs of a rung use the same images.

A forward pass takes about a fifth of a training step (docs/performance.md), so that evaluation takes at
most 15 % of the seconds of a full run at every rung (tests/training/test_judging.py). All sets are nested
and balanced by class: a longer run is evaluated on the images of a shorter one and on more.
"""

from __future__ import annotations

from dataclasses import dataclass

from study.datasets import DatasetDescriptor
from study.spec import Purpose, RunSpec


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Numbers of images for training accuracy, validation, test, and BatchNorm's statistics."""

    train: int
    validation: int
    test: int
    settling: int

    def within(self, data: DatasetDescriptor) -> Judged:
        """Returns the numbers of images of a data set that may have fewer."""
        return Judged(
            train=min(self.train, data.train_images),
            validation=min(self.validation, data.validation_images),
            test=min(self.test, data.test_images),
            settling=min(self.settling, data.train_images),
        )

    @property
    def total(self) -> int:
        """The number of images that pass through the network without training it."""
        return self.train + self.validation + self.test + self.settling


#: More images than a data set has.
ALL = 10**9
#: A shorter training is judged on at most so many test images, which are all of FashionMNIST.
MOST_TEST = 10_000
#: Pairs of (smallest rung, numbers of images from there on).
_STEPS = (
    (64_000, Judged(train=2_000, validation=5_000, test=MOST_TEST, settling=1_024)),
    (32_000, Judged(train=1_000, validation=2_000, test=MOST_TEST, settling=1_024)),
    (16_000, Judged(train=500, validation=1_000, test=5_000, settling=1_024)),
    (8_000, Judged(train=250, validation=1_000, test=2_000, settling=1_024)),
    (4_000, Judged(train=100, validation=500, test=1_000, settling=512)),
    (0, Judged(train=100, validation=500, test=500, settling=512)),
)
#: A trial is evaluated on at least so many validation images and on nothing else.
LEAST_OF_TRIALS = 1_000
#: From this number of samples on, a champion is evaluated on all validation images and on so many training
#: images.
LONG_CHAMPION, LONG_TRAIN = 200_000, 5_000


def judged(spec: RunSpec) -> Judged:
    """Returns the numbers of images for the evaluation of a run."""
    return _wanted(spec).within(spec.data)


def _wanted(spec: RunSpec) -> Judged:
    """Returns the numbers of images for a data set that has enough."""
    found = next(sizes for least, sizes in _STEPS if spec.rung >= least)
    if spec.purpose is Purpose.TRIAL:
        validation = max(LEAST_OF_TRIALS, found.validation)
        return Judged(train=0, validation=validation, test=0, settling=found.settling)
    if spec.purpose is Purpose.CHAMPION:
        long = spec.rung >= LONG_CHAMPION
        return Judged(
            train=LONG_TRAIN if long else 2_000,
            validation=ALL if long else 2_000,
            test=ALL if long else MOST_TEST,
            settling=1_024,
        )
    return found
