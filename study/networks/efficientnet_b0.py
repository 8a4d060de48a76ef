"""Describes EfficientNet-B0 (Tan and Le 2019)."""

from __future__ import annotations

from study.networks.descriptor import Layers, ModelName, NetworkDescriptor

DESCRIPTOR = NetworkDescriptor(
    name=ModelName("efficientnet_b0"),
    title="EfficientNet-B0",
    layers=Layers(
        first="features.0.0",
        norm="features.0.1",
        head="classifier.1",
        features=1_280,
        stages=(
            ("stem", ("features.0",)),
            *((f"blocks{number}", (f"features.{number}",)) for number in range(1, 8)),
            ("top", ("features.8",)),
        ),
        maps=("features.0", "features.2", "features.3", "features.5", "features.8"),
    ),
    builder="efficientnet_b0",
    weights_enum="EfficientNet_B0_Weights",
    weights_file="efficientnet_b0_rwightman-7f5810bc.pth",
    # GoogLeNet's values; docs/recipe.md has no measurement of this network.
    least_rung=2_000,
    lr_full=1e-3,
    lr_frozen=3e-3,
    pretraining_samples=8_192,
    source="tan2019",
)
