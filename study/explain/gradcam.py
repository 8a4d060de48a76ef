"""Computes Grad-CAM maps of the same objects for several networks of one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from captum.attr import LayerAttribution, LayerGradCam
from torch import Tensor, nn

from study.data import shades, to_input
from study.data.augment import PADDING
from study.explain.snapshots import Kept
from study.models import Network, torchvision_name
from study.store.files import write_arrays
from study.training.evaluate import Probabilities, probabilities
from study.training.workshop import Workshop

#: Smallest side of a map that is used; smaller maps hardly locate anything, and at 32×32 the last are 1×1.
LEAST_SIDE = 4
#: Number of objects that are drawn beside the one that the user has chosen.
DISPUTED = 4
#: Number of test images per class over which the share of a map inside the object is averaged.
SAMPLED = 10
BATCH = 50

Maps = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A module of a network whose output is a map.

    Attributes:
        name: of the module.
        size: height and width of the map.
    """

    name: str
    size: tuple[int, int]


def target_layer(network: Network, resolution: int) -> Layer:
    """Returns the deepest module of `map_modules` whose map is at least 4×4 at this resolution."""
    found: list[Layer] = []

    def hook(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        return lambda module, inputs, output: found.append(
            Layer(name=name, size=(output.shape[2], output.shape[3]))
        )

    handles = [
        network.get_submodule(name).register_forward_hook(hook(name)) for name in network.map_modules
    ]
    device = next(network.parameters()).device
    try:
        with torch.inference_mode():
            network.features(torch.zeros(1, network.channels, resolution, resolution, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return [layer for layer in found if min(layer.size) >= LEAST_SIDE][-1]


def grad_cam(
    network: Network,
    images: Tensor,
    classes: Tensor,
    layer: Layer,
    resolution: int,
    stop: Callable[[], None] = lambda: None,
) -> Maps:
    """Returns Grad-CAM maps (Selvaraju et al. 2017, eq. 1 and 2), each divided by its largest value.

    Args:
        network: in evaluation mode; it computes in float32, whatever the precision of the study.
        images: uint8 [N, side, side] or [N, side, side, 3].
        classes: int64 [N], the class that each map explains.
        layer: the layer whose map is used.
        resolution: side of the network's input in pixels.
        stop: is called before each batch; an exception that it raises ends the computation.

    Returns:
        float32 [N, side, side] in [0, 1], interpolated bilinearly from the layer's map to the pixels of the
        image. A map is zero everywhere if no position increases the score of the class.
    """
    cam = LayerGradCam(network, network.get_submodule(layer.name))
    device = next(network.parameters()).device
    parts = []
    for chunk, wanted in zip(images.split(BATCH), classes.split(BATCH), strict=True):  # type: ignore[no-untyped-call]
        stop()
        # The gradient must reach the layer even if all parameters before it are frozen.
        x = to_input(chunk.to(device), resolution).requires_grad_()
        coarse = cam.attribute(x, target=wanted.to(device), relu_attributions=True)
        parts.append(_over_pixels(coarse.detach(), resolution, images.shape[1])[:, 0].float().cpu())
    maps = torch.cat(parts)
    highest = maps.amax((1, 2), keepdim=True)
    result: Maps = torch.where(highest > 0, maps / highest, 0.0).numpy()
    return result


def most_disputed(probabilities: Sequence[Probabilities], count: int) -> npt.NDArray[np.int64]:
    """Returns the images on which the networks disagree most, in descending order.

    The measure is the Jensen–Shannon divergence of the networks' distributions with equal weights: the
    entropy of the mean minus the mean of the entropies. Ties are sorted by index.

    Args:
        probabilities: class probabilities of each network, float32 [N, C].
        count: number of images.

    Returns:
        Indices, int64 [count].
    """
    stacked = np.stack(probabilities).astype(np.float64)
    divergence = _entropy(stacked.mean(0)) - _entropy(stacked).mean(0)
    return np.argsort(-divergence, kind="stable")[:count]


def inside_share(maps: Maps, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Returns the share of each map's sum that lies on the object, which is the non-zero pixels.

    Args:
        maps: float32 [N, side, side], not negative.
        images: uint8 [N, side, side].

    Returns:
        float64 [N] in [0, 1]; NaN for a map that is zero everywhere.
    """
    mass = maps.sum((1, 2), dtype=np.float64)
    inside = (maps * (images > 0)).sum((1, 2), dtype=np.float64)
    shares: npt.NDArray[np.float64] = np.full(len(maps), np.nan)
    np.divide(inside, mass, out=shares, where=mass > 0)
    return shares


def write_gradcam(
    kept: Sequence[Kept],
    predicted: Sequence[Probabilities],
    shop: Workshop,
    folder: Path,
    index: int,
    stop: Callable[[], None],
) -> None:
    """Writes gradcam-<model>.npz: maps of the chosen test object and of the most disputed ones.

    Each network explains its own prediction. `inside` is the mean over `sampled` test images of a map's
    share on the object's pixels; `area` is the share of a uniform map.

    Args:
        kept: networks of one model and one seed.
        predicted: their stored probabilities, float32 [n, C], of the first n images in test order.
        shop: data and runtime.
        folder: the folder of artifacts.
        index: of the chosen object.
        stop: is called between batches; an exception that it raises ends the computation.
    """
    found = shop.test_order[torch.from_numpy(most_disputed(predicted, DISPUTED + 1))]
    disputed = [int(i) for i in found if i != index]
    chosen = np.array([index, *disputed[:DISPUTED]])
    images, labels = shop.images.test_images, shop.images.test_labels
    classes = range(len(shop.images.data.classes))
    sampled = torch.cat([torch.nonzero(labels == c)[:SAMPLED, 0] for c in classes])
    both = torch.cat([torch.from_numpy(chosen), sampled])
    resolution = kept[0].record.spec.resolution
    layer = target_layer(kept[0].network, resolution)
    answers = [probabilities(one.network, images[both], resolution, shop.runtime, stop) for one in kept]
    maps = np.stack(
        [
            grad_cam(one.network, images[both], torch.from_numpy(answer.argmax(1)), layer, resolution, stop)
            for one, answer in zip(kept, answers, strict=True)
        ]
    )
    drawn, pixels = maps[:, : len(chosen)], shades(images[sampled]).numpy()
    shares = np.stack([inside_share(one, pixels) for one in maps[:, len(chosen) :]])
    write_arrays(
        folder / f"gradcam-{kept[0].record.spec.arm.model}.npz",
        {
            "run_ids": np.array([one.record.spec.run_id for one in kept]),
            "arms": np.array([one.record.spec.arm.name for one in kept]),
            "index": chosen,
            "images": shades(images[torch.from_numpy(chosen)]).numpy(),
            "labels": labels[chosen].numpy(),
            "maps": drawn.astype(np.float16),
            "probabilities": np.stack([answer[: len(chosen)] for answer in answers]).astype(np.float32),
            "layer": np.array(torchvision_name(kept[0].network, layer.name)),
            "map_size": np.array(layer.size),
            "sampled": np.array(len(sampled)),
            "area": np.array((pixels > 0).mean()),
            "inside": np.array(
                [s[~np.isnan(s)].mean() if (~np.isnan(s)).any() else np.nan for s in shares]
            ),
            "empty": np.isnan(shares).sum(1),
        },
    )


def _over_pixels(coarse: Tensor, resolution: int, side: int) -> Tensor:
    """Interpolates a map over the network's input to the side×side pixels of the image."""
    if resolution != side + 2 * PADDING:
        fitted: Tensor = LayerAttribution.interpolate(coarse, (side, side), "bilinear")
        return fitted
    whole = LayerAttribution.interpolate(coarse, (resolution, resolution), "bilinear")
    return F.pad(whole, (-PADDING,) * 4)


def _entropy(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the entropy along the last axis in nats."""
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    result: npt.NDArray[np.float64] = -(shares * logs).sum(-1)
    return result
