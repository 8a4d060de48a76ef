"""Images to network inputs, and augmentation of whole batches on their own device."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

PADDING = 2
BLACK = -1.0
#: Shares of the image side: how far a picture may be shifted, and how large an erased square is.
SHIFT = 0.0625
ERASED = 0.25
ERASE_PROBABILITY = 0.25
FLIP_PROBABILITY = 0.5


def to_input(images: Tensor, resolution: int) -> Tensor:
    """uint8 [N, 28, 28] → float32 [N, 1, R, R] in [−1, 1] as (g − 0.5)/0.5.

    32 is reached by two black pixels on each side, which loses nothing; other sizes by
    bilinear resizing.
    """
    x = images.unsqueeze(1).float().div_(127.5).sub_(1.0)
    if resolution == 28 + 2 * PADDING:
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
    """Horizontal flip, shift and random erasing (Zhong et al., AAAI 2020) of a batch.

    Args:
        x: float [N, 1, R, R]; the result has the same shape, dtype and device.
        generator: on the CPU; decides everything.
        flip: probability of mirroring. It keeps all ten labels: clothes have no handedness here,
            and shoes, which the set shows from one side only, stay shoes.
        shift: greatest shift as a share of R; uncovered pixels become black.
        erase: probability that a square of a quarter of R becomes black.
    """
    count, _, side, _ = x.shape
    reach = round(shift * side)
    mirrored = torch.rand(count, generator=generator) < flip
    offsets = torch.randint(0, 2 * reach + 1, (2, count, 1), generator=generator)
    line = torch.arange(side)
    columns = torch.where(mirrored[:, None], side - 1 - line, line) + offsets[0]
    rows = line + offsets[1]
    padded = F.pad(x[:, 0], (reach,) * 4, value=BLACK)
    batch = torch.arange(count)
    moved = padded[
        batch[:, None, None].to(x.device),
        rows[:, :, None].to(x.device),
        columns[:, None, :].to(x.device),
    ]
    size = max(1, round(ERASED * side))
    corner = torch.randint(0, side - size + 1, (2, count, 1), generator=generator)
    erased = torch.rand(count, 1, generator=generator) < erase
    inside_rows = (line >= corner[0]) & (line < corner[0] + size) & erased
    inside_columns = (line >= corner[1]) & (line < corner[1] + size)
    hole = (inside_rows[:, :, None] & inside_columns[:, None, :]).to(x.device)
    return moved.masked_fill_(hole, BLACK).unsqueeze(1)
