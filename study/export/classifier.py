"""Wraps a network so that it takes pictures as bytes and gives class probabilities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from study.data import to_input
from study.explain.stored_champion import StoredChampion

#: Names of input and output in an ONNX file.
INPUT, OUTPUT = "images", "probabilities"


class Classifier(nn.Module):
    """The preparation of the data set, a network in evaluation mode, and softmax.

    The preparation is inside, so that nobody who takes the exported file away can get it wrong.
    """

    def __init__(self, champion: StoredChampion) -> None:
        """Wraps the network of a champion."""
        super().__init__()
        self.network, self.resolution = champion.network.eval(), champion.resolution
        self.shape, self.classes = champion.data.shape, champion.data.classes

    def forward(self, images: Tensor) -> Tensor:
        """Returns class probabilities, float32 [N, C], of pictures, uint8 [N, side, side(, 3)]."""
        # Not `self.network(x)`: ONNX has no counterpart of its autocast region, which does nothing here.
        features = self.network.features(to_input(images, self.resolution))
        probabilities: Tensor = self.network.head(features).softmax(1)
        return probabilities

    def example(self) -> Tensor:
        """Returns pictures to trace with; with a single one the number of pictures would become fixed."""
        return torch.zeros(2, *self.shape, dtype=torch.uint8)
