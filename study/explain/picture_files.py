"""Reads a person's image file, and says what to do where it cannot be read."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from study.data.picture_decoding import JPEG_SIDE, MOST_PIXELS, instead, whole_files
from study.errors import UsageError


def read_picture(path: Path) -> Image.Image:
    """Reads an image file with the right side up, in the mode L, RGB or RGBA.

    Values of more than eight bits are scaled from their own range to 0…255.

    Raises:
        UsageError: the file is missing, too large, or not a readable image.
    """
    if not path.is_file():  # reading a pipe would block
        raise UsageError(f"{path} is not a file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MOST_PIXELS is lower
            opened = Image.open(path)
        with whole_files(), opened:
            opened.draft(None, (JPEG_SIDE, JPEG_SIDE))
            if opened.width * opened.height > MOST_PIXELS:
                raise _too_large(path)
            upright = ImageOps.exif_transpose(opened)
            if upright.mode[0] in "IF":
                return _eight_bits(upright)
            return upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    except UsageError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large(path) from error
    except Exception as error:  # decoders raise many types of errors for damaged images
        raise UsageError(f"{path} is not a readable image{_instead(path)}") from error


def _too_large(path: Path) -> UsageError:
    return UsageError(
        f"{path} is larger than {MOST_PIXELS:,} pixels; save it smaller, for example 1,000 pixels wide"
    )


def _instead(path: Path) -> str:
    """Returns what a file that cannot be read is instead, and what to do."""
    with path.open("rb") as stream:
        return instead(stream.read(256)) or "; save it as JPEG or PNG"


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scales wider values to eight bits, because Pillow's own conversion would clip them at 255."""
    values = np.asarray(picture, dtype=np.float64)
    low, high = values.min(), values.max()
    if not np.isfinite((low, high)).all():
        raise ValueError("values that are no numbers")
    scaled = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    return Image.fromarray(scaled.round().astype(np.uint8))
