"""The data, splits, runtime, weights and cached features that the runs in a process share."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from torch import Tensor

from study.data import LabelledImages, Split, balanced_order, split
from study.models import Weights
from study.training.checkpoint import EVERY
from study.training.features import FeatureCache
from study.training.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What the runs in a process share; each process creates it once.

    Attributes:
        images: the data set.
        runtime: device, precision and threads.
        weights: pre-trained weights by network.
        folder: the results directory.
        seed: of the study; it fixes the order of the test images, and the split that pictures and the
            witness use. A run uses the split of its own seed.
        checkpoint_seconds: see `study.training.checkpoint`.
    """

    images: LabelledImages
    runtime: Runtime
    weights: dict[str, Weights]
    folder: Path
    seed: int = 0
    checkpoint_seconds: float = EVERY
    _splits: dict[int, Split] = field(default_factory=dict)

    @property
    def split(self) -> Split:
        return self.split_of(self.seed)

    def split_of(self, seed: int) -> Split:
        """Returns the training and validation images of runs with a seed."""
        if seed not in self._splits:
            self._splits[seed] = split(
                self.images.train_labels, seed=seed, validation=self.images.data.validation_images
            )
        return self._splits[seed]

    @cached_property
    def test_order(self) -> Tensor:
        """Indices of the test images, int64 [N]; a run is evaluated on a prefix."""
        return balanced_order(self.images.test_labels, seed=self.seed)

    @cached_property
    def features(self) -> FeatureCache:
        return FeatureCache(feature_folder(self.folder))


def feature_folder(results: Path) -> Path:
    """Returns the folder of cached features of frozen backbones."""
    return results / "checkpoints" / "features"
