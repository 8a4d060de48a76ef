"""Makes real picture files in class folders for the tests of readers and of the look."""

from __future__ import annotations

import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def photo(seed: int, width: int = 96, height: int = 80) -> Image.Image:
    """Returns a colour picture of soft shapes, unlike those of other seeds."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 7, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Returns the picture as a file."""
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def png_of(width: int, height: int) -> bytes:
    """Returns a PNG that declares a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def write(path: Path, content: bytes | Image.Image) -> Path:
    """Writes a file, or a picture as PNG, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else encoded(content))
    return path


def write_classes(folder: Path, classes: dict[str, range]) -> Path:
    """Writes a photo for each seed of each class; the name of a file is its seed."""
    for name, seeds in classes.items():
        for seed in seeds:
            write(folder / name / f"{seed}.png", photo(seed))
    return folder
