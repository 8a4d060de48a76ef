"""Describes MobileNetV3-Small (Howard et al. 2019)."""

from __future__ import annotations

from study.networks.descriptor import Layers, ModelName, NetworkDescriptor

DESCRIPTOR = NetworkDescriptor(
    name=ModelName("mobilenet_v3_small"),
    title="MobileNetV3-Small",
    layers=Layers(
        first="features.0.0",
        norm="features.0.1",
        head="classifier.3",
        features=1_024,
        # A stage has the blocks of one number of channels.
        stages=(
            ("stem", ("features.0",)),
            ("blocks1", ("features.1",)),
            ("blocks2", ("features.2", "features.3")),
            ("blocks3", ("features.4", "features.5", "features.6")),
            ("blocks4", ("features.7", "features.8")),
            ("blocks5", ("features.9", "features.10", "features.11")),
            ("top", ("features.12", "classifier.0")),
        ),
        maps=("features.0", "features.1", "features.3", "features.8", "features.12"),
    ),
    builder="mobilenet_v3_small",
    weights_enum="MobileNet_V3_Small_Weights",
    weights_file="mobilenet_v3_small-047dcff4.pth",
    # GoogLeNet's values; docs/recipe.md has no measurement of this network.
    least_rung=2_000,
    lr_full=1e-3,
    lr_frozen=3e-3,
    pretraining_samples=8_192,
    source="howard2019",
)
