"""Describes VGG11 (Simonyan & Zisserman 2015)."""

from __future__ import annotations

from study.networks.descriptor import ModelName, NetworkDescriptor

DESCRIPTOR = NetworkDescriptor(
    name=ModelName("vgg11"),
    title="VGG11",
    network="study.models.vgg11:VGG11",
    builder="vgg11",
    weights_enum="VGG11_Weights",
    weights_file="vgg11-8a719046.pth",
    # From scratch it is better than chance after 2,000 samples, but an additional rung there costs half as
    # much as going to 4,000 at once.
    least_rung=4_000,
    lr_full=3e-4,
    lr_frozen=1e-3,
    pretraining_samples=4_096,
    hidden_layers=True,
    batch_norm=False,
    source="simonyan2015",
)
