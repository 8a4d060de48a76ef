"""What training changed in a network, stage by stage: its weights and its activations."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from study.models import Network
from study.training.evaluate import batches_of
from study.training.runtime import Runtime
from study.training.workshop import Workshop

#: Validation images whose activations are compared: about a second for VGG11 on two cores.
COMPARED = 250


def relative_change(before: Network, after: Network) -> dict[str, float]:
    """‖w after − w before‖ / ‖w before‖ of each stage's parameters, by stage in depth order."""
    start = dict(before.named_parameters())
    moved = [0.0] * len(after.stages)
    size = [0.0] * len(after.stages)
    for name, parameter in after.named_parameters():
        stage, old = after.stage_of(name), start[name].detach().cpu()
        moved[stage] += float((parameter.detach().cpu() - old).square().sum())
        size[stage] += float(old.square().sum())
    return {
        stage.name: (change / norm) ** 0.5 if norm > 0 else 0.0
        for stage, change, norm in zip(after.stages, moved, size, strict=True)
    }


def activation_similarity(
    before: Network, after: Network, resolution: int, shop: Workshop
) -> dict[str, float]:
    """Linear CKA of each stage's activations before and after training, by stage in depth order.

    Both networks see the first `COMPARED` validation images, in evaluation mode; the test set is not
    touched. `before` is moved to the device. NaN where a stage gives all images the same.
    """
    before.to(shop.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = shop.fashion.train_images[shop.split.validation[:COMPARED]]
    old, new = (
        stage_activations(item, images, resolution, shop.runtime) for item in (before, after)
    )
    return {name: linear_cka(old[name], new[name]) for name in new}


def stage_activations(
    network: Network, images: Tensor, resolution: int, runtime: Runtime
) -> dict[str, Tensor]:
    """What each stage hands on for uint8 images [N, 28, 28]: float32 [N, C] by stage's name.

    Maps are averaged over space after the ReLU. Before it the mean of a convolution's output would be
    a linear function of the image's mean alone, and so alike in all networks. The output layer's
    logits are taken as they are.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            active = output.float() if module is network.head else output.float().relu()
            found[name] = active.flatten(2).mean(2) if active.dim() == 4 else active

        return hook

    def forward(x: Tensor) -> Tensor:
        network(x)
        return torch.cat([found[stage.name] for stage in network.stages], 1)

    handles = [
        network.get_submodule(stage.modules[-1]).register_forward_hook(keep(stage.name))
        for stage in network.stages
    ]
    was_training = network.training
    network.eval()
    try:
        values = torch.cat(list(batches_of(forward, images, resolution, runtime)))
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
    sizes = [found[stage.name].shape[1] for stage in network.stages]
    parts = values.split(sizes, 1)  # type: ignore[no-untyped-call]
    return dict(zip((stage.name for stage in network.stages), parts, strict=True))


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear CKA of features [N, P] and [N, Q] of the same N objects, in [0, 1].

    ⟨K, L⟩/(‖K‖‖L‖) with K = XXᵀ and L = YYᵀ of centred X and Y (Kornblith et al. 2019, section 3):
    1 where one is the other turned, reflected and scaled as a whole. This is the biased estimate:
    for independent features it is not 0 but grows with P and Q over N.

    Returns:
        NaN where the features of one side do not vary.
    """
    first, second = _gram(x), _gram(y)
    norm = float(first.norm() * second.norm())
    return float((first * second).sum()) / norm if norm > 0 else math.nan


def _gram(features: Tensor) -> Tensor:
    """Inner products [N, N] of centred features of size about 1: squares of 1e-11 would underflow."""
    centred = features.double() - features.double().mean(0)
    scaled = (centred / centred.abs().max().clamp_min(1e-300)).float()
    return (scaled @ scaled.T).double()
