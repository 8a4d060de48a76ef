"""Adapts a torchvision network that needs no class of its own: its descriptor names the parts."""

from __future__ import annotations

from functools import cache
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models import get_model

from study.models.adapt import fold_normalisation
from study.models.network import Network, Stage
from study.networks import NETWORKS, Layers, ModelName


class TorchvisionNetwork(Network):
    """Adapts a torchvision network to the study's images and classes.

    Its first convolution has no bias and is followed by batch normalisation. ImageNet's normalisation is
    folded into both: the scale into the weights, the shift into the running mean. The result is exact
    except at the border, where the zeros of the padding stand for another grey value.
    """

    layers: ClassVar[Layers]
    dropout_probability = 0.0

    def __init__(self, *, resolution: int, fold: bool, seed: int, classes: int, channels: int) -> None:
        super().__init__(resolution=resolution, fold=fold, seed=seed, classes=classes, channels=channels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.body = self.original()
            like = self.first_conv()
            self.body.set_submodule(self.layers.first, _first(like, channels))
        self.body.set_submodule(self.layers.head, nn.Identity())
        self.original_parameters = sum(parameter.numel() for parameter in self.parameters())

    def features(self, x: Tensor) -> Tensor:
        pooled: Tensor = self.body(x)
        return pooled

    def first_conv(self) -> nn.Conv2d:
        layer = self.body.get_submodule(self.layers.first)
        assert isinstance(layer, nn.Conv2d)
        return layer

    @classmethod
    def original(cls) -> nn.Module:
        network: nn.Module = get_model(cls.descriptor.builder, weights=None)
        return network

    @classmethod
    def adapt_first(cls, state: dict[str, Tensor], channels: int) -> None:
        """Folds ImageNet's normalisation into the first layer of a three-channel state dict, in place."""
        weight, mean = f"{cls.layers.first}.weight", f"{cls.layers.norm}.running_mean"
        state[weight], shift = fold_normalisation(state[weight], torch.zeros_like(state[mean]), channels)
        state[mean] = state[mean] - shift


@cache
def torchvision_network(model: ModelName) -> type[TorchvisionNetwork]:
    """Returns the class of a network from its descriptor."""
    descriptor = NETWORKS[model]
    layers = descriptor.layers
    if layers is None:
        raise TypeError(f"the descriptor of {model} names neither a class nor layers")
    stages = [Stage(name, tuple(f"body.{module}" for module in modules)) for name, modules in layers.stages]
    values = {
        "descriptor": descriptor,
        "layers": layers,
        "stages": (*stages, Stage("head", ("head",))),
        "map_modules": tuple(f"body.{name}" for name in layers.maps),
        "feature_size": layers.features,
        "first_layer": layers.first,
        "first_norm": layers.norm,
        "renames": (("body.", ""), ("head.", f"{layers.head}.")),
        "table_layers": ("",),
    }
    name = "".join(sign for sign in descriptor.title if sign.isalnum())  # TorchScript reads it
    return type(name, (TorchvisionNetwork,), values)


def _first(like: nn.Conv2d, channels: int) -> nn.Conv2d:
    """Creates a convolution with the same form for so many channels, initialised by He's rule."""
    layer = nn.Conv2d(
        channels,
        like.out_channels,
        like.kernel_size,  # type: ignore[arg-type]
        stride=like.stride,  # type: ignore[arg-type]
        padding=like.padding,  # type: ignore[arg-type]
        bias=False,
    )
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
