"""Describes networks before and after adaptation, and measures the error of the adaptation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from study.models.adapt import IMAGENET_MEAN, IMAGENET_STD
from study.models.build import CLASSES, build, network_class, torchvision_name
from study.models.network import Network
from study.models.weights import Weights
from study.networks import ModelName

#: Kinds of blocks that are one row of the table, with the layers inside.
_BLOCKS = ("BasicConv2d", "Inception", "InvertedResidual", "MBConv")
#: torchvision's name, kind, shapes of input and output, number of parameters.
_Row = tuple[str, str, str, int]


def layer_table(
    model: ModelName, resolution: int = 32, classes: int = CLASSES, channels: int = 1
) -> list[dict[str, Any]]:
    """Compares torchvision's network (3 channels, 1000 classes) with the adapted one, layer by layer.

    Returns:
        One row per layer in the order of the forward pass: stage, torchvision's name, kind, and shapes
        (such as ``1×32×32 → 64×32×32``) and numbers of parameters before and after the adaptation.
    """
    adapted = build(
        model, weights=None, resolution=resolution, fold=False, seed=0, classes=classes, channels=channels
    )
    with torch.device("meta"):
        original = adapted.original()
    before = _layers(original, torch.zeros(1, 3, resolution, resolution, device="meta"), {})
    names = {name: torchvision_name(adapted, name) for name, _ in adapted.named_modules() if name}
    after = _layers(adapted, torch.zeros(1, channels, resolution, resolution), names)
    rows = []
    for name, kind, shape, count in before:
        if not name.startswith(adapted.table_layers) or name not in {row[0] for row in after}:
            continue
        other = next(row for row in after if row[0] == name)
        rows.append(
            {
                "stage": _stage(adapted, name),
                "layer": name,
                "kind": kind,
                "shape_before": shape,
                "shape_after": other[2],
                "parameters_before": count,
                "parameters_after": other[3],
            }
        )
    return rows


def architecture(
    model: ModelName, *, resolution: int, fold: bool, classes: int, channels: int = 1
) -> dict[str, Any]:
    """Returns the facts about a network's structure that the report states, as JSON values.

    ``original_parameters`` counts torchvision's network, ``adapted_parameters`` the adapted network
    before folding. ``folded_parameters`` is None if no layer is folded.
    """
    network = build(
        model, weights=None, resolution=resolution, fold=fold, seed=0, classes=classes, channels=channels
    )
    with torch.device("meta"):
        original = network.original()
    counts = [0] * len(network.stages)
    for name, parameter in network.named_parameters():
        counts[network.stage_of(name)] += network.unpacked(name, parameter.detach().to("meta")).numel()
    return {
        "layers": layer_table(model, resolution, classes, channels),
        "original_parameters": sum(p.numel() for p in original.parameters()),
        "adapted_parameters": network.original_parameters,
        "head_parameters": network.feature_size * classes + classes,
        "folded": network.folded,
        "folded_parameters": sum(p.numel() for p in network.parameters()) if network.folded else None,
        "adaptation_error": adaptation_error(model, channels),
        "stages": [
            {
                "name": stage.name,
                "modules": [torchvision_name(network, name) for name in stage.modules],
                "parameters": count,
            }
            for stage, count in zip(network.stages, counts, strict=True)
        ],
    }


@torch.no_grad()
def adaptation_error(model: ModelName, channels: int = 1, seed: int = 0) -> float:
    """Returns max |adapted(g) − original(g)| over random images g and weights, in float64.

    Grey images are repeated in the three channels of the original.

    Where the adaptation is exact, it compares the pooled features of the whole network, as for GoogLeNet.
    Otherwise it compares the output of the first layer without its border (see `study.models.adapt`).
    """
    network = network_class(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        images = torch.rand(2, channels, 96, 96, dtype=torch.float64)
        normalised, x = _imagenet(images), (images - 0.5) / 0.5
        if not network.descriptor.exact_adaptation:
            return _first_layer_error(network, normalised, x)
        # Training mode: batch statistics keep the activations of random weights near 1.
        original = network.original().train().double()
        original.fc, original.dropout = nn.Identity(), nn.Identity()
    state = original.state_dict()
    weights = Weights(source="random", sha256="", state=state, channels=3, covers="network")
    adapted = build(model, weights=weights, resolution=96, fold=False, seed=0, channels=channels)
    adapted.train().double()
    transformed = torch.cat(
        [
            normalised[:, c : c + 1] * (IMAGENET_STD[c] / 0.5) + (IMAGENET_MEAN[c] - 0.5) / 0.5
            for c in range(3)
        ],
        1,
    )
    return float((adapted.features(x) - original(transformed)).abs().max())


def _first_layer_error(network: type[Network], normalised: Tensor, x: Tensor) -> float:
    """Compares the first layers of both networks with random weights, without the border.

    Args:
        network: the adapted network's class.
        normalised: float64 [N, 3, H, W], input of torchvision's network.
        x: float64 [N, C, H, W], input of the adapted network.
    """
    with torch.device("meta"):
        like = network.original().get_submodule(network.first_layer)
    assert isinstance(like, nn.Conv2d)
    weight = torch.empty(like.weight.shape, dtype=torch.float64)
    nn.init.kaiming_uniform_(weight)
    state = {f"{network.first_layer}.weight": weight}
    offset = f"{network.first_norm}.running_mean" if network.first_norm else f"{network.first_layer}.bias"
    state[offset] = torch.rand(like.out_channels, dtype=torch.float64)
    sign = -1 if network.first_norm else 1  # a running mean is subtracted, a bias added

    def outputs(images: Tensor) -> Tensor:
        out = nn.functional.conv2d(
            images,
            state[f"{network.first_layer}.weight"],
            stride=like.stride,
            padding=like.padding,
        )
        return out + sign * state[offset].view(1, -1, 1, 1)

    before = outputs(normalised)
    network.adapt_first(state, x.shape[1])
    border = max(like.kernel_size)
    return float((outputs(x) - before)[..., border:-border, border:-border].abs().max())


def _imagenet(images: Tensor) -> Tensor:
    """Applies ImageNet's normalisation to images [N, C, H, W] in [0, 1], grey ones in three channels."""
    mean = torch.tensor(IMAGENET_MEAN, dtype=images.dtype).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=images.dtype).view(1, 3, 1, 1)
    return (images.expand(-1, 3, -1, -1) - mean) / std


@torch.no_grad()
def _layers(network: nn.Module, x: Tensor, names: dict[str, str]) -> list[_Row]:
    """Returns the layers in the order of the forward pass; `names` maps module names to torchvision's."""
    rows: list[_Row] = []
    handles = []
    for name, module in network.named_modules():
        kind = type(module).__name__
        if kind not in ("Conv2d", "Linear", *_BLOCKS):
            continue

        def hook(
            module: nn.Module,
            inputs: tuple[Tensor, ...],
            output: Tensor,
            name: str = name,
            kind: str = kind,
        ) -> None:
            shapes = " → ".join("×".join(map(str, t.shape[1:])) for t in (inputs[0], output))
            count = sum(parameter.numel() for parameter in module.parameters())
            rows.append((names.get(name, name), kind, shapes, count))

        handles.append(module.register_forward_hook(hook))
    network.eval()
    network(x)
    for handle in handles:
        handle.remove()
    # The row of a block includes the layers inside it.
    blocks = tuple(f"{row[0]}." for row in rows if row[1] in _BLOCKS)
    return [row for row in rows if not row[0].startswith(blocks or ("\0",))]


def _stage(network: Network, outer: str) -> str:
    """Returns the name of the stage that lists a module, given torchvision's name; "" if none does."""
    for stage in network.stages:
        for prefix in stage.modules:
            if outer == torchvision_name(network, prefix):
                return stage.name
    return ""
