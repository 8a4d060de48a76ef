"""Defines the adapted GoogLeNet: its stages, its input transform and its auxiliary heads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models import GoogLeNet as TorchvisionGoogLeNet
from torchvision.models import googlenet

from study.models.adapt import sum_channels
from study.models.network import Network, Stage
from study.networks.googlenet import DESCRIPTOR

_THIRD = ("inception3a", "inception3b")
_FOURTH = ("inception4a", "inception4b", "inception4c", "inception4d", "inception4e")
_FIFTH = ("inception5a", "inception5b")


class GoogLeNet(Network):
    """Adapts torchvision's GoogLeNet to the study's images and classes (Szegedy et al. 2015).

    `transform_input` is off for every init. torchvision switches it on for pretrained weights; together
    with ImageNet's normalisation it equals (g − 0.5)/0.5 exactly, which already is the input of the study,
    and it indexes channels that a grey image does not have. Auxiliary heads are off for every init
    too, because they would change loss and compute of only one side of a comparison.
    """

    descriptor = DESCRIPTOR
    feature_size = 1024
    dropout_probability = 0.2
    first_layer = "conv1.conv"
    renames = (("body.", ""), ("head.", "fc."))
    table_layers = ("conv1", "conv2", "conv3", "inception", "fc")
    stages = (
        Stage("conv1", ("body.conv1",)),
        Stage("conv2", ("body.conv2", "body.conv3")),
        Stage("inception3", tuple(f"body.{name}" for name in _THIRD)),
        Stage("inception4", tuple(f"body.{name}" for name in _FOURTH)),
        Stage("inception5", tuple(f"body.{name}" for name in _FIFTH)),
        Stage("head", ("head",)),
    )
    map_modules = tuple(f"body.{name}" for name in ("conv1", "conv3", *_THIRD, *_FOURTH, *_FIFTH))

    def __init__(self, *, resolution: int, fold: bool, seed: int, classes: int, channels: int) -> None:
        super().__init__(resolution=resolution, fold=fold, seed=seed, classes=classes, channels=channels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.body: TorchvisionGoogLeNet = googlenet(
                weights=None, aux_logits=False, transform_input=False, init_weights=False
            )
            self.body.conv1.conv = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
            for module in self.body.modules():  # does what init_weights=True does, without its warning
                if isinstance(module, nn.Conv2d):
                    nn.init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)
        self.body.fc = nn.Identity()
        self.body.dropout = nn.Identity()
        self.original_parameters = sum(parameter.numel() for parameter in self.parameters())

    def features(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.body(x)
        return pooled

    def first_conv(self) -> nn.Conv2d:
        layer = self.body.conv1.conv
        assert isinstance(layer, nn.Conv2d)
        return layer

    @classmethod
    def original(cls) -> nn.Module:
        network: nn.Module = googlenet(
            weights=None, aux_logits=False, transform_input=False, init_weights=False
        )
        return network

    @classmethod
    def adapt_first(cls, state: dict[str, Tensor], channels: int) -> None:
        """Sums the RGB weights of the first layer for one channel, in place; three need no change."""
        if channels == 1:
            state["conv1.conv.weight"] = sum_channels(state["conv1.conv.weight"])
