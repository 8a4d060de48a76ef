"""Makes real picture files in class folders for the tests of readers and of the look."""

from __future__ import annotations

import io
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
