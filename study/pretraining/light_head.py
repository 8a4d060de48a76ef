"""Joins a trunk of the study to a small head that trains within a minute and is then discarded.

The head is one linear layer on the global maximum of VGG11's last map, or on GoogLeNet's average pool.
Through VGG11's own fc6 and fc7 the pretext task is not learnt at all at this scale (ADR 0005).

Convolutions are initialised by He's rule. torchvision's initialisation of GoogLeNet (standard deviation
0.01) makes every step far too large relative to the weights, and the pretext task is learnt half as fast.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from study.models import build
from study.models.network import Network
from study.networks import ModelName
from study.pretraining.batchnorm import fold_batchnorm, with_batchnorm


class PretextNetwork(nn.Module):
    """A one-channel trunk with random initial weights and a linear head."""

    def __init__(self, model: ModelName, categories: int, seed: int) -> None:
        """
        Args:
            model: the network that provides the trunk.
            categories: number of classes of the pretext task.
            seed: of the initial weights.
        """
        super().__init__()
        network = build(model, weights=None, resolution=32, fold=True, seed=seed)
        # The list hides the network from nn.Module: its classifier is neither trained nor saved here.
        self._network = [network]
        self._plain: nn.Sequential | None = None
        if any(isinstance(module, nn.BatchNorm2d) for module in network.modules()):
            self.trunk: nn.Module = _Features(network)
            width = network.feature_size
        else:
            self._plain = _convolutions(network)
            self.trunk = with_batchnorm(self._plain)
            width = _last_width(self._plain)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for module in self.trunk.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            self.head = nn.Linear(width, categories)

    @property
    def covers(self) -> str:
        """The part of the network that is trained, ``network`` or ``trunk``; see `study.models.Weights`."""
        return "network" if self._plain is None else "trunk"

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x)
        if features.dim() == 4:
            features = features.amax((2, 3))
        return cast(Tensor, self.head(features))

    def finished(self) -> Network:
        """Folds the added BatchNorm layers and returns the ordinary network in evaluation mode.

        It may be called only once, after training.
        """
        if self._plain is not None:
            fold_batchnorm(cast(nn.Sequential, self.trunk))
        return self._network[0].eval()


class _Features(nn.Module):
    """Wraps `network.features` as a module; the network's own output layer gets no gradient."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.features(x)


def _convolutions(network: Network) -> nn.Sequential:
    """Returns the network's sequence of convolutions."""
    for module in network.modules():
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            return module
    raise TypeError(f"{network.model} has neither BatchNorm nor a plain sequence of convolutions")


def _last_width(layers: nn.Sequential) -> int:
    return [layer for layer in layers if isinstance(layer, nn.Conv2d)][-1].out_channels
