"""What the study knows of a network without loading PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

#: The name of a network in flags, tables and run ids; a key of `study.networks.NETWORKS`.
ModelName = NewType("ModelName", str)


@dataclass(frozen=True, kw_only=True)
class Layers:
    """The parts of a torchvision network, by torchvision's names of its modules.

    Attributes:
        first: the convolution that processes the image.
        norm: the batch normalisation that follows it.
        head: the output layer.
        features: number of inputs of the output layer.
        stages: in depth order, without the output layer: (name of the stage, its modules).
        maps: modules in depth order whose outputs are feature maps.
    """

    first: str
    norm: str
    head: str
    features: int
    stages: tuple[tuple[str, tuple[str, ...]], ...]
    maps: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NetworkDescriptor:
    """Describes a network to the planner, the command line and the report.

    Attributes:
        name: in flags, tables and run ids.
        title: as people write it.
        network: the adapted network's class, as ``module:class``; empty if `layers` is enough to adapt it.
        layers: the parts of the network; None if it has a class of its own.
        builder: torchvision's function for the original network; torchvision's enumeration of its weights
            is found by this name.
        weights_enum: name of that enumeration, for the report.
        weights_file: name of torchvision's file of ImageNet weights.
        least_rung: the shortest useful training in samples; 2,000 times a power of two (docs/recipe.md).
        batch_size: in training.
        lr_full: default peak learning rate if all layers are trained.
        lr_frozen: default peak learning rate if only the output layer is trained.
        pretraining_samples: the smallest number of samples with which pre-training on fractals passed its
            gate (docs/adr/0005-formula-driven-pretraining.md).
        hidden_layers: whether fully connected layers stand between the convolutions and the output layer;
            pre-training on fractals leaves them random.
        exact_adaptation: whether the adaptation to one channel leaves the features of the whole network
            unchanged; otherwise only the output of the first layer, without its border.
        batch_norm: whether the first layer is followed by batch normalisation.
        source: key of the paper in the report's list of sources.
    """

    name: ModelName
    title: str
    network: str = ""
    layers: Layers | None = None
    builder: str
    weights_enum: str
    weights_file: str
    least_rung: int
    batch_size: int = 32
    lr_full: float
    lr_frozen: float
    pretraining_samples: int
    hidden_layers: bool = False
    exact_adaptation: bool = False
    batch_norm: bool = True
    source: str
