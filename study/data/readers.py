"""Searches a folder for a complete FashionMNIST: idx files, Kaggle's CSV files, or Kaggle's zip archive."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from study.data.idx import UNREADABLE, Images, read_csv, read_idx
from study.errors import DataError
from study.spec import TEST_IMAGES

ALL_TRAINING = 60_000
#: Prefix of the idx files, stem of the CSV file, and number of images, for train and for test.
_PARTS = (
    ("train", "fashion-mnist_train", ALL_TRAINING),
    ("t10k", "fashion-mnist_test", TEST_IMAGES),
)
_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
#: Names under which Kaggle's archive is saved; browsers number a second copy.
_ARCHIVES = ("archive.zip", "fashionmnist.zip")
_ARCHIVE = re.compile(r"(archive|fashion-?mnist)([ _-]*(\(\d+\)|\d|copy))*\.zip", re.IGNORECASE)
#: Maximum bytes of the archive's directory. That of Kaggle's archive has less than a kilobyte; zipfile
#: would read one with millions of entries into memory before the names can be checked.
_LARGEST_DIRECTORY = 1 << 20
_END_RECORD = 22


@dataclass(frozen=True, kw_only=True)
class Part:
    """Train or test as read from files.

    Attributes:
        images: uint8 [N, 28, 28].
        labels: uint8 [N] in 0…9.
        name: of the file, for error messages.
    """

    images: Images
    labels: Images
    name: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """A complete data set.

    Attributes:
        train: its 60,000 training images.
        test: its 10,000 test images.
        form: ``idx`` or ``csv``.
    """

    train: Part
    test: Part
    form: str


@dataclass(frozen=True, kw_only=True)
class _Member:
    name: str
    open: Callable[[], IO[bytes]]


_Members = dict[str, _Member]


def read_place(place: Path) -> Found | None:
    """Reads what the user names: a folder (see `read_folder`), an archive, or one file of the data set.

    Returns:
        The data set, or None if the folder has none.

    Raises:
        DataError: the place does not exist, cannot be read, or is a file that has no data set.
    """
    if os.path.isdir(place):
        return read_folder(place)
    if not os.path.isfile(place):
        raise DataError(f"data directory {place} does not exist or is not a directory")
    if place.name in set(_names()):
        return read_folder(place.parent)
    try:
        return _read_archive(place)
    except OSError as error:
        raise DataError(f"{place}: {error.strerror or error}") from error


def read_folder(folder: Path) -> Found | None:
    """Reads the first complete data set in `folder`, one folder below it, or in ``FashionMNIST/raw``.

    idx files are preferred to CSV files, which take several times as long to read, and single files are
    preferred to an archive. Of several archives the first that holds the set is taken, Kaggle's name first.

    Returns:
        The data set, or None if there is none.

    Raises:
        DataError: a data set is complete but one of its files cannot be used, or the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            below = sorted(Path(entry.path) for entry in entries if entry.is_dir())
        places = [folder, *below, folder / "FashionMNIST" / "raw"]
        found = _read([_loose(place) for place in places])
        if found is not None:
            return found
        archives = [path for place in places for path in _archives(place)]
        path = next(filter(_holds_the_set, archives), None)
        if path is None:  # why a file with the right name cannot be used
            path = next((path for path in archives if _ARCHIVE.fullmatch(path.name)), None)
        if path is None:
            _refuse_odd(places)
            return None
        return _read_archive(path)
    except OSError as error:
        raise DataError(f"{error.filename or folder}: {error.strerror or error}") from error


def _archives(folder: Path) -> list[Path]:
    """Returns the zip archives of a folder, those with a usual name first; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(e.path) for e in entries if e.name.lower().endswith(".zip") and e.is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda path: (not _ARCHIVE.fullmatch(path.name), len(path.name), path.name))


def _holds_the_set(path: Path) -> bool:
    """Whether the directory of an archive names all files of the set; its content is read later."""
    try:
        with path.open("rb") as stream:
            _check_directory(stream, path)
        with zipfile.ZipFile(path) as archive:
            members = _packed(archive, path)
    except (*UNREADABLE, ValueError, DataError):
        return False
    idx = (f"{prefix}-{kind}" for prefix, _, _ in _PARTS for kind in _KINDS)
    csv = (f"{stem}.csv" for _, stem, _ in _PARTS)
    return all(_pick(members, name) for name in idx) or all(name in members for name in csv)


def _refuse_odd(places: list[Path]) -> None:
    """Raises DataError if something named like a data file is not a file; reading a pipe would block."""
    for place in places:
        for name in (*_names(), *_ARCHIVES):
            path = place / name
            if os.path.lexists(path) and not path.is_file():
                raise DataError(f"{path}: not a regular file")


def _read(listings: list[_Members]) -> Found | None:
    for read in (_idx, _csv):
        for members in listings:
            found = read(members)
            if found is not None:
                return found
    return None


def _idx(members: _Members) -> Found | None:
    pairs = []
    for prefix, _, count in _PARTS:
        images = _pick(members, f"{prefix}-images-idx3-ubyte")
        labels = _pick(members, f"{prefix}-labels-idx1-ubyte")
        if images is None or labels is None:
            return None
        pairs.append((images, labels, count))
    parts = []
    for images, labels, count in pairs:
        with labels.open() as stream:
            classes = read_idx(stream, labels.name, count, 1)
        with images.open() as stream:
            pixels = read_idx(stream, images.name, count, 3)
        parts.append(Part(images=pixels, labels=classes, name=images.name))
    return Found(train=parts[0], test=parts[1], form="idx")


def _csv(members: _Members) -> Found | None:
    if any(f"{stem}.csv" not in members for _, stem, _ in _PARTS):
        return None
    parts = []
    for _, stem, count in _PARTS:
        member = members[f"{stem}.csv"]
        with member.open() as stream:
            images, labels = read_csv(stream, member.name, count)
        parts.append(Part(images=images, labels=labels, name=member.name))
    return Found(train=parts[0], test=parts[1], form="csv")


def _pick(members: _Members, name: str) -> _Member | None:
    return members.get(name) or members.get(f"{name}.gz")


def _names() -> Iterator[str]:
    for prefix, stem, _ in _PARTS:
        for kind in _KINDS:
            yield from (f"{prefix}-{kind}", f"{prefix}-{kind}.gz")
        yield f"{stem}.csv"


def _loose(folder: Path) -> _Members:
    paths = {name: folder / name for name in _names()}
    return {
        name: _Member(name=str(path), open=_opener(path)) for name, path in paths.items() if path.is_file()
    }


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _read_archive(path: Path) -> Found:
    with path.open("rb") as stream:
        _check_directory(stream, path)
    try:
        archive = zipfile.ZipFile(path)
    except (*UNREADABLE, ValueError) as error:
        raise DataError(f"{path}: not a zip archive ({error})") from error
    with archive:
        found = _read([_packed(archive, path)])
    if found is None:
        raise DataError(f"{path}: not Kaggle's archive of FashionMNIST (no idx or CSV files in it)")
    return found


def _packed(archive: zipfile.ZipFile, path: Path) -> _Members:
    """Returns the members by file name without folder; nothing is extracted, so `../` has no effect."""
    wanted = set(_names())
    members: _Members = {}
    for info in archive.infolist():
        pure = PurePosixPath(info.filename)
        if pure.name in wanted and len(pure.parts) <= 2 and not info.is_dir():
            name = f"{path}:{info.filename}"
            opener = partial(_open, archive, info, name)
            members.setdefault(pure.name, _Member(name=name, open=opener))
    return members


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> IO[bytes]:
    # zipfile decompresses bzip2 and LZMA in blocks of any size; for deflate the reader sets the limit.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{name}: compressed in a way that Kaggle does not use")
    try:
        return archive.open(info)
    except UNREADABLE as error:
        raise DataError(f"{name}: damaged file ({error})") from error


def _check_directory(stream: IO[bytes], path: Path) -> None:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - 0xFFFF - _END_RECORD))
    tail = stream.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) < end + _END_RECORD:
        raise DataError(f"{path}: not a zip archive, or a truncated one")
    directory = int.from_bytes(tail[end + 12 : end + 16], "little")
    # A zip64 record would replace the size that was just read.
    if directory > _LARGEST_DIRECTORY or tail[max(0, end - 20) :].startswith(b"PK\x06\x07"):
        raise DataError(f"{path}: an archive of too many files to be Kaggle's FashionMNIST")
