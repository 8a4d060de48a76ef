"""Defines a set of labelled images as read from anybody's files, before anything is trained on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from study.data.picture import CHANGES, DIGEST_BYTES, Bytes, Change, Picture, fit
from study.errors import DataError
from study.system.memory import available_gb

#: Numbers of classes that a set may have.
LEAST_CLASSES, MOST_CLASSES = 2, 1_000
#: Share of the free memory that a set may take; the rest is for looking at it.
MEMORY_SHARE = 0.6


class PartName(str, Enum):
    """The parts of a set, in the order in which they are printed; `ALL` is a set that is not divided."""

    ALL = "all"
    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


#: How people name the parts, in lower case.
PART_NAMES = {
    "train": PartName.TRAIN,
    "training": PartName.TRAIN,
    "val": PartName.VALIDATION,
    "valid": PartName.VALIDATION,
    "validation": PartName.VALIDATION,
    "test": PartName.TEST,
    "testing": PartName.TEST,
    "t10k": PartName.TEST,
}


class Trouble(str, Enum):
    """Kinds of things that a reader left out or found odd; the value is how the look prints the kind."""

    BROKEN = "broken pictures"
    FOREIGN = "not pictures"
    OUTSIDE = "pictures outside class folders"
    UNLABELLED = "without labels"
    EMPTY_CLASS = "class folders without pictures"
    NOT_FOLLOWED = "not followed"
    NAMES = "names of classes"
    IGNORED = "hidden or made by a system"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that a reader left out or found odd.

    Attributes:
        kind: what it is.
        place: the file, folder or part.
        detail: why, if the kind does not say it.
    """

    kind: Trouble
    place: str
    detail: str = ""


@dataclass(kw_only=True)
class Rows:
    """The pictures of a part while they are collected."""

    pictures: list[Picture] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class ImagePart:
    """The images of a part.

    Attributes:
        name: which part it is.
        images: uint8 [N, S, S, C], each fitted into a square by `study.data.picture.fit`. All parts have
            the same S, at most `study.data.picture.WORKING_SIDE`; C is 1 if all images of the set are grey.
        labels: int64 [N], places in the classes of the set.
        sizes: int64 [N, 2], width and height as stored.
        grey: bool [N], whether red, green and blue are equal everywhere.
        digests: uint8 [N, 16] of the pixels as stored; equal ones mean equal pictures.
        names: of the files, or places in an array.
    """

    name: PartName
    images: Bytes
    labels: npt.NDArray[np.int64]
    sizes: npt.NDArray[np.int64]
    grey: npt.NDArray[np.bool_]
    digests: Bytes
    names: Sequence[str]

    def __post_init__(self) -> None:
        lengths = {len(self.labels), len(self.sizes), len(self.grey), len(self.digests), len(self.names)}
        if lengths != {len(self.images)}:
            raise ValueError(f"{self.name.value}: columns of different lengths")


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """A set of labelled images.

    Attributes:
        title: name of the folder or file.
        form: what the files are, for example ``class folders``.
        classes: names by label.
        named: whether somebody gave the classes names; False if they are bare numbers of labels.
        parts: those that have images, in the order of `PartName`.
        files: whether each image is a file of its own, so that its name may tell something.
        problems: what was left out or is odd.
        changes: number of pictures by what was done to them.

    Raises:
        DataError: the number of classes is not in `LEAST_CLASSES` … `MOST_CLASSES`.
    """

    title: str
    form: str
    classes: tuple[str, ...]
    named: bool
    parts: tuple[ImagePart, ...]
    files: bool = False
    problems: tuple[Problem, ...] = ()
    changes: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_classes(len(self.classes), self.title)

    @property
    def side(self) -> int:
        """Side of the kept images in pixels."""
        return int(self.parts[0].images.shape[1])


def require_classes(count: int, title: str) -> None:
    """Raises DataError if a set with so many classes cannot be used."""
    if not LEAST_CLASSES <= count <= MOST_CLASSES:
        found = f"{count:,} class{'' if count == 1 else 'es'}"
        raise DataError(f"{title}: {found} found, a set has {LEAST_CLASSES} to {MOST_CLASSES:,}")


def require_memory(size: float, what: str) -> None:
    """Raises DataError if `size` bytes are more than may be taken of the free memory."""
    free = available_gb() * 1e9
    if size > MEMORY_SHARE * free:
        raise DataError(
            f"{what} would take {size / 1e9:,.1f} GB of memory; {free / 1e9:,.1f} GB are free, of which "
            f"{MEMORY_SHARE:.0%} may be taken"
        )


def image_parts(rows: Mapping[PartName, Rows]) -> tuple[ImagePart, ...]:
    """Brings all pictures of a set to one size and one number of channels.

    Args:
        rows: the pictures of each part; there is at least one picture.
    """
    pictures = [picture for each in rows.values() for picture in each.pictures]
    side = max(max(picture.pixels.shape[:2]) for picture in pictures)
    channels = max(picture.pixels.shape[2] for picture in pictures)
    return tuple(
        _part(name, rows[name], side, channels) for name in PartName if name in rows and rows[name].pictures
    )


def _part(name: PartName, rows: Rows, side: int, channels: int) -> ImagePart:
    images = np.empty((len(rows.pictures), side, side, channels), np.uint8)
    for place, picture in enumerate(rows.pictures):
        images[place] = fit(picture.pixels, side)
    digests = b"".join(picture.digest for picture in rows.pictures)
    return ImagePart(
        name=name,
        images=images,
        labels=np.array(rows.labels, np.int64),
        sizes=np.array([picture.size for picture in rows.pictures], np.int64),
        grey=np.array([picture.pixels.shape[2] == 1 for picture in rows.pictures]),
        digests=np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES),
        names=rows.names,
    )


def counted_changes(pictures: Iterable[Picture]) -> dict[str, int]:
    """Returns the number of pictures that each change was made to, in words."""
    found: Counter[Change] = Counter(picture.changes for picture in pictures if picture.changes)
    counts = {
        words: sum(number for changes, number in found.items() if change in changes)
        for change, words in CHANGES.items()
    }
    return {words: count for words, count in counts.items() if count}
