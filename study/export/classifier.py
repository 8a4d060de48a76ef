"""Wraps a network so that it takes grey pictures and gives class probabilities."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from study.data import to_input
from study.models import Network

#: Names of input and output in an ONNX file.
INPUT, OUTPUT = "images", "probabilities"


class Classifier(nn.Module):
    """The preparation of the data set, a network in evaluation mode, and softmax.

    The preparation is inside, so that nobody who takes the exported file away can get it wrong.
    """

    def __init__(self, network: Network, resolution: int) -> None:
        """Wraps a network.

        Args:
            network: on the CPU.
            resolution: side of the network's input in pixels.
        """
        super().__init__()
        self.network, self.resolution = network.eval(), resolution

    def forward(self, images: Tensor) -> Tensor:
        """Returns class probabilities, float32 [N, 10], of pictures, uint8 [N, 28, 28]."""
        # Not `self.network(x)`: ONNX has no counterpart of its autocast region, which does nothing here.
        features = self.network.features(to_input(images, self.resolution))
        probabilities: Tensor = self.network.head(features).softmax(1)
        return probabilities


def example() -> Tensor:
    """Returns pictures to trace with; with a single one the number of pictures would become fixed."""
    return torch.zeros(2, 28, 28, dtype=torch.uint8)
