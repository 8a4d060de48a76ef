"""Measures how much training has changed the weights and activations of each stage of a network."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from study.models import Network
from study.training.evaluate import batches_of
from study.training.runtime import Runtime
from study.training.workshop import Workshop

#: Number of validation images whose activations are compared; VGG11 takes about a second on two cores.
COMPARED = 250


def relative_change(before: Network, after: Network) -> dict[str, float]:
    """Returns ‖w after − w before‖ / ‖w before‖ of each stage's parameters, by stage in depth order."""
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
    """Returns the linear CKA of each stage's activations before and after training, in depth order.

    Both networks process the first `COMPARED` validation images in evaluation mode; no test image is used.
    The value is NaN for a stage with the same activations for all images.

    Args:
        before: the network before training; it is moved to the device.
        after: the network after training, on the device.
        resolution: side of the images in pixels.
        shop: data, split and runtime.
    """
    before.to(shop.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = shop.images.train_images[shop.split.validation[:COMPARED]]
    old, new = (stage_activations(item, images, resolution, shop.runtime) for item in (before, after))
    return {name: linear_cka(old[name], new[name]) for name in new}


def stage_activations(
    network: Network, images: Tensor, resolution: int, runtime: Runtime
) -> dict[str, Tensor]:
    """Returns the activations of each stage, float32 [N, C] by name of the stage.

    Maps are averaged over space after a ReLU. Without the ReLU the mean of a convolution's output would be
    a linear function of the image's mean alone, and therefore similar in all networks. The logits of the
    output layer are not changed.

    Args:
        network: on the device.
        images: uint8 [N, side, side].
        resolution: side of the images in pixels.
        runtime: device and precision.
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
    """Returns the linear CKA of two sets of features of the same N objects.

    It is ⟨K, L⟩/(‖K‖‖L‖) with K = XXᵀ and L = YYᵀ for centred X and Y (Kornblith et al. 2019, section 3).
    It is 1 if one set is the other one after rotation, reflection and uniform scaling. This estimate is
    biased: for independent features it is not 0 but grows with P and Q over N.

    Args:
        x: float [N, P].
        y: float [N, Q].

    Returns:
        A value in [0, 1]; NaN if the features of one set do not vary.
    """
    first, second = _gram(x), _gram(y)
    norm = float(first.norm() * second.norm())
    return float((first * second).sum()) / norm if norm > 0 else math.nan


def _gram(features: Tensor) -> Tensor:
    """Returns the inner products [N, N] of centred features.

    Features are scaled to a magnitude of about 1 first, because squares of values of 1e-11 would underflow.
    """
    centred = features.double() - features.double().mean(0)
    scaled = (centred / centred.abs().max().clamp_min(1e-300)).float()
    return (scaled @ scaled.T).double()
