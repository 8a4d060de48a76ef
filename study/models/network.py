"""A one-channel, ten-class network with stages in depth order and a replaced output layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from study.spec import ModelName

CLASSES = 10


@dataclass(frozen=True)
class Stage:
    """Part of a network between input and output: parameter-name prefixes that belong together."""

    name: str
    modules: tuple[str, ...]

    def holds(self, parameter: str) -> bool:
        return any(parameter.startswith(f"{prefix}.") for prefix in self.modules)


class Network(nn.Module, ABC):
    """Base of the adapted networks: ``forward(x) = head(dropout(features(x)))``.

    `multipliers` maps a parameter's name to factors of learning rate and weight decay, where
    they are not (1, 1). `original_parameters` counts the network before any folding.
    `map_modules` names modules in depth order whose outputs are maps, float [N, C, H, W].
    """

    model: ModelName
    stages: tuple[Stage, ...]
    map_modules: tuple[str, ...]
    feature_size: int
    original_parameters: int
    folded: bool

    def __init__(self, feature_size: int, dropout: float, head: nn.Linear) -> None:
        super().__init__()
        self.feature_size = feature_size
        self.dropout = nn.Dropout(dropout)
        self.head = head
        self.frozen_modules: tuple[str, ...] = ()
        self.folded = False
        self.multipliers: dict[str, tuple[float, float]] = {}

    @abstractmethod
    def features(self, x: Tensor) -> Tensor:
        """float [N, 1, R, R] → input of the output layer, float [N, feature_size]."""

    @abstractmethod
    def first_conv(self) -> nn.Conv2d:
        """The layer that sees the image."""

    def forward(self, x: Tensor) -> Tensor:
        features = self.dropout(self.features(x))
        # The head stays in float32: after `fold_standardisation` its terms nearly cancel.
        with torch.autocast(x.device.type, enabled=False):
            logits: Tensor = self.head(features.float())
        return logits

    def stage_of(self, parameter: str) -> int:
        """Index of the only stage that holds the parameter.

        Raises:
            ValueError: no stage, or more than one, claims it.
        """
        holders = [index for index, stage in enumerate(self.stages) if stage.holds(parameter)]
        if len(holders) != 1:
            raise ValueError(f"{parameter} belongs to {len(holders)} stages of {self.model}, not to 1")
        return holders[0]

    @property
    def trainable_parameters(self) -> int:
        """Of the original architecture: a folded layer counts at its unfolded size."""
        own = dict(self.named_parameters())
        hidden = self.original_parameters - sum(p.numel() for p in own.values())
        found = sum(p.numel() for p in own.values() if p.requires_grad)
        return found + (hidden if all(own[name].requires_grad for name in self.multipliers) else 0)

    # [listing: freeze]
    def freeze(self, unfrozen_stages: int = 0) -> None:
        """Leave the output layer and so many stages below it trainable; the rest evaluates.

        ``requires_grad=False`` alone would let BatchNorm go on collecting statistics, and a
        parent's ``.train()`` would undo a single ``.eval()``; see `train`.
        """
        still = self.stages[: max(0, len(self.stages) - 1 - unfrozen_stages)]
        if unfrozen_stages:
            self.frozen_modules = tuple(name for stage in still for name in stage.modules)
        else:  # what lies between stages, as dropout, is still too
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
        """Take over a head trained on (features − mean)/std, so that it works on plain features."""
        with torch.no_grad():
            weight = trained.weight / std
            self.head.weight.copy_(weight)
            self.head.bias.copy_(trained.bias - weight @ mean)


# [listing: head]
def new_head(feature_size: int, seed: int) -> nn.Linear:
    """The new output layer; equal for pretrained and scratch networks of the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed * 1009 + 7)
        return nn.Linear(feature_size, CLASSES)
# [/listing]
