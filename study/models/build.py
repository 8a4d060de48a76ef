"""Builds an adapted network from scratch, from pre-trained weights, or from a saved state."""

from __future__ import annotations

from functools import cache
from importlib import import_module

import torch
from torch import Tensor, nn

from study.datasets import DATASETS, DEFAULT
from study.errors import WeightsError
from study.models.adapt import sum_channels
from study.models.network import Network
from study.models.torchvision_network import torchvision_network
from study.models.weights import Weights
from study.networks import NETWORKS, ModelName
from study.spec import FirstConv

#: Number of classes of the data set that is studied unless another is asked for.
CLASSES = len(DATASETS[DEFAULT].classes)


def network_class(model: ModelName) -> type[Network]:
    """Returns the class of the adapted network."""
    if not NETWORKS[model].network:
        return torchvision_network(model)
    module, name = NETWORKS[model].network.split(":")
    found: type[Network] = getattr(import_module(module), name)
    return found


def first_weight(model: ModelName) -> str:
    """Returns torchvision's name of the weight of the first convolution."""
    return f"{network_class(model).first_layer}.weight"


@cache
def first_outputs(model: ModelName) -> int:
    """Returns the number of output channels of the first convolution."""
    kind = network_class(model)
    with torch.device("meta"):
        first = kind.original().get_submodule(kind.first_layer)
    assert isinstance(first, nn.Conv2d)
    return first.out_channels


def build(
    model: ModelName,
    *,
    weights: Weights | None,
    resolution: int,
    fold: bool,
    seed: int,
    first_conv: FirstConv | None = None,
    classes: int = CLASSES,
    channels: int = 1,
) -> Network:
    """Builds a network for grey or colour images and a number of classes, on the CPU and in training mode.

    Without `weights`, all layers but the output layer are initialised as in torchvision. With `weights`,
    only what they do not cover is drawn from `seed`: the output layer always, fc6 and fc7 if the weights
    cover only the trunk. Pretrained and scratch networks of a seed therefore start with the same output
    layer.

    Args:
        model: the network.
        weights: pre-trained weights; None to train from scratch.
        resolution: side of the images in pixels.
        fold: whether to fold VGG11's fc6 (see `VGG11`).
        seed: of the random initial values.
        first_conv: how the first convolution is adapted to grey images. None sums three-channel weights
            over the channels and keeps one-channel weights. ``mean`` then divides the weights, but not the
            bias, by three; for VGG11 this averages the channels' results of `fold_normalisation`.
            ``fresh`` draws the first convolution from `seed` and takes all other layers from `weights`.
        classes: number of outputs of the output layer.
        channels: of the images, 1 or 3. Weights of one channel are given to each of three in equal shares,
            which changes nothing for grey images.

    Raises:
        WeightsError: names or shapes do not fit the network, or `first_conv` is ``mean`` and the weights
            have only one channel.
    """
    network = network_class(model)(
        resolution=resolution, fold=fold, seed=seed, classes=classes, channels=channels
    )
    drawn = {name: value.clone() for name, value in network.first_conv().state_dict().items()}
    if weights is not None:
        state = {
            name: tensor
            for name, tensor in weights.state.items()
            if not name.startswith(("aux", network.renames[-1][1]))
        }
        try:
            if weights.channels == 3 and not weights.adapted:
                network.adapt_first(state, channels)
            elif weights.channels == 3 and channels == 1:
                state[first_weight(model)] = sum_channels(state[first_weight(model)])
            elif weights.channels == 1 and channels == 3:
                state[first_weight(model)] = state[first_weight(model)].repeat(1, 3, 1, 1) / 3
            if first_conv is FirstConv.MEAN:
                if weights.channels != 3:
                    raise WeightsError(f"{weights.source}: one channel has no mean over channels")
                state[first_weight(model)] = state[first_weight(model)] / 3
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"{weights.source}: does not fit {model}: {error}") from error
        missing = _load(network, state, weights.source)
        allowed = ("head.",) if weights.covers == "network" else network.beyond_trunk
        lost = [name for name in missing if not name.startswith(allowed)]
        if lost:
            raise WeightsError(f"{weights.source}: does not fit {model}: {lost[0]} is missing")
        if first_conv is FirstConv.FRESH:
            network.first_conv().load_state_dict(drawn)
    return network


def load_adapted(
    model: ModelName,
    state: dict[str, Tensor],
    *,
    resolution: int,
    fold: bool,
    classes: int = CLASSES,
    channels: int = 1,
) -> Network:
    """Builds a network from a state dict of `unfolded_state_dict`, in evaluation mode.

    Raises:
        WeightsError: names or shapes do not fit the network.
    """
    network = network_class(model)(
        resolution=resolution, fold=fold, seed=0, classes=classes, channels=channels
    )
    missing = _load(network, state, "checkpoint")
    if missing:
        raise WeightsError(f"checkpoint: does not fit {model}: {missing[0]} is missing")
    return network.eval()


def unfolded_state_dict(network: Network) -> dict[str, Tensor]:
    """Returns the state dict with torchvision's names and shapes, on the CPU.

    It loads into torchvision's network with as many input channels and classes.
    """
    return {
        torchvision_name(network, name): network.unpacked(name, tensor.detach().cpu().contiguous().clone())
        for name, tensor in network.state_dict().items()
    }


def trunk_state(network: Network) -> dict[str, Tensor]:
    """Returns the tensors that pre-training provides, by torchvision's names, on the CPU.

    For VGG11 these are the convolutions, for GoogLeNet all layers but the output layer.
    """
    return {
        torchvision_name(network, name): tensor.detach().cpu().contiguous().clone()
        for name, tensor in network.state_dict().items()
        if not name.startswith(network.beyond_trunk)
    }


def torchvision_name(network: Network, name: str) -> str:
    """Returns torchvision's name of a module or parameter of the study's network."""
    for inner, outer in network.renames:
        if f"{name}.".startswith(inner):
            return (outer + f"{name}.".removeprefix(inner)).rstrip(".")
    return name


def _load(network: Network, state: dict[str, Tensor], source: str) -> list[str]:
    """Copies `state` into the network and returns the network's names that `state` lacks."""
    own = network.state_dict()
    names = {torchvision_name(network, name): name for name in own}
    unknown = sorted(set(state) - set(names))
    if unknown:
        raise WeightsError(f"{source}: does not fit {network.model}: unknown {unknown[0]}")
    with torch.no_grad():
        for outer, tensor in state.items():
            inner = names[outer]
            value = network.packed(inner, tensor)
            if value.shape != own[inner].shape:
                raise WeightsError(
                    f"{source}: does not fit {network.model}: {outer} is "
                    f"{tuple(value.shape)}, expected {tuple(own[inner].shape)}"
                )
            own[inner].copy_(value)
    # State dicts from before PyTorch 0.4.1 lack these counters, and torchvision accepts them without.
    return [
        inner
        for outer, inner in names.items()
        if outer not in state and not inner.endswith(".num_batches_tracked")
    ]
