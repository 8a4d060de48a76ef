"""Builds an adapted network from scratch, from pre-trained weights, or from a saved state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from study.errors import WeightsError
from study.models import googlenet, vgg11
from study.models.network import Network
from study.models.weights import Weights
from study.spec import FirstConv, ModelName


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """Describes how the study builds one network.

    Attributes:
        network: the adapted network's class.
        original: creates torchvision's network before adaptation.
        adapt_first: adapts the first layer of a three-channel state dict in place.
        first_weight: torchvision's name of the first convolution's weight.
        renames: pairs (prefix in the study's network, prefix in torchvision's names); the first match
            wins, and the last pair is that of the output layer.
        table_layers: prefixes of torchvision's names of the layers in `layer_table`.
    """

    network: Callable[..., Network]
    original: Callable[[], nn.Module]
    adapt_first: Callable[[dict[str, Tensor]], None]
    first_weight: str
    renames: tuple[tuple[str, str], ...]
    table_layers: tuple[str, ...]


REGISTRY: dict[ModelName, ModelEntry] = {
    ModelName.VGG11: ModelEntry(
        network=vgg11.VGG11,
        original=vgg11.torchvision_original,
        adapt_first=vgg11.adapt_first,
        first_weight="features.0.weight",
        renames=(("convolutions.", "features."), ("head.", "classifier.6.")),
        table_layers=("features.", "classifier."),
    ),
    ModelName.GOOGLENET: ModelEntry(
        network=googlenet.GoogLeNet,
        original=googlenet.torchvision_original,
        adapt_first=googlenet.adapt_first,
        first_weight="conv1.conv.weight",
        renames=(("body.", ""), ("head.", "fc.")),
        table_layers=("conv1", "conv2", "conv3", "inception", "fc"),
    ),
}


def build(
    model: ModelName,
    *,
    weights: Weights | None,
    resolution: int,
    fold: bool,
    seed: int,
    first_conv: FirstConv | None = None,
) -> Network:
    """Builds a network for one channel and ten classes, on the CPU and in training mode.

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
        first_conv: how the first convolution is adapted. None sums three-channel weights over the
            channels and keeps one-channel weights. ``mean`` then divides the weights, but not the bias,
            by three; for VGG11 this averages the channels' results of `fold_normalisation`. ``fresh``
            draws the first convolution from `seed` and takes all other layers from `weights`.

    Raises:
        WeightsError: names or shapes do not fit the network, or `first_conv` is ``mean`` and the weights
            have only one channel.
    """
    entry = REGISTRY[model]
    network = entry.network(resolution=resolution, fold=fold, seed=seed)
    drawn = {name: value.clone() for name, value in network.first_conv().state_dict().items()}
    if weights is not None:
        state = {
            name: tensor
            for name, tensor in weights.state.items()
            if not name.startswith(("aux", entry.renames[-1][1]))
        }
        try:
            if weights.channels == 3:
                entry.adapt_first(state)
            if first_conv is FirstConv.MEAN:
                if weights.channels != 3:
                    raise WeightsError(f"{weights.source}: one channel has no mean over channels")
                state[entry.first_weight] = state[entry.first_weight] / 3
        except (KeyError, RuntimeError) as error:
            raise WeightsError(f"{weights.source}: does not fit {model}: {error}") from error
        missing = _load(network, entry, state, weights.source)
        allowed = ("head.",) if weights.covers == "network" else ("head.", "classifier.")
        lost = [name for name in missing if not name.startswith(allowed)]
        if lost:
            raise WeightsError(f"{weights.source}: does not fit {model}: {lost[0]} is missing")
        if first_conv is FirstConv.FRESH:
            network.first_conv().load_state_dict(drawn)
    return network


def load_adapted(model: ModelName, state: dict[str, Tensor], *, resolution: int, fold: bool) -> Network:
    """Builds a network from a state dict of `unfolded_state_dict`, in evaluation mode.

    Raises:
        WeightsError: names or shapes do not fit the network.
    """
    entry = REGISTRY[model]
    network = entry.network(resolution=resolution, fold=fold, seed=0)
    missing = _load(network, entry, state, "checkpoint")
    if missing:
        raise WeightsError(f"checkpoint: does not fit {model}: {missing[0]} is missing")
    return network.eval()


def unfolded_state_dict(network: Network) -> dict[str, Tensor]:
    """Returns the state dict with torchvision's names and shapes, on the CPU.

    It loads into torchvision's network with one input channel and ten classes.
    """
    entry = REGISTRY[network.model]
    state = {}
    for name, tensor in network.state_dict().items():
        value = tensor.detach().cpu().contiguous().clone()
        if network.folded and name == "classifier.0.weight":
            value = vgg11.unfold_fc6(value)
        state[_outer(entry, name)] = value
    return state


def trunk_state(network: Network) -> dict[str, Tensor]:
    """Returns the tensors that pre-training provides, by torchvision's names, on the CPU.

    For VGG11 these are the convolutions, for GoogLeNet all layers but the output layer.
    """
    entry = REGISTRY[network.model]
    return {
        _outer(entry, name): tensor.detach().cpu().contiguous().clone()
        for name, tensor in network.state_dict().items()
        if not name.startswith(("head.", "classifier."))
    }


def torchvision_name(network: Network, module: str) -> str:
    """Returns torchvision's name of a module of the study's network."""
    return _outer(REGISTRY[network.model], module)


def _load(network: Network, entry: ModelEntry, state: dict[str, Tensor], source: str) -> list[str]:
    """Copies `state` into the network and returns the network's names that `state` lacks."""
    own = network.state_dict()
    names = {_outer(entry, name): name for name in own}
    unknown = sorted(set(state) - set(names))
    if unknown:
        raise WeightsError(f"{source}: does not fit {network.model}: unknown {unknown[0]}")
    with torch.no_grad():
        for outer, tensor in state.items():
            inner = names[outer]
            value = tensor
            if network.folded and inner == "classifier.0.weight" and tensor.shape == (4096, 25088):
                value = vgg11.fold_fc6(tensor)
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


def _outer(entry: ModelEntry, name: str) -> str:
    """Translates a parameter's name in the study's network into torchvision's name."""
    for inner, outer in entry.renames:
        if name.startswith(inner):
            return outer + name.removeprefix(inner)
    return name
