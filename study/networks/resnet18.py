"""Describes ResNet-18 (He et al. 2016)."""

from __future__ import annotations

from study.networks.descriptor import Layers, ModelName, NetworkDescriptor

DESCRIPTOR = NetworkDescriptor(
    name=ModelName("resnet18"),
    title="ResNet-18",
    layers=Layers(
        first="conv1",
        norm="bn1",
        head="fc",
        features=512,
        stages=(
            ("conv1", ("conv1", "bn1")),
            ("layer1", ("layer1",)),
            ("layer2", ("layer2",)),
            ("layer3", ("layer3",)),
            ("layer4", ("layer4",)),
        ),
        maps=("relu", "layer1", "layer2", "layer3", "layer4"),
    ),
    builder="resnet18",
    weights_enum="ResNet18_Weights",
    weights_file="resnet18-f37072fd.pth",
    # GoogLeNet's values; docs/recipe.md has no measurement of this network.
    least_rung=2_000,
    lr_full=1e-3,
    lr_frozen=3e-3,
    pretraining_samples=8_192,
    source="he2016",
)
