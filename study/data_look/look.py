"""Looks at a set of images: counts, sizes, equal pictures, balance, and what follows for a study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.data.image_set import ImagePart, ImageSet, PartName
from study.data_look.classes import FEW, IMBALANCED, imbalance, mirror
from study.data_look.duplicates import Twins, find_twins
from study.data_look.file_names import shared_names

#: Classes that a warning names.
_NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of the pictures of a part as stored.

    Attributes:
        different: number of different sizes.
        smallest: width and height of the picture with the smallest area.
        median: median width and median height.
        largest: width and height of the picture with the largest area.
        grey: number of pictures whose red, green and blue are equal everywhere.
        colour: number of the others.
    """

    different: int
    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    grey: int
    colour: int


@dataclass(frozen=True, kw_only=True)
class DataLook:
    """What a look at a set of images has found.

    Attributes:
        images: the set.
        counts: int64 [parts, classes], numbers of pictures.
        sizes: of each part.
        exact: equal pictures.
        near: nearly equal pictures; None if there are too many to be looked for.
        near_complete: whether all nearly equal pictures were found.
        names: files of an earlier and a later part that have one name.
        ratio: of the largest class to the smallest one, in the part for training.
        mirrored: whether a study would assume that mirrored pictures keep their class.
        mirror_reason: why.
        warnings: what needs a decision before a study, one sentence each.
    """

    images: ImageSet
    counts: npt.NDArray[np.int64]
    sizes: tuple[Sizes, ...]
    exact: Twins
    near: Twins | None
    near_complete: bool
    names: tuple[tuple[str, str], ...]
    ratio: float
    mirrored: bool
    mirror_reason: str
    warnings: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Whether accuracy is a fair measure; else balanced accuracy and macro F1 are."""
        return self.ratio < IMBALANCED


def look(images: ImageSet) -> DataLook:
    """Looks at a set."""
    counts = np.stack(
        [np.bincount(part.labels, minlength=len(images.classes)) for part in images.parts]
    ).astype(np.int64)
    exact, near, complete = find_twins(images)
    mirrored, reason = mirror(images.classes, images.named)
    ratio = imbalance(counts[0])
    names = tuple(shared_names(images))
    return DataLook(
        images=images,
        counts=counts,
        sizes=tuple(_sizes(part) for part in images.parts),
        exact=exact,
        near=near,
        near_complete=complete,
        names=names,
        ratio=ratio,
        mirrored=mirrored,
        mirror_reason=reason,
        warnings=(
            *_dependence(images, exact, near),
            *_contradictions(exact, near),
            *_names(len(names)),
            *_counts(images, counts),
            *_imbalance(ratio),
        ),
    )


def _sizes(part: ImagePart) -> Sizes:
    area = part.sizes.prod(1)
    smallest, largest = (part.sizes[place] for place in (area.argmin(), area.argmax()))
    median = np.median(part.sizes, axis=0)
    grey = int(part.grey.sum())
    return Sizes(
        different=len(np.unique(part.sizes, axis=0)),
        smallest=(int(smallest[0]), int(smallest[1])),
        median=(int(median[0]), int(median[1])),
        largest=(int(largest[0]), int(largest[1])),
        grey=grey,
        colour=len(part.grey) - grey,
    )


def _dependence(images: ImageSet, exact: Twins, near: Twins | None) -> Iterator[str]:
    """Yields that a part is not independent of the parts that are seen before it, or would not be."""
    for part in images.parts:
        equal = exact.leaks.get(part.name, 0)
        close = near.leaks.get(part.name, 0) if near else 0
        if equal or close:
            yield (
                f"the {part.name.value} part is not independent: {_of(equal, len(part.labels))} are "
                f"equal to a picture of an earlier part, {_of(close, len(part.labels))} nearly; "
                "accuracies on it would be too high"
            )
    alone = images.parts[0].name is PartName.ALL
    if alone and (exact.groups or (near and near.groups)):
        pictures = exact.pictures + (near.pictures if near else 0)
        yield (
            f"the set is not divided and has up to {pictures:,} pictures with an equal or nearly equal "
            "one; a division at random would put them into training and test"
        )


def _of(count: int, whole: int) -> str:
    return f"{count:,} of {whole:,} ({count / whole:.1%})"


def _contradictions(exact: Twins, near: Twins | None) -> Iterator[str]:
    if exact.contradictions:
        yield f"equal pictures have different classes: {_groups(exact.contradictions, 'group')}"
    if near and near.contradictions:
        yield f"nearly equal pictures have different classes: {_groups(near.contradictions, 'pair')}"


def _groups(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _names(count: int) -> Iterator[str]:
    if count:
        yield (
            f"{_groups(count, 'file')} of a later part {'has' if count == 1 else 'have'} the name of a "
            "file of an earlier one; where names are no mere numbering, both may show the same thing"
        )


def _counts(images: ImageSet, counts: npt.NDArray[np.int64]) -> Iterator[str]:
    for part, row in zip(images.parts, counts, strict=True):
        empty = [images.classes[place] for place in np.flatnonzero(row == 0)]
        if empty:
            yield f"the {part.name.value} part has no pictures of {_listed(empty)}"
    few = [
        f"{images.classes[place]} ({counts[0, place]})"
        for place in np.flatnonzero((counts[0] > 0) & (counts[0] < FEW))
    ]
    if few:
        name = images.parts[0].name.value
        yield f"classes of fewer than {FEW} pictures in the {name} part: {_listed(few)}"


def _listed(names: list[str]) -> str:
    further = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {further:,} more" if further > 0 else "")


def _imbalance(ratio: float) -> Iterator[str]:
    if ratio >= IMBALANCED:
        yield (
            f"the largest class has {ratio:.1f} times the pictures of the smallest: from {IMBALANCED:g} "
            "on, balanced accuracy and macro F1 are the measures, not accuracy"
        )
