"""Makes a data set for a study of anybody's set of images, and keeps it beside the results.

The images are kept as the idx files of the MNIST family, so that every process of the study, and whoever
reads the results later, finds them without the place that they came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from study.data.idx import idx_bytes
from study.data.idx_family import OWN
from study.data.image_set import ImagePart, ImageSet, PartName
from study.data.labelled_images import LabelledImages, Part, content_sha256
from study.data.splits import balanced_order
from study.datasets import know_own
from study.datasets.descriptor import MOST_CLASSES, DatasetDescriptor
from study.datasets.own import DESCRIPTOR, FOLDER, LONGEST_NAME, own_json, own_name, read_own
from study.errors import DataError
from study.store.files import write_atomic, write_json

#: File with what a look at the set has found.
LOOK = "data_look.json"
#: How the names of the files of the training and the test part begin.
_PREFIXES = ("train", "t10k")
#: Share of the pictures that become the test part of a set that is not divided.
TEST_SHARE = 0.2
#: Share of the training pictures that are set apart for validation, and their largest number.
VALIDATION_SHARE, MOST_VALIDATION = 0.1, 6_000
#: Least number of pictures of each part by class on average; with fewer no accuracy means anything.
LEAST_BY_CLASS = 2


class Division(str, Enum):
    """How training and test pictures were told apart; `data_look.json` has the value."""

    GIVEN = "given"
    VALIDATION = "validation as test"
    DRAWN = "drawn"


@dataclass(frozen=True, kw_only=True)
class OwnSet:
    """A data set made of anybody's images, and what was decided for that.

    Attributes:
        images: the data set.
        division: where the test pictures come from.
        joined: whether pictures for validation joined those for training.
    """

    images: LabelledImages
    division: Division
    joined: bool

    def told(self) -> Iterator[str]:
        """Yields the decisions, one sentence each."""
        if self.division is Division.VALIDATION:
            yield "there is no test part: the pictures for validation are the test"
        if self.division is Division.DRAWN:
            yield (
                f"the set is not divided: {TEST_SHARE:.0%} of each class, drawn at random, are the test; "
                "equal pictures stay on one side"
            )
        if self.joined:
            yield "pictures for validation join those for training: each seed draws its own from them"

    def facts(self) -> dict[str, Any]:
        """Returns the decisions as `data_look.json` has them."""
        return {"division": self.division.value, "joined": self.joined}


def own_set(images: ImageSet, *, flips: bool) -> OwnSet:
    """Makes a data set of a set of images.

    Pictures for validation join those for training, because a study draws its own validation images for
    each seed. A set without test pictures is divided at random, with the shares of the classes kept and
    equal pictures on one side.

    Args:
        images: the set.
        flips: whether a mirrored picture keeps its class.

    Raises:
        DataError: there are too many classes or too few pictures.
    """
    if images.side < 2:
        raise DataError(f"{images.title}: pictures of a single pixel show nothing")
    if len(images.classes) > MOST_CLASSES:
        found = f"{len(images.classes):,} classes"
        raise DataError(f"{images.title}: {found}; a study has at most {MOST_CLASSES}")
    given = {part.name: part for part in images.parts}
    division, joined = _division(given)
    train, test = _divided(given, division)
    parts = tuple(
        Part(images=_pixels(part.images), labels=part.labels.astype(np.uint8), name=name)
        for part, name in ((train, "train"), (test, "test"))
    )
    descriptor = _descriptor(images, parts, flips)
    arrays = [
        array
        for part in parts
        for array in (torch.from_numpy(part.images), torch.from_numpy(part.labels.astype(np.int64)))
    ]
    made = LabelledImages(
        train_images=arrays[0],
        train_labels=arrays[1],
        test_images=arrays[2],
        test_labels=arrays[3],
        source=OWN,
        sha256=descriptor.sha256,
        data=descriptor,
    )
    return OwnSet(images=made, division=division, joined=joined)


def keep(images: LabelledImages, results_dir: Path, look: Mapping[str, Any] | None = None) -> None:
    """Writes the images as idx files and, last, the descriptor, unless this data set is there.

    From then on the data set is read from there, by this process and by those that open the results.

    Args:
        images: an own data set.
        results_dir: the results directory.
        look: what a look at the set has found, and `OwnSet.facts`, for the report.

    Raises:
        StoreError: the results directory cannot be written to, or holds a damaged descriptor.
    """
    folder = results_dir / FOLDER
    there = read_own(results_dir)
    whole = all((folder / name).is_file() for prefix in _PREFIXES for name in _files(prefix))
    if there is None or there.name != images.data.name or not whole:
        _write(images, folder)
        if look is not None:
            write_json(folder / LOOK, dict(look))
        content = own_json(images.data)
        write_atomic(folder / DESCRIPTOR, lambda stream: stream.write(content))
    know_own(results_dir)


def _write(images: LabelledImages, folder: Path) -> None:
    parts = ((images.train_images, images.train_labels), (images.test_images, images.test_labels))
    for prefix, (pixels, labels) in zip(_PREFIXES, parts, strict=True):
        first, second = _files(prefix)
        _write_idx(folder / first, pixels.numpy())
        _write_idx(folder / second, labels.numpy().astype(np.uint8))


def _files(prefix: str) -> tuple[str, str]:
    return f"{prefix}-images-idx3-ubyte", f"{prefix}-labels-idx1-ubyte"


def _write_idx(path: Path, array: npt.NDArray[np.uint8]) -> None:
    content = idx_bytes(array)
    write_atomic(path, lambda stream: stream.write(content))


def _descriptor(images: ImageSet, parts: tuple[Part, ...], flips: bool) -> DatasetDescriptor:
    train, test = parts
    classes = len(images.classes)
    validation = min(MOST_VALIDATION, max(classes, round(VALIDATION_SHARE * len(train.labels))))
    left = len(train.labels) - validation
    if left < LEAST_BY_CLASS * classes or len(test.labels) < LEAST_BY_CLASS * classes:
        raise DataError(
            f"{images.title}: {len(train.labels):,} pictures for training and {len(test.labels):,} for the "
            f"test are too few for {classes} classes"
        )
    lacking = sorted(set(range(classes)) - set(train.labels.tolist()))
    if lacking:
        named = ", ".join(images.classes[place] for place in lacking[:3])
        raise DataError(f"{images.title}: the training part has no pictures of {named}")
    sha256 = content_sha256(*parts)
    return DatasetDescriptor(
        name=own_name(sha256, flips),
        title=_short(images.title),
        classes=_names(images.classes),
        side=images.side,
        channels=images.parts[0].images.shape[-1],
        on_black=False,
        train_images=left,
        validation_images=validation,
        test_images=len(test.labels),
        flips=flips,
        sha256=sha256,
    )


def _division(parts: Mapping[PartName, ImagePart]) -> tuple[Division, bool]:
    """Returns where the test pictures come from, and whether validation joins the training pictures."""
    trained = PartName.TRAIN in parts
    if trained and PartName.TEST in parts:
        return Division.GIVEN, PartName.VALIDATION in parts
    if trained and PartName.VALIDATION in parts:
        return Division.VALIDATION, False
    return Division.DRAWN, False


def _divided(parts: Mapping[PartName, ImagePart], division: Division) -> tuple[ImagePart, ImagePart]:
    """Returns what is trained on, validation images included, and what is tested on."""
    if division is Division.DRAWN:
        whole = _joined(list(parts.values()))
        chosen = _for_test(whole)
        return _picked(whole, ~chosen), _picked(whole, chosen)
    test = PartName.TEST if division is Division.GIVEN else PartName.VALIDATION
    return _joined([part for name, part in parts.items() if name is not test]), parts[test]


def _for_test(whole: ImagePart) -> npt.NDArray[np.bool_]:
    """Chooses the test pictures: bool [N]. Groups of equal pictures are drawn as one picture."""
    _, first, group = np.unique(whole.digests, axis=0, return_index=True, return_inverse=True)
    group = group.reshape(-1)
    order = balanced_order(torch.from_numpy(whole.labels[first]), seed=0).numpy()
    drawn = np.zeros(len(first), bool)
    drawn[order[: round(TEST_SHARE * len(first))]] = True
    return np.asarray(drawn[group])


def _joined(parts: list[ImagePart]) -> ImagePart:
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        images=np.concatenate([part.images for part in parts]),
        labels=np.concatenate([part.labels for part in parts]),
        sizes=np.concatenate([part.sizes for part in parts]),
        grey=np.concatenate([part.grey for part in parts]),
        digests=np.concatenate([part.digests for part in parts]),
        names=[name for part in parts for name in part.names],
    )


def _picked(part: ImagePart, chosen: npt.NDArray[np.bool_]) -> ImagePart:
    return replace(
        part,
        images=part.images[chosen],
        labels=part.labels[chosen],
        sizes=part.sizes[chosen],
        grey=part.grey[chosen],
        digests=part.digests[chosen],
        names=[name for name, taken in zip(part.names, chosen, strict=True) if taken],
    )


def _pixels(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns uint8 [N, S, S] of grey images, uint8 [N, S, S, 1], and images in colour as they are."""
    return np.ascontiguousarray(images[..., 0] if images.shape[-1] == 1 else images)


def _names(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Returns names that can be printed and tell the classes apart."""
    short = [_short(name) for name in classes]
    return tuple(
        name if short.count(name) == 1 else f"{name[: LONGEST_NAME - 6]} ({place})"
        for place, name in enumerate(short)
    )


def _short(text: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in text).strip()
    return (printable if len(printable) <= LONGEST_NAME else f"{printable[: LONGEST_NAME - 1]}…") or "?"
