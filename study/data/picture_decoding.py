"""Decodes an image file of any usual form to eight bits in one or three channels, or says why it cannot."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from study.data.picture import Bytes, Change, Picture, picture_of

#: Forms that are read. The others of Pillow stay closed: EPS, for example, would start Ghostscript.
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
#: Maximum number of pixels of an image; a JPEG is counted at the resolution at which it is read.
MOST_PIXELS = 50_000_000
#: A JPEG is read at a half, a quarter or an eighth of its resolution while both sides keep so many pixels.
JPEG_SIDE = 512
#: What the containers of HEIC photos say after ``ftyp``.
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class Undecodable(ValueError):
    """An image cannot be read; the message says why."""


def decode(content: bytes) -> Picture:
    """Decodes an image file, turned as its EXIF data ask for.

    Values of 16 bits keep their high eight bits, whatever the range that the picture uses, because the
    brightness of a picture may tell its class. Transparency is drawn on white. Of several frames the first
    one is taken.

    Args:
        content: the bytes of the file.

    Raises:
        Undecodable: the content is damaged, too large, or not an image of `FORMATS`.
    """
    try:
        with whole_files(), Image.open(io.BytesIO(content), formats=FORMATS) as opened:
            return _picture(opened)
    except (Undecodable, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise Undecodable(f"larger than {MOST_PIXELS:,} pixels") from error
    except UnidentifiedImageError as error:
        raise Undecodable(f"not a readable image{instead(content[:256])}") from error
    except Exception as error:  # decoders raise many types of errors for damaged images
        raise Undecodable(f"damaged ({str(error)[:100] or type(error).__name__})") from error


@contextmanager
def whole_files() -> Iterator[None]:
    """Inside, a file that ends too early is an error.

    Otherwise it would not be one wherever WeasyPrint was imported before: it tells Pillow to fill up what
    is missing.
    """
    before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def instead(start: bytes) -> str:
    """Returns what a file that is no readable image is instead, and what to do; "" if that is not known.

    Args:
        start: the first 256 bytes of the file.
    """
    if not start:
        return ": it is empty"
    if start[4:8] == b"ftyp" and start[8:12] in _HEIC:
        advice = "save or send it as JPEG (iPhone: Settings, Camera, Formats, Most Compatible)"
        return f" but a HEIC photo; {advice}"
    if start[4:8] == b"ftyp":
        return " but a video or a newer format; save one picture of it as JPEG or PNG"
    if start.startswith(b"%PDF"):
        return " but a PDF; save the picture in it as PNG"
    if start.lstrip().lower().startswith((b"<svg", b"<?xml", b"<!doctype", b"<html")):
        return " but a drawing or a page (SVG, XML, HTML); export it as PNG"
    return ""


def _picture(opened: Image.Image) -> Picture:
    size, changes = opened.size, Change.NONE
    # A phone's JPEG of the form MPO has the same picture in several sizes.
    if getattr(opened, "is_animated", False) and opened.format != "MPO":
        changes |= Change.FRAMES
    opened.draft(None, (JPEG_SIDE, JPEG_SIDE))
    if opened.size != size:
        changes |= Change.REDUCED
    if opened.width * opened.height > MOST_PIXELS:
        raise Undecodable(f"larger than {MOST_PIXELS:,} pixels")
    upright: Image.Image = opened
    orientation = opened.getexif().get(ExifTags.Base.Orientation, 1)
    if orientation in range(2, 9):
        upright, changes = ImageOps.exif_transpose(opened), changes | Change.TURNED
        size = size[::-1] if orientation >= 5 else size
    pixels, further = _eight_bits(upright)
    return picture_of(pixels, size=size, changes=changes | further)


def _eight_bits(picture: Image.Image) -> tuple[Bytes, Change]:
    """Returns the pixels, uint8 [H, W, 1 or 3], and what was done to them."""
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format == "PNG"):
        values = np.asarray(picture).astype(np.int64)
        high: Bytes = (values >> 8).clip(0, 255).astype(np.uint8)
        return high[:, :, None], Change.WIDE
    if picture.mode in ("I", "F"):
        raise Undecodable(
            "values of 32 bits, whose range the file does not tell; save it with 8 or 16 bits"
        )
    changes = Change.CMYK if picture.mode == "CMYK" else Change.NONE
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        darkest = picture.getchannel("A").getextrema()[0]
        if isinstance(darkest, (int, float)) and darkest < 255:
            changes |= Change.TRANSPARENT
            white = Image.new("RGBA", picture.size, "white")
            white.alpha_composite(picture)
            picture = white
    grey = picture.mode in ("1", "L")
    pixels: Bytes = np.array(picture.convert("L" if grey else "RGB"), dtype=np.uint8)
    return pixels[:, :, None] if grey else pixels, changes
