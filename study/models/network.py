"""Defines the base of the adapted networks: their input, a new output layer, stages in depth order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from study.networks import ModelName, NetworkDescriptor


@dataclass(frozen=True)
class Stage:
    """A part of a network between input and output.

    Attributes:
        name: of the stage.
        modules: names of its modules in the order of the forward pass.
    """

    name: str
    modules: tuple[str, ...]

    def holds(self, parameter: str) -> bool:
        """Returns whether the stage contains the parameter with this name."""
        return any(parameter.startswith(f"{prefix}.") for prefix in self.modules)


class Network(nn.Module, ABC):
    """Base class of the adapted networks; it computes ``forward(x) = head(dropout(features(x)))``.

    Attributes:
        descriptor: what the study knows of the network without PyTorch.
        stages: in depth order; the last one is the output layer.
        map_modules: names of modules in depth order whose outputs are feature maps, float [N, C, H, W].
        first_layer: torchvision's name of the convolution that processes the image.
        first_norm: torchvision's name of the batch normalisation whose running mean is adapted together
            with it; empty if there is none.
        renames: pairs (prefix in the study's network, prefix in torchvision's names); the first match
            wins, and the last pair is that of the output layer.
        table_layers: prefixes of torchvision's names of the layers in `study.models.layer_table`.
        beyond_trunk: prefixes of the parameters that pre-training on fractals does not provide.
        feature_size: number of features that the output layer gets.
        dropout_probability: of the dropout before the output layer, in [0, 1).
        original_parameters: number of parameters without folding.
        folded: whether a layer is folded.
        channels: of the images, 1 or 3.
        dropout: the layer before the output layer.
        head: the output layer.
        frozen_modules: names of modules that `train` keeps in evaluation mode.
        multipliers: factors of learning rate and weight decay by parameter name; (1, 1) for names that
            are missing.
    """

    descriptor: ClassVar[NetworkDescriptor]
    stages: ClassVar[tuple[Stage, ...]]
    map_modules: ClassVar[tuple[str, ...]]
    first_layer: ClassVar[str]
    first_norm: ClassVar[str] = ""
    renames: ClassVar[tuple[tuple[str, str], ...]]
    table_layers: ClassVar[tuple[str, ...]]
    beyond_trunk: ClassVar[tuple[str, ...]] = ("head.",)
    feature_size: ClassVar[int]
    dropout_probability: ClassVar[float]
    original_parameters: int

    def __init__(self, *, resolution: int, fold: bool, seed: int, classes: int, channels: int) -> None:
        """Creates the network with random initial values.

        Args:
            resolution: side of the images in pixels.
            fold: whether to fold the layers that can be folded.
            seed: of the initial values.
            classes: number of outputs of the output layer.
            channels: of the images, 1 or 3.
        """
        super().__init__()
        self.channels = channels
        self.dropout = nn.Dropout(self.dropout_probability)
        self.head = new_head(self.feature_size, seed, classes)
        self.frozen_modules: tuple[str, ...] = ()
        self.folded = False
        self.multipliers: dict[str, tuple[float, float]] = {}

    @classmethod
    @abstractmethod
    def original(cls) -> nn.Module:
        """Creates torchvision's network: three channels, 1000 classes, random or undefined values."""

    @classmethod
    @abstractmethod
    def adapt_first(cls, state: dict[str, Tensor], channels: int) -> None:
        """Adapts the first layer of a three-channel state dict with torchvision's names, in place.

        The layer then takes the study's input, (g − 0.5)/0.5, in one channel or in three.
        """

    def packed(self, name: str, tensor: Tensor) -> Tensor:
        """Converts torchvision's tensor of a parameter to the shape that it has in this network."""
        return tensor

    def unpacked(self, name: str, tensor: Tensor) -> Tensor:
        """Converts this network's tensor of a parameter to torchvision's shape."""
        return tensor

    @property
    def model(self) -> ModelName:
        """The name of the network."""
        return self.descriptor.name

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """Computes the output layer's input, float [N, feature_size], from images, float [N, C, R, R]."""

    @abstractmethod
    def first_conv(self) -> nn.Conv2d:
        """Returns the convolution that processes the image."""

    def forward(self, x: Tensor) -> Tensor:
        features = self.dropout(self.features(x))
        # The head computes in float32, because after `fold_standardisation` its terms nearly cancel.
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.head(features.float())
        return logits

    def stage_of(self, parameter: str) -> int:
        """Returns the index of the stage that contains the parameter.

        Raises:
            ValueError: no stage contains it, or several do.
        """
        holders = [index for index, stage in enumerate(self.stages) if stage.holds(parameter)]
        if len(holders) != 1:
            raise ValueError(f"{parameter} belongs to {len(holders)} stages of {self.model}, not to 1")
        return holders[0]

    @property
    def trainable_parameters(self) -> int:
        """Number of trainable parameters; a folded layer counts with its unfolded size."""
        own = dict(self.named_parameters())
        hidden = self.original_parameters - sum(p.numel() for p in own.values())
        found = sum(p.numel() for p in own.values() if p.requires_grad)
        return found + (hidden if all(own[name].requires_grad for name in self.multipliers) else 0)

    # [listing: freeze]
    def freeze(self, unfrozen_stages: int = 0) -> None:
        """Freezes everything but the output layer and the `unfrozen_stages` stages before it.

        Frozen modules are in evaluation mode. ``requires_grad=False`` alone is not enough, because
        BatchNorm would still update its statistics. A single ``.eval()`` is not enough either, because the
        parent's ``.train()`` undoes it; `train` therefore keeps the mode of frozen modules.
        """
        still = self.stages[: max(0, len(self.stages) - 1 - unfrozen_stages)]
        if unfrozen_stages:
            self.frozen_modules = tuple(name for stage in still for name in stage.modules)
        else:  # modules between the stages, such as dropout, are frozen too
            self.frozen_modules = tuple(n for n, _ in self.named_children() if n != "head")
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(not any(stage.holds(name) for stage in still))
        self.train(self.training)

    def train(self, mode: bool = True) -> Network:
        super().train(mode)
        for name in self.frozen_modules:
            self.get_submodule(name).train(False)
        return self

    # [/listing]

    def fold_standardisation(self, mean: Tensor, std: Tensor, trained: nn.Linear) -> None:
        """Sets the output layer to a head that was trained on (features − mean)/std.

        The output layer then gives the same logits on the plain features.

        Args:
            mean: float [feature_size].
            std: float [feature_size], above 0.
            trained: the head.
        """
        with torch.no_grad():
            weight = trained.weight / std
            self.head.weight.copy_(weight)
            self.head.bias.copy_(trained.bias - weight @ mean)


# [listing: head]
def new_head(feature_size: int, seed: int, classes: int) -> nn.Linear:
    """Creates the output layer; it is the same for pretrained and scratch networks of a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed * 1009 + 7)
        return nn.Linear(feature_size, classes)


# [/listing]
