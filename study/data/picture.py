"""Keeps a picture in little memory: a small copy, a digest of all its pixels, and its original size."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt
from PIL import Image

#: The longer side of a kept picture, at most. Pictures that are smaller keep every pixel.
WORKING_SIDE = 64
DIGEST_BYTES = 16

Bytes = npt.NDArray[np.uint8]


class Change(IntFlag):
    """What was done to a picture so that it has eight bits in one or three channels."""

    NONE = 0
    WIDE = 1
    TRANSPARENT = 2
    CMYK = 4
    TURNED = 8
    FRAMES = 16
    REDUCED = 32


#: What each change means, as the look prints it.
CHANGES = {
    Change.WIDE: "16 bits a value: the high eight bits are used",
    Change.TRANSPARENT: "transparent: drawn on white",
    Change.CMYK: "CMYK: converted to RGB",
    Change.TURNED: "turned as its EXIF data ask for",
    Change.FRAMES: "several frames: the first one is used",
    Change.REDUCED: "large JPEG: decoded at a half, a quarter or an eighth of its size",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture as it is kept.

    Attributes:
        pixels: uint8 [h, w, C]; the longer side has at most `WORKING_SIDE` pixels. C is 1 if red, green and
            blue are equal everywhere, else 3.
        size: width and height before the picture was made smaller.
        digest: of all pixels before the picture was made smaller, `DIGEST_BYTES` bytes.
        changes: what the decoder did to the picture.
    """

    pixels: Bytes
    size: tuple[int, int]
    digest: bytes
    changes: Change = Change.NONE


def picture_of(
    pixels: Bytes, *, size: tuple[int, int] | None = None, changes: Change = Change.NONE
) -> Picture:
    """Makes the kept form of a picture.

    Args:
        pixels: uint8 [H, W, C] with C = 1 or 3.
        size: width and height, if the decoder has already reduced them.
        changes: what the decoder did to the picture.
    """
    if pixels.shape[2] == 3 and (pixels[:, :, 1:] == pixels[:, :, :1]).all():
        pixels = pixels[:, :, :1]
    height, width, channels = pixels.shape
    digest = hashlib.blake2b(f"{width}×{height}×{channels}:".encode(), digest_size=DIGEST_BYTES)
    digest.update(pixels.tobytes())
    if max(width, height) > WORKING_SIDE:
        small = _resized(pixels, fitted_size(width, height, WORKING_SIDE))
    else:
        small = np.ascontiguousarray(pixels)
    return Picture(pixels=small, size=size or (width, height), digest=digest.digest(), changes=changes)


def fit(pixels: Bytes, side: int) -> Bytes:
    """Fits a whole picture into a square: its longer side fills it, the rest is black.

    A square picture of that side keeps every pixel.

    Args:
        pixels: uint8 [h, w, C].
        side: of the square.

    Returns:
        uint8 [side, side, C].
    """
    height, width, channels = pixels.shape
    if width == height == side:
        return pixels
    size = fitted_size(width, height, side)
    fitted = pixels if size == (width, height) else _resized(pixels, size)
    square = np.zeros((side, side, channels), np.uint8)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    square[top : top + size[1], left : left + size[0]] = fitted
    return square


def fitted_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Returns width and height of a picture whose longer side is made `side` pixels long."""
    scale = side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _resized(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    channels = pixels.shape[2]
    image = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if channels == 1 else pixels))
    resized = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.array(resized, dtype=np.uint8).reshape(size[1], size[0], channels)
