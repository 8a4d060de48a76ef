"""Lists the files below a folder or in a zip archive, without what systems hide in them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from study.data.idx import UNREADABLE
from study.data.image_set import Problem, Trouble
from study.errors import DataError

#: Limits of a tree; what has more is no set of pictures but a disk.
MOST_FILES, DEEPEST = 2_000_000, 16
#: Names that operating systems and programs leave in folders, in lower case; hidden names begin with a dot.
_OF_SYSTEMS = frozenset({"__macosx", "thumbs.db", "desktop.ini", "@eadir", "icon\r"})

Steps = tuple[str, ...]
_Identity = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A file of a tree.

    Attributes:
        path: names of the folders below the root, and of the file.
        read: returns the first bytes of the content, at most as many as it is told.
    """

    path: Steps
    read: Callable[[int], bytes]


@dataclass(kw_only=True)
class Tree:
    """The files and folders below a root.

    Attributes:
        files: in the order of their names.
        folders: paths of all folders, also of empty ones.
        problems: what was ignored or not followed.
    """

    files: list[Entry] = field(default_factory=list)
    folders: list[Steps] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def shown(path: Steps) -> str:
    """Returns a path as text; bytes that are not UTF-8 become codes."""
    return os.fsencode("/".join(path)).decode("utf-8", "backslashreplace")


def walk(root: Path) -> Tree:
    """Lists a folder. Links are followed, but not those that lead to a folder above them.

    Raises:
        DataError: a folder cannot be read, or there are too many files or levels.
    """
    tree = Tree()
    whole = Path(os.path.realpath(root))
    above = {_identity(os.stat(folder)) for folder in (whole, *whole.parents)}
    _walk(root, (), above, tree)
    return tree


def _walk(folder: Path, path: Steps, above: set[_Identity], tree: Tree) -> None:
    if len(path) > DEEPEST:
        raise DataError(f"{folder}: more than {DEEPEST} levels of folders")
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror or error}") from error
    for entry in entries:
        below = (*path, entry.name)
        if is_hidden(entry.name):
            tree.problems.append(Problem(kind=Trouble.IGNORED, place=shown(below)))
            continue
        kind, identity = _kind(entry)
        if kind == "folder" and identity in above:
            why = "leads back to a folder above it"
            tree.problems.append(Problem(kind=Trouble.NOT_FOLLOWED, place=shown(below), detail=why))
        elif kind == "folder":
            tree.folders.append(below)
            _walk(Path(entry.path), below, above | {identity}, tree)
        elif kind == "file":
            tree.files.append(Entry(path=below, read=partial(_read, entry.path)))
        else:
            tree.problems.append(Problem(kind=Trouble.NOT_FOLLOWED, place=shown(below), detail=kind))
    if len(tree.files) > MOST_FILES:
        raise DataError(f"{folder}: more than {MOST_FILES:,} files")


def _kind(entry: os.DirEntry[str]) -> tuple[str, _Identity]:
    """Returns ``folder``, ``file`` or why it is neither, and what a folder is recognised by."""
    with suppress(OSError):  # a link that leads to itself
        status = entry.stat()
        if entry.is_dir():
            return "folder", _identity(status)
        return ("file" if entry.is_file() else "neither a file nor a folder"), _identity(status)
    return ("a link that leads nowhere" if entry.is_symlink() else "cannot be looked at"), (0, 0)


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino


def is_hidden(name: str) -> bool:
    """Whether a name is hidden, or one that systems leave behind."""
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def _read(path: str, most: int) -> bytes:
    with open(path, "rb") as stream:
        return stream.read(most)


def walk_zip(archive: zipfile.ZipFile, name: str) -> Tree:
    """Lists an archive; nothing is extracted, so that ``../`` has no effect.

    Raises:
        DataError: it has too many files, or one is compressed in a way whose memory has no limit.
    """
    members = archive.infolist()
    if len(members) > MOST_FILES:
        raise DataError(f"{name}: more than {MOST_FILES:,} files")
    tree = Tree()
    folders: set[Steps] = set()
    ignored: set[Steps] = set()
    for info in sorted(members, key=lambda each: each.filename):
        path = tuple(filter(None, info.filename.replace("\\", "/").split("/")))
        hidden = next((place for place, part in enumerate(path) if is_hidden(part)), None)
        if hidden is not None:
            ignored.add(path[: hidden + 1])
            continue
        last = len(path) + 1 if info.is_dir() else len(path)
        folders |= {path[:length] for length in range(1, last)}
        if info.is_dir() or not path:
            continue
        # zipfile decompresses bzip2 and LZMA in blocks of any size.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(f"{name}: {shown(path)} is compressed neither by deflate nor not at all")
        tree.files.append(Entry(path=path, read=partial(_unpack, archive, info)))
    tree.folders.extend(sorted(folders))
    tree.problems.extend(Problem(kind=Trouble.IGNORED, place=shown(path)) for path in sorted(ignored))
    return tree


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    try:
        with archive.open(info) as stream:
            return stream.read(most)
    except UNREADABLE as error:
        raise OSError(0, f"damaged in the archive ({str(error)[:80]})") from error
