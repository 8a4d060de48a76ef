"""Builds, adapts and describes the networks of the study, and loads and saves their weights."""

from study.models.build import (
    build,
    first_outputs,
    first_weight,
    load_adapted,
    network_class,
    torchvision_name,
    trunk_state,
    unfolded_state_dict,
)
from study.models.describe import adaptation_error, layer_table
from study.models.network import Network, Stage
from study.models.weights import Weights, find_imagenet, load_checkpoint, save_checkpoint

__all__ = [
    "Network",
    "Stage",
    "Weights",
    "adaptation_error",
    "build",
    "find_imagenet",
    "first_outputs",
    "first_weight",
    "layer_table",
    "load_adapted",
    "load_checkpoint",
    "network_class",
    "save_checkpoint",
    "torchvision_name",
    "trunk_state",
    "unfolded_state_dict",
]
