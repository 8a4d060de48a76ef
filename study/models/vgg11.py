"""Defines the adapted VGG11: its stages, its first layer, and the folding of fc6."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.vgg import VGG, cfgs, make_layers

from study.models.adapt import fold_normalisation
from study.models.network import Network, Stage
from study.networks.vgg11 import DESCRIPTOR

#: Width of fc6 and fc7, and number of positions of the 7×7 map that fc6 gets.
HIDDEN = 4096
POSITIONS = 49
#: The parameter that is folded.
FOLDED = "classifier.0.weight"


class VGG11(Network):
    """Adapts torchvision's VGG11 to the study's images and classes (Simonyan & Zisserman 2015).

    At 32×32 the last map is 512×1×1, and adaptive pooling copies it to 7×7. fc6 (``25088 → 4096``) then
    computes the same as a layer ``512 → 4096`` whose weights are summed over the 49 positions. With `fold`
    the network has this smaller layer; at other resolutions `fold` has no effect. The smaller layer trains
    like the large one if its learning rate is 49 times larger and its weight decay 49 times smaller
    (docs/adr/0004-fc6-fold.md).
    """

    descriptor = DESCRIPTOR
    feature_size = HIDDEN
    dropout_probability = 0.5
    first_layer = "features.0"
    renames = (("convolutions.", "features."), ("head.", "classifier.6."))
    table_layers = ("features.", "classifier.")
    beyond_trunk = ("head.", "classifier.")
    stages = (
        Stage("conv1", ("convolutions.0",)),
        Stage("conv2", ("convolutions.3",)),
        Stage("conv3", ("convolutions.6", "convolutions.8")),
        Stage("conv4", ("convolutions.11", "convolutions.13")),
        Stage("conv5", ("convolutions.16", "convolutions.18")),
        Stage("fc6", ("classifier.0",)),
        Stage("fc7", ("classifier.3",)),
        Stage("head", ("head",)),
    )
    map_modules = tuple(f"convolutions.{place}" for place in (1, 4, 7, 9, 12, 14, 17, 19))

    def __init__(self, *, resolution: int, fold: bool, seed: int, classes: int, channels: int) -> None:
        super().__init__(resolution=resolution, fold=fold, seed=seed, classes=classes, channels=channels)
        self.folded = fold and resolution == 32
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.convolutions = _convolutions()
            self.convolutions[0] = nn.Conv2d(channels, 64, 3, padding=1)
            for layer in self.convolutions:
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            torch.manual_seed(seed * 1009 + 3)
            self.classifier = _classifier(self.folded)
        self.avgpool = nn.Identity() if self.folded else nn.AdaptiveAvgPool2d((7, 7))
        if self.folded:
            self.multipliers = {FOLDED: (float(POSITIONS), 1 / POSITIONS)}
        small = 512 * HIDDEN
        total = sum(parameter.numel() for parameter in self.parameters())
        self.original_parameters = total + (small * (POSITIONS - 1) if self.folded else 0)

    def features(self, x: Tensor) -> Tensor:
        maps = self.avgpool(self.convolutions(x))
        hidden: Tensor = self.classifier(torch.flatten(maps, 1))
        return hidden

    def first_conv(self) -> nn.Conv2d:
        layer = self.convolutions[0]
        assert isinstance(layer, nn.Conv2d)
        return layer

    def packed(self, name: str, tensor: Tensor) -> Tensor:
        folds = self.folded and name == FOLDED and tensor.shape == (HIDDEN, 512 * POSITIONS)
        return fold_fc6(tensor) if folds else tensor

    def unpacked(self, name: str, tensor: Tensor) -> Tensor:
        return unfold_fc6(tensor) if self.folded and name == FOLDED else tensor

    @classmethod
    def original(cls) -> nn.Module:
        network: nn.Module = VGG(make_layers(cfgs["A"], batch_norm=False), init_weights=False)
        return network

    @classmethod
    def adapt_first(cls, state: dict[str, Tensor], channels: int) -> None:
        """Folds ImageNet's normalisation into the first layer of a three-channel state dict, in place."""
        weight, bias = fold_normalisation(state["features.0.weight"], state["features.0.bias"], channels)
        state["features.0.weight"], state["features.0.bias"] = weight, bias


def fold_fc6(weight: Tensor) -> Tensor:
    """Sums fc6's weights [4096, 25088] over the 49 positions; returns [4096, 512]."""
    return weight.reshape(HIDDEN, 512, POSITIONS).sum(2)


def unfold_fc6(weight: Tensor) -> Tensor:
    """Distributes folded weights [4096, 512] equally over the 49 positions; returns [4096, 25088].

    The unfolded layer computes the same as the folded one.
    """
    return (weight / POSITIONS).repeat_interleave(POSITIONS, dim=1)


def _convolutions() -> nn.Sequential:
    layers: nn.Sequential = make_layers(cfgs["A"], batch_norm=False)
    return layers


def _classifier(folded: bool) -> nn.Sequential:
    """Creates fc6 and fc7, initialised as in torchvision: weights from N(0, 0.01²), zero bias.

    The folded fc6 starts from N(0, 0.07²), the distribution of a sum of 49 such weights.
    """
    first = nn.utils.skip_init(nn.Linear, 512 if folded else 512 * POSITIONS, HIDDEN)  # type: ignore[no-untyped-call]
    second = nn.utils.skip_init(nn.Linear, HIDDEN, HIDDEN)  # type: ignore[no-untyped-call]
    nn.init.normal_(first.weight, 0, 0.01 * (POSITIONS**0.5 if folded else 1))
    nn.init.normal_(second.weight, 0, 0.01)
    nn.init.zeros_(first.bias)
    nn.init.zeros_(second.bias)
    return nn.Sequential(first, nn.ReLU(True), nn.Dropout(0.5), second, nn.ReLU(True))
