"""Provides the images of the pretext task: drawn once, and thickened, filled, flipped and shifted anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from study.pretraining.fractals import render_instances, sample_categories
from study.pretraining.recipe import Recipe

#: Greatest shift in pixels.
SHIFT = 3


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Training and held-out images of the pretext task.

    Attributes:
        images: uint8 [N, S, S], for training.
        labels: int64 [N].
        held_out_inputs: float32 [M, 1, S, S] in [−1, 1], network inputs that only the gate uses.
        held_out_labels: int64 [M].
    """

    images: Tensor
    labels: Tensor
    held_out_inputs: Tensor
    held_out_labels: Tensor


def draw_pictures(
    recipe: Recipe, generator: torch.Generator, check: Callable[[], None] = lambda: None
) -> Pictures:
    """Draws the training and held-out images of a recipe.

    Held-out instances are jittered independently of the training instances, so that none is trained on.

    Args:
        recipe: determines numbers and sizes.
        generator: on the CPU; determines the images.
        check: is called after every few thousand images; an exception that it raises ends the drawing.
    """
    systems = sample_categories(recipe.categories, recipe.size, generator, check)
    order = torch.arange(recipe.categories)
    labels = order.repeat_interleave(recipe.instances)
    held_out_labels = order.repeat_interleave(recipe.held_out)
    images = render_instances(systems, labels, recipe.size, generator, check)
    held_out = render_instances(systems, held_out_labels, recipe.size, generator, check)
    return Pictures(
        images=images,
        labels=labels,
        held_out_inputs=training_batch(held_out, recipe.solid, generator),
        held_out_labels=held_out_labels,
    )


def training_batch(images: Tensor, solid: float, generator: torch.Generator) -> Tensor:
    """Turns images into a randomly varied batch of network inputs.

    Fractals consist of points, clothes of surfaces. Therefore a share of the images is thickened (dilated
    and smoothed) or filled with a shading, similarly to the varied colours and textures of Anderson &
    Farrell (WACV 2022) and the strong image augmentation of OFDB (Nakamura et al., ICCV 2023). Every image
    is flipped horizontally with probability 0.5 and shifted by at most SHIFT pixels.

    Args:
        images: uint8 [N, S, S].
        solid: share of images that are thickened or filled, half of them each, in [0, 1].
        generator: on the CPU; determines the variations. Its state advances by a fixed number of draws.

    Returns:
        float32 [N, 1, S, S] in [−1, 1]; −1 is empty, also where a shift uncovers the border.
    """
    count = len(images)
    dust = images.unsqueeze(1).float() / 255
    kind, strength, shade = torch.rand(3, count, 1, 1, 1, generator=generator).unbind(0)
    thick = torch.maximum(_smooth(_dilate(dust, 3)), strength * dust)
    surface = _smooth(_dilate(_dilate(dust, 5), 3))
    filled = surface * (0.4 + 0.6 * strength) + 0.5 * shade * (dust - 0.5) * surface
    drawn = torch.where(kind < solid / 2, thick, dust)
    drawn = torch.where((kind >= solid / 2) & (kind < solid), filled, drawn).clamp(0, 1)
    mirrored = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
    drawn = torch.where(mirrored, drawn.flip(3), drawn)
    return _shift(drawn, generator) * 2 - 1


def _dilate(x: Tensor, width: int) -> Tensor:
    return F.max_pool2d(x, width, stride=1, padding=width // 2)


def _smooth(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1)


def _shift(x: Tensor, generator: torch.Generator) -> Tensor:
    count, _, size, _ = x.shape
    padded = F.pad(x, (SHIFT, SHIFT, SHIFT, SHIFT))
    offset = torch.randint(0, 2 * SHIFT + 1, (2, count, 1), generator=generator)
    rows, columns = offset + torch.arange(size)
    which = torch.arange(count)[:, None, None]
    return padded[which, 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)
