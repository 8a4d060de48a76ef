"""Joins a trunk of the study to a small head that can be trained in a minute and thrown away.

Through VGG11's own fc6 and fc7 the pretext is not learnt at all at this scale (ADR 0005), so the
head is one linear layer on the global maximum of the last map; GoogLeNet keeps its average pool.
The convolutions start by He's rule: torchvision's start for GoogLeNet (standard deviation 0.01)
makes every step far too large relative to the weights, and the pretext is learnt half as fast.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from study.models import build
from study.models.network import Network
from study.pretraining.batchnorm import fold_batchnorm, with_batchnorm
from study.spec import ModelName


class PretextNetwork(nn.Module):
    """A one-channel trunk (scratch, from `seed`) and a linear head over `categories` classes."""

    def __init__(self, model: ModelName, categories: int, seed: int) -> None:
        super().__init__()
        network = build(model, weights=None, resolution=32, fold=True, seed=seed)
        # Kept out of the module tree: its classifier is neither trained nor saved here.
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
        """What the trained part is to a whole network; see `study.models.Weights`."""
        return "network" if self._plain is None else "trunk"

    def forward(self, x: Tensor) -> Tensor:
        features = self.trunk(x)
        if features.dim() == 4:
            features = features.amax((2, 3))
        return cast(Tensor, self.head(features))

    def finished(self) -> Network:
        """The ordinary network whose trunk was trained. Call once: lent BatchNorms are folded."""
        if self._plain is not None:
            fold_batchnorm(cast(nn.Sequential, self.trunk))
        return self._network[0].eval()


class _Features(nn.Module):
    """`network.features` as a module; the study's output layer gets no gradient."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.features(x)


def _convolutions(network: Network) -> nn.Sequential:
    for module in network.modules():
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.Conv2d):
            return module
    raise TypeError(f"{network.model} has neither BatchNorm nor a plain sequence of convolutions")


def _last_width(layers: nn.Sequential) -> int:
    return [layer for layer in layers if isinstance(layer, nn.Conv2d)][-1].out_channels
