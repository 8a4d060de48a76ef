"""Keeps the descriptor of a person's own data set beside the results of its study.

Such a set has no file in this package. Its descriptor lies in the results directory, with the images as idx
files beside it (`study.data.own_set`), and is known to a process that has opened the results.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import msgspec

from study.datasets.descriptor import DatasetDescriptor, DatasetName, Files
from study.errors import StoreError

#: Folder in a results directory, and the file in it that describes the set.
FOLDER = "dataset"
DESCRIPTOR = "dataset.json"
#: How the names of own data sets begin; the digest of their content follows.
PREFIX = "own-"
#: Longest name of a class or a set in characters, and largest side of the images in pixels.
LONGEST_NAME, LARGEST_SIDE = 40, 64
#: Maximum size of the descriptor's file in bytes, and number of images of a part.
_MOST_BYTES, _MOST_IMAGES = 1 << 20, 2_000_000


def own_name(sha256: str, flips: bool) -> DatasetName:
    """Returns the name of an own data set, which has equal names for equal content and augmentation."""
    return DatasetName(f"{PREFIX}{sha256[:12]}{'' if flips else '-unmirrored'}")


def is_own(name: str) -> bool:
    return name.startswith(PREFIX)


def read_own(results_dir: Path) -> DatasetDescriptor | None:
    """Returns the descriptor of the own data set of a results directory, or None if there is none.

    Raises:
        StoreError: the descriptor is damaged.
    """
    folder = results_dir / FOLDER
    path = folder / DESCRIPTOR
    if not os.path.isfile(path):
        return None
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise ValueError("it is too large")
        return _descriptor(msgspec.json.decode(content, type=_Stored), folder)
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        raise StoreError(f"{path} is damaged: {error}") from error


def own_json(data: DatasetDescriptor) -> bytes:
    """Returns the content of the descriptor's file. It holds no path, so that results can be moved."""
    kept = {field.name: getattr(data, field.name) for field in fields(_Stored)}
    return json.dumps(kept, ensure_ascii=False, indent=1).encode()


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """The fields of a descriptor that its file holds.

    A file that somebody hands in must not choose others: a reader is a function of any module.
    """

    title: str
    classes: tuple[str, ...]
    side: int
    channels: int
    train_images: int
    validation_images: int
    test_images: int
    flips: bool
    sha256: str


def _descriptor(stored: _Stored, folder: Path) -> DatasetDescriptor:
    """Returns the descriptor of a set whose idx files lie in `folder`.

    Raises:
        ValueError: a value is out of its range.
    """
    for text in (stored.title, *stored.classes):
        if not (0 < len(text) <= LONGEST_NAME and text.isprintable()):
            raise ValueError(f"{text[:LONGEST_NAME]!r} is no name of a set or class")
    if len(stored.sha256) != 64 or not set(stored.sha256) <= set("0123456789abcdef"):
        raise ValueError("it has no digest of the content")
    images = max(stored.train_images + stored.validation_images, stored.test_images)
    if stored.side > LARGEST_SIDE or images > _MOST_IMAGES:
        raise ValueError(f"{images:,} images of a side of {stored.side} pixels")
    return DatasetDescriptor(
        **asdict(stored),
        name=own_name(stored.sha256, stored.flips),
        on_black=False,
        files=Files(folder=str(folder)),
    )
