"""Finds equal and nearly equal pictures inside the parts of a set, across them and across classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from study.data.image_set import ImageSet, PartName
from study.data_look.near import near_pairs, signatures

#: Groups and pairs that are listed; their numbers are those of all.
MOST_LISTED = 10_000

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Twins:
    """Pictures that are equal, or those that are nearly so.

    Attributes:
        groups: number of groups of equal pictures, or of pairs of nearly equal ones.
        pictures: number of pictures in them.
        leaks: by part, the pictures that have a twin in a part that is seen before: for validation that is
            training, for the test it is training and validation.
        contradictions: number of groups or pairs with more than one class.
        listed: the first groups or pairs, those with several parts or classes first; a picture is given by
            part, class and name.
    """

    groups: int
    pictures: int
    leaks: Mapping[PartName, int]
    contradictions: int
    listed: tuple[tuple[tuple[str, str, str], ...], ...]


class _Rows:
    """All pictures of a set one after another, in the order of the parts."""

    def __init__(self, images: ImageSet) -> None:
        parts = images.parts
        self.names = [part.name for part in parts]
        self.part: Indices = np.repeat(np.arange(len(parts)), [len(part.labels) for part in parts])
        self.label = np.concatenate([part.labels for part in parts])
        self.starts = np.cumsum([0, *(len(part.labels) for part in parts)])
        self._images = images

    def place(self, index: int) -> tuple[str, str, str]:
        """Returns part, class and name of a picture."""
        number = int(self.part[index])
        part = self._images.parts[number]
        name = part.names[index - int(self.starts[number])]
        return part.name.value, self._images.classes[int(self.label[index])], name

    def twins(self, group: Indices, index: Indices) -> Twins:
        """Sums up groups of pictures.

        Args:
            group: number of a group, [M] in 0…G−1; each group has at least two rows.
            index: a picture of that group [M].
        """
        count = int(group.max(initial=-1)) + 1
        holds = np.zeros((count, len(self.names)), np.bool_)
        holds[group, self.part[index]] = True
        # A picture is seen before if its group has one of an earlier part.
        earlier: Indices = np.cumsum(holds, axis=1) - holds
        seen = earlier[group, self.part[index]] > 0
        leaking = np.unique(index[seen])
        leaks = {
            name: int((self.part[leaking] == number).sum())
            for number, name in enumerate(self.names)
            if number
        }
        classes = np.unique(np.stack([group, self.label[index]]), axis=1)
        mixed = np.bincount(classes[0], minlength=count) > 1
        first = np.argsort(~(mixed | (holds.sum(1) > 1)), kind="stable")[:MOST_LISTED]
        order = np.argsort(group, kind="stable")
        edges = np.searchsorted(group[order], np.arange(count + 1))
        listed = tuple(
            tuple(self.place(int(i)) for i in index[order[edges[number] : edges[number + 1]]])
            for number in first
        )
        return Twins(
            groups=count,
            pictures=len(np.unique(index)),
            leaks=leaks,
            contradictions=int(mixed.sum()),
            listed=listed,
        )


def find_twins(images: ImageSet) -> tuple[Twins, Twins | None, bool]:
    """Finds equal pictures and nearly equal ones.

    Nearly equal pictures are looked for among pictures that differ: of several equal ones the first counts.

    Args:
        images: the set.

    Returns:
        The equal pictures; the nearly equal ones, None if they are too many to be looked for; and whether
        these are all.
    """
    rows = _Rows(images)
    digests = np.ascontiguousarray(np.concatenate([part.digests for part in images.parts]))
    _, first, inverse, counts = np.unique(
        digests.view(np.uint64), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    inverse = inverse.ravel()
    repeated = np.flatnonzero(counts[inverse] > 1)
    _, group = np.unique(inverse[repeated], return_inverse=True)
    exact = rows.twins(group.ravel().astype(np.int64), repeated.astype(np.int64))
    signed = [signatures(part.images, part.sizes) for part in images.parts]
    single = np.sort(first).astype(np.int64)
    bits, pixels = (np.concatenate(each)[single] for each in zip(*signed, strict=True))
    found = near_pairs(bits, pixels)
    if found is None:
        return exact, None, False
    pairs, complete = found
    near = rows.twins(np.repeat(np.arange(len(pairs)), 2), single[pairs].ravel())
    return exact, near, complete
