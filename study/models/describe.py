"""Describes networks before and after adaptation, and measures the error of the adaptation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from study.models import vgg11
from study.models.adapt import IMAGENET_MEAN, IMAGENET_STD, fold_normalisation
from study.models.build import REGISTRY, build
from study.models.network import CLASSES, Network
from study.models.weights import Weights
from study.spec import ModelName

#: torchvision's name, kind, shapes of input and output, number of parameters.
_Row = tuple[str, str, str, int]


def layer_table(model: ModelName, resolution: int = 32) -> list[dict[str, Any]]:
    """Compares torchvision's network (3 channels, 1000 classes) with the adapted one, layer by layer.

    Returns:
        One row per layer in the order of the forward pass: stage, torchvision's name, kind, and shapes
        (such as ``1×32×32 → 64×32×32``) and numbers of parameters before and after the adaptation.
    """
    entry = REGISTRY[model]
    adapted = build(model, weights=None, resolution=resolution, fold=False, seed=0)
    with torch.device("meta"):
        original = entry.original()
    before = _layers(original, torch.zeros(1, 3, resolution, resolution, device="meta"), {})
    names = {name: _outer_name(model, name) for name, _ in adapted.named_modules() if name}
    after = _layers(adapted, torch.zeros(1, 1, resolution, resolution), names)
    rows = []
    for name, kind, shape, count in before:
        if not name.startswith(entry.table_layers) or name not in {row[0] for row in after}:
            continue
        other = next(row for row in after if row[0] == name)
        rows.append(
            {
                "stage": _stage(adapted, model, name),
                "layer": name,
                "kind": kind,
                "shape_before": shape,
                "shape_after": other[2],
                "parameters_before": count,
                "parameters_after": other[3],
            }
        )
    return rows


def architecture(model: ModelName, *, resolution: int, fold: bool) -> dict[str, Any]:
    """Returns the facts about a network's structure that the report states, as JSON values.

    ``original_parameters`` counts torchvision's network, ``adapted_parameters`` the adapted network
    before folding. ``folded_parameters`` is None if no layer is folded.
    """
    network = build(model, weights=None, resolution=resolution, fold=fold, seed=0)
    with torch.device("meta"):
        original = REGISTRY[model].original()
    counts = [0] * len(network.stages)
    for name, parameter in network.named_parameters():
        size = parameter.numel()
        if network.folded and name == "classifier.0.weight":
            size *= vgg11.POSITIONS
        counts[network.stage_of(name)] += size
    return {
        "layers": layer_table(model, resolution),
        "original_parameters": sum(p.numel() for p in original.parameters()),
        "adapted_parameters": network.original_parameters,
        "head_parameters": network.feature_size * CLASSES + CLASSES,
        "folded": network.folded,
        "folded_parameters": sum(p.numel() for p in network.parameters()) if network.folded else None,
        "adaptation_error": adaptation_error(model),
        "stages": [
            {
                "name": stage.name,
                "modules": [_outer_name(model, name) for name in stage.modules],
                "parameters": count,
            }
            for stage, count in zip(network.stages, counts, strict=True)
        ],
    }


@torch.no_grad()
def adaptation_error(model: ModelName, seed: int = 0) -> float:
    """Returns max |adapted(g) − original(g, g, g)| over random grey images and weights, in float64.

    For GoogLeNet it compares the pooled features of the whole network. For VGG11 it compares the output
    of the first layer without its border, because the adaptation is not exact there (see
    `study.models.adapt`).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        grey = torch.rand(2, 1, 96, 96, dtype=torch.float64)
        if model is ModelName.VGG11:
            conv = nn.Conv2d(3, 64, 3, padding=1).double()
        else:
            # Training mode: batch statistics keep the activations of random weights near 1.
            original = REGISTRY[model].original().train().double()
            original.fc, original.dropout = nn.Identity(), nn.Identity()
    normalised = _imagenet(grey)
    x = (grey - 0.5) / 0.5
    if model is ModelName.VGG11:
        assert conv.bias is not None
        weight, bias = fold_normalisation(conv.weight, conv.bias)
        one = nn.functional.conv2d(x, weight, bias, padding=1)
        difference = one - conv(normalised)
        return float(difference[..., 1:-1, 1:-1].abs().max())
    state = original.state_dict()
    weights = Weights(source="random", sha256="", state=state, channels=3, covers="network")
    adapted = build(model, weights=weights, resolution=96, fold=False, seed=0).train().double()
    transformed = torch.cat(
        [
            normalised[:, c : c + 1] * (IMAGENET_STD[c] / 0.5) + (IMAGENET_MEAN[c] - 0.5) / 0.5
            for c in range(3)
        ],
        1,
    )
    return float((adapted.features(x) - original(transformed)).abs().max())


def _imagenet(grey: Tensor) -> Tensor:
    """Repeats grey images [N, 1, H, W] in [0, 1] in three channels and applies ImageNet's normalisation."""
    mean = torch.tensor(IMAGENET_MEAN, dtype=grey.dtype).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, dtype=grey.dtype).view(1, 3, 1, 1)
    return (grey.repeat(1, 3, 1, 1) - mean) / std


@torch.no_grad()
def _layers(network: nn.Module, x: Tensor, names: dict[str, str]) -> list[_Row]:
    """Returns the layers in the order of the forward pass; `names` maps module names to torchvision's."""
    rows: list[_Row] = []
    handles = []
    for name, module in network.named_modules():
        kind = type(module).__name__
        if kind not in ("Conv2d", "Linear", "BasicConv2d", "Inception"):
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
    blocks = tuple(f"{row[0]}." for row in rows if row[1] in ("BasicConv2d", "Inception"))
    return [row for row in rows if not row[0].startswith(blocks or ("\0",))]


def _outer_name(model: ModelName, name: str) -> str:
    """Translates a module's name in the study's network into torchvision's name."""
    for inner, outer in REGISTRY[model].renames:
        if f"{name}.".startswith(inner):
            return (outer + f"{name}.".removeprefix(inner)).rstrip(".")
    return name


def _stage(network: Network, model: ModelName, outer: str) -> str:
    """Returns the name of the stage that lists a module, given torchvision's name; "" if none does."""
    for stage in network.stages:
        for prefix in stage.modules:
            if outer == _outer_name(model, prefix):
                return stage.name
    return ""
