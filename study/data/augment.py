"""Converts images to network inputs, and augments batches on the device on which they are."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PADDING = 2
BLACK = -1.0
#: Shares of the image side: the greatest shift, and the side of an erased square.
SHIFT = 0.0625
ERASED = 0.25
ERASE_PROBABILITY = 0.25
FLIP_PROBABILITY = 0.5
#: Shares of red, green and blue in a shade of grey.
_LIGHTNESS = (0.299, 0.587, 0.114)


def shades(images: Tensor) -> Tensor:
    """Returns images as shades of grey (ITU-R BT.601), for figures.

    Args:
        images: uint8 [N, side, side], [N, side, side, 1] or [N, side, side, 3].

    Returns:
        uint8 [N, side, side].
    """
    if images.dim() == 3:
        return images
    if images.shape[-1] == 1:
        return images[..., 0]
    return (images.float() @ torch.tensor(_LIGHTNESS)).round().byte()


def to_input(images: Tensor, resolution: int) -> Tensor:
    """Converts images to network inputs: grey value g in [0, 1] becomes (g − 0.5) / 0.5.

    A resolution that is four pixels above the side, such as 32 for FashionMNIST, is reached by two black
    pixels on each side, which keeps all pixels; others are reached by bilinear interpolation.

    Args:
        images: uint8 [N, side, side], or [N, side, side, 3] in colour.
        resolution: side R of the result in pixels.

    Returns:
        float32 [N, C, R, R] in [−1, 1], with C = 1 or 3.
    """
    planes = images.unsqueeze(1) if images.dim() == 3 else images.permute(0, 3, 1, 2)
    x = planes.float().div_(127.5).sub_(1.0)
    if resolution == images.shape[1] + 2 * PADDING:
        return F.pad(x, (PADDING,) * 4, value=BLACK)
    return F.interpolate(x, size=(resolution, resolution), mode="bilinear", align_corners=False)


def augment(
    x: Tensor,
    generator: torch.Generator,
    *,
    flip: float = FLIP_PROBABILITY,
    shift: float = SHIFT,
    erase: float = ERASE_PROBABILITY,
) -> Tensor:
    """Augments a batch by horizontal flips, shifts and random erasing (Zhong et al., AAAI 2020).

    Args:
        x: float [N, C, R, R] in [−1, 1].
        generator: on the CPU; it makes all random choices.
        flip: probability of a horizontal flip; 0 where it may change the class (`flips` of a descriptor).
        shift: greatest shift as a share of R; uncovered pixels become black.
        erase: probability that a square becomes black whose side is a quarter of R.

    Returns:
        A new tensor of the shape, dtype and device of `x`.
    """
    count, _, side, _ = x.shape
    reach = round(shift * side)
    mirrored = torch.rand(count, generator=generator) < flip
    offsets = torch.randint(0, 2 * reach + 1, (2, count, 1), generator=generator)
    line = torch.arange(side)
    columns = torch.where(mirrored[:, None], side - 1 - line, line) + offsets[0]
    rows = line + offsets[1]
    padded = F.pad(x, (reach,) * 4, value=BLACK).unbind(1)
    places = (
        torch.arange(count)[:, None, None].to(x.device),
        rows[:, :, None].to(x.device),
        columns[:, None, :].to(x.device),
    )
    moved = torch.stack([plane[places] for plane in padded], 1)
    size = max(1, round(ERASED * side))
    corner = torch.randint(0, side - size + 1, (2, count, 1), generator=generator)
    erased = torch.rand(count, 1, generator=generator) < erase
    inside_rows = (line >= corner[0]) & (line < corner[0] + size) & erased
    inside_columns = (line >= corner[1]) & (line < corner[1] + size)
    hole = (inside_rows[:, :, None] & inside_columns[:, None, :]).to(x.device)
    return moved.masked_fill_(hole[:, None], BLACK)
