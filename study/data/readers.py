"""Searches a folder for a complete data set of the MNIST family: idx files, CSV files, or an archive."""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from study.data.idx import UNREADABLE, read_csv, read_idx
from study.data.labelled_images import Part
from study.datasets import DatasetDescriptor
from study.errors import DataError

_KINDS = ("images-idx3-ubyte", "labels-idx1-ubyte")
#: Maximum bytes of the archive's directory. That of Kaggle's archive has less than a kilobyte; zipfile
#: would read one with millions of entries into memory before the names can be checked.
_LARGEST_DIRECTORY = 1 << 20
_END_RECORD = 22


@dataclass(frozen=True, kw_only=True)
class Found:
    """A complete data set.

    Attributes:
        train: its training images, before some are set apart for validation.
        test: its test images.
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


@dataclass(frozen=True, kw_only=True)
class _Names:
    """The names of a data set's files.

    Attributes:
        data: the data set.
        parts: prefix of the idx files, name of the CSV file ("" if there is none) and number of images,
            for train and for test.
    """

    data: DatasetDescriptor
    parts: tuple[tuple[str, str, int], ...]

    @classmethod
    def of(cls, data: DatasetDescriptor) -> _Names:
        stem = data.files.kaggle
        train, test = (f"{stem}_{part}.csv" if stem else "" for part in ("train", "test"))
        parts = (("train", train, data.labelled_images), ("t10k", test, data.test_images))
        return cls(data=data, parts=parts)

    def all(self) -> Iterator[str]:
        """Yields the names of all files that may hold a part."""
        for prefix, csv, _ in self.parts:
            for kind in _KINDS:
                yield from (f"{prefix}-{kind}", f"{prefix}-{kind}.gz")
            if csv:
                yield csv

    def archives(self) -> tuple[str, ...]:
        """Returns the names under which Kaggle's archive is saved."""
        stem = self.data.files.kaggle.replace("-", "")
        return ("archive.zip", f"{stem}.zip") if stem else ("archive.zip",)

    def is_archive(self, name: str) -> bool:
        """Whether a file has a name of Kaggle's archive; browsers number a second copy."""
        stems = ["archive", *filter(None, [self.data.files.kaggle])]
        usual = "|".join(re.escape(stem).replace(r"\-", "-?") for stem in stems)
        return bool(re.fullmatch(rf"({usual})([ _-]*(\(\d+\)|\d|copy))*\.zip", name, re.IGNORECASE))


def read_place(place: Path, data: DatasetDescriptor) -> Found | None:
    """Reads what the user names: a folder (see `read_folder`), an archive, or one file of the data set.

    Returns:
        The data set, or None if the folder has none.

    Raises:
        DataError: the place does not exist, cannot be read, or is a file that has no data set.
    """
    if os.path.isdir(place):
        return read_folder(place, data)
    if not os.path.isfile(place):
        raise DataError(f"data directory {place} does not exist or is not a directory")
    names = _Names.of(data)
    if place.name in set(names.all()):
        return read_folder(place.parent, data)
    try:
        return _read_archive(place, names)
    except OSError as error:
        raise DataError(f"{place}: {error.strerror or error}") from error


def read_folder(folder: Path, data: DatasetDescriptor) -> Found | None:
    """Reads the first complete data set in `folder`, one folder below it, or in torchvision's folder.

    idx files are preferred to CSV files, which take several times as long to read, and single files are
    preferred to an archive. Of several archives the first that holds the set is taken, Kaggle's name first.

    Returns:
        The data set, or None if there is none.

    Raises:
        DataError: a data set is complete but one of its files cannot be used, or the folder cannot be read.
    """
    names = _Names.of(data)
    try:
        with os.scandir(folder) as entries:
            below = sorted(Path(entry.path) for entry in entries if entry.is_dir())
        places = [folder, *below]
        if data.files.torchvision:
            places.append(folder / data.files.torchvision / "raw")
        found = _read([_loose(place, names) for place in places], names)
        if found is not None:
            return found
        archives = [path for place in places for path in _archives(place, names)]
        path = next((path for path in archives if _holds_the_set(path, names)), None)
        if path is None:  # why a file with the right name cannot be used
            path = next((path for path in archives if names.is_archive(path.name)), None)
        if path is None:
            _refuse_odd(places, names)
            return None
        return _read_archive(path, names)
    except OSError as error:
        raise DataError(f"{error.filename or folder}: {error.strerror or error}") from error


def _archives(folder: Path, names: _Names) -> list[Path]:
    """Returns the zip archives of a folder, those with a usual name first; none if it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(e.path) for e in entries if e.name.lower().endswith(".zip") and e.is_file()]
    except OSError:
        return []
    return sorted(found, key=lambda path: (not names.is_archive(path.name), len(path.name), path.name))


def _holds_the_set(path: Path, names: _Names) -> bool:
    """Whether the directory of an archive names all files of the set; its content is read later."""
    try:
        with path.open("rb") as stream:
            _check_directory(stream, path)
        with zipfile.ZipFile(path) as archive:
            members = _packed(archive, path, names)
    except (*UNREADABLE, ValueError, DataError):
        return False
    idx = (f"{prefix}-{kind}" for prefix, _, _ in names.parts for kind in _KINDS)
    csv = (csv for _, csv, _ in names.parts)
    return all(_pick(members, name) for name in idx) or all(name in members for name in csv)


def _refuse_odd(places: list[Path], names: _Names) -> None:
    """Raises DataError if something named like a data file is not a file; reading a pipe would block."""
    for place in places:
        for name in (*names.all(), *names.archives()):
            path = place / name
            if os.path.lexists(path) and not path.is_file():
                raise DataError(f"{path}: not a regular file")


def _read(listings: list[_Members], names: _Names) -> Found | None:
    for read in (_idx, _csv):
        for members in listings:
            found = read(members, names)
            if found is not None:
                return found
    return None


def _idx(members: _Members, names: _Names) -> Found | None:
    pairs = []
    for prefix, _, count in names.parts:
        images = _pick(members, f"{prefix}-images-idx3-ubyte")
        labels = _pick(members, f"{prefix}-labels-idx1-ubyte")
        if images is None or labels is None:
            return None
        pairs.append((images, labels, count))
    parts = []
    for images, labels, count in pairs:
        with labels.open() as stream:
            classes = read_idx(stream, labels.name, count, 1, names.data)
        with images.open() as stream:
            pixels = read_idx(stream, images.name, count, 3, names.data)
        parts.append(Part(images=pixels, labels=classes, name=images.name))
    return Found(train=parts[0], test=parts[1], form="idx")


def _csv(members: _Members, names: _Names) -> Found | None:
    if any(csv not in members for _, csv, _ in names.parts):
        return None
    parts = []
    for _, csv, count in names.parts:
        member = members[csv]
        with member.open() as stream:
            images, labels = read_csv(stream, member.name, count, names.data)
        parts.append(Part(images=images, labels=labels, name=member.name))
    return Found(train=parts[0], test=parts[1], form="csv")


def _pick(members: _Members, name: str) -> _Member | None:
    return members.get(name) or members.get(f"{name}.gz")


def _loose(folder: Path, names: _Names) -> _Members:
    paths = {name: folder / name for name in names.all()}
    return {
        name: _Member(name=str(path), open=_opener(path)) for name, path in paths.items() if path.is_file()
    }


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _read_archive(path: Path, names: _Names) -> Found:
    with path.open("rb") as stream:
        _check_directory(stream, path)
    try:
        archive = zipfile.ZipFile(path)
    except (*UNREADABLE, ValueError) as error:
        raise DataError(f"{path}: not a zip archive ({error})") from error
    with archive:
        found = _read([_packed(archive, path, names)], names)
    if found is None:
        title = names.data.called
        raise DataError(f"{path}: not Kaggle's archive of {title} (no idx or CSV files in it)")
    return found


def _packed(archive: zipfile.ZipFile, path: Path, names: _Names) -> _Members:
    """Returns the members by file name without folder; nothing is extracted, so `../` has no effect."""
    wanted = set(names.all())
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
        raise DataError(f"{path}: an archive of too many files to be that of a data set")
