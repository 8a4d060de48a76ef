"""Reads the idx files of MNIST and the sets that took over its form: KMNIST, EMNIST, FashionMNIST."""

from __future__ import annotations

import math
import os
import re
import string
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from study.data.idx import Images, idx_shape, read_shaped
from study.data.image_arrays import Labelled, set_of_arrays
from study.data.image_set import PART_NAMES, ImageSet, PartName, require_memory
from study.data.picture_tree import is_hidden
from study.errors import DataError

_NAME = re.compile(
    r"(?P<prefix>.*?)(?P<part>train|t10k|test|val(?:id(?:ation)?)?)[-_.](?P<kind>images|labels)"
    r"[-_.]idx[13][-_.]ubyte(?:\.gz)?",
    re.IGNORECASE,
)
#: Beginning of the names of EMNIST's files, whose images are transposed (Cohen et al. 2017).
_EMNIST = "emnist-"
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"
#: Classes of EMNIST's sets in the order of their labels, for whoever has no mapping file beside the images.
_EMNIST_CLASSES = {
    "byclass": string.digits + string.ascii_uppercase + string.ascii_lowercase,
    "bymerge": _MERGED,
    "balanced": _MERGED,
    "letters": " " + string.ascii_uppercase,  # labels begin with 1
    "digits": string.digits,
    "mnist": string.digits,
}
_MOST_MAPPING = 64 * 1024

_Files = Mapping[PartName, Mapping[str, Path]]


def is_idx(path: Path) -> bool:
    """Whether a file is named like images or labels of the MNIST family."""
    return not is_hidden(path.name) and _NAME.fullmatch(path.name) is not None


def find_idx(folder: Path) -> dict[str, _Files]:
    """Returns the idx files in a folder and one folder below it, by the prefix of their names.

    Of a file that is there with and without ``.gz`` the one without is taken.
    """
    found: dict[str, dict[PartName, dict[str, Path]]] = {}
    below = (path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))
    for place in (folder, *sorted(below)):
        try:
            names = sorted(os.listdir(place))
        except OSError:  # a folder that belongs to others is no part of the set
            continue
        for name in names:
            match = _NAME.fullmatch(name)
            if match is not None and not is_hidden(name) and (place / name).is_file():
                part = PART_NAMES[match["part"].lower()]
                files = found.setdefault(match["prefix"], {}).setdefault(part, {})
                files.setdefault(match["kind"].lower(), place / name)
    return dict(found)


def read_idx_set(
    folder: Path, *, title: str, prefix: str | None, names: Mapping[str, str] | None
) -> ImageSet:
    """Reads a set of the MNIST family.

    Args:
        folder: that of the files, see `find_idx`.
        title: of the set.
        prefix: of the wanted set's files; None for the only one.
        names: of the classes by label; None if nobody gave them.

    Raises:
        DataError: there are several sets, a file is missing or damaged, or images and labels do not fit.
    """
    found = find_idx(folder)
    if prefix is None and len(found) > 1:
        sets = ", ".join(sorted(f"{name or '(no prefix)'}" for name in found))
        raise DataError(f"{title} holds several sets ({sets}); name the file of images of one of them")
    prefix = next(iter(found)) if prefix is None else prefix
    parts = {part: _part(files, prefix) for part, files in found[prefix].items()}
    if prefix.lower().startswith(_EMNIST):
        names = names if names is not None else _emnist_names(_beside(found[prefix]), prefix)
    return set_of_arrays(parts, title=title, form="idx files", names=names)


def _beside(files: _Files) -> Path:
    """Returns the folder of a set's files."""
    return next(path for part in files.values() for path in part.values()).parent


def prefix_of(path: Path) -> str:
    """Returns the prefix of an idx file's name, by which `find_idx` sorts."""
    match = _NAME.fullmatch(path.name)
    return match["prefix"] if match is not None else ""


def _part(files: Mapping[str, Path], prefix: str) -> Labelled:
    missing = next((kind for kind in ("images", "labels") if kind not in files), None)
    if missing:
        there = next(iter(files.values()))
        raise DataError(f"{there.name}: the file of {missing} that belongs to it is missing")
    labels = _read(files["labels"], 1)
    images = _read(files["images"], 3)
    if len(images) != len(labels):
        raise DataError(f"{files['images'].name}: {len(images):,} images, but {len(labels):,} labels")
    if prefix.lower().startswith(_EMNIST):
        images = images.transpose(0, 2, 1)
    return Labelled(images=np.ascontiguousarray(images)[:, :, :, None], labels=labels)


def _read(path: Path, dimensions: int) -> Images:
    try:
        with path.open("rb") as stream:
            shape = idx_shape(stream, path.name, dimensions)
            if not math.prod(shape):
                raise DataError(f"{path.name}: holds {'×'.join(map(str, shape))}, which is nothing")
            require_memory(3 * math.prod(shape), f"{path.name}: {'×'.join(map(str, shape))} bytes")
            return read_shaped(stream, path.name, shape)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def _emnist_names(folder: Path, prefix: str) -> Mapping[str, str] | None:
    """Returns the classes of a set of EMNIST by label, from its mapping file or from what is published."""
    mapping = folder / f"{prefix}mapping.txt"
    if mapping.is_file():
        with mapping.open("rb") as stream:
            return _mapping(stream.read(_MOST_MAPPING), mapping.name)
    letters = _EMNIST_CLASSES.get(prefix[len(_EMNIST) :].rstrip("-_.").lower())
    return None if letters is None else {str(label): letter for label, letter in enumerate(letters)}


def _mapping(content: bytes, name: str) -> dict[str, str]:
    """Parses lines of a label and the codes of the characters that it stands for."""
    names = {}
    for number, line in enumerate(content.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        codes = [int(word) for word in words[1:] if word.isdigit() and len(word) < 4]
        if not codes or len(codes) != len(words) - 1 or not words[0].isdigit() or not _printable(codes):
            raise DataError(f"{name}, line {number}: not a label and codes of characters")
        names[str(int(words[0][:9]))] = "/".join(map(chr, codes))
    return names


def _printable(codes: list[int]) -> bool:
    return all(32 < code < 127 for code in codes)
