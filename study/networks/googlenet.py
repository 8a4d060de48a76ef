"""Describes GoogLeNet (Szegedy et al. 2015) as torchvision has it, with batch normalisation."""

from __future__ import annotations

from study.networks.descriptor import ModelName, NetworkDescriptor

DESCRIPTOR = NetworkDescriptor(
    name=ModelName("googlenet"),
    title="GoogLeNet",
    network="study.models.googlenet:GoogLeNet",
    builder="googlenet",
    weights_enum="GoogLeNet_Weights",
    weights_file="googlenet-1378be20.pth",
    least_rung=2_000,
    lr_full=1e-3,
    lr_frozen=3e-3,
    pretraining_samples=8_192,
    exact_adaptation=True,
    source="szegedy2015",
)
