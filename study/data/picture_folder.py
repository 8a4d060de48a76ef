"""Reads pictures in class folders, where wanted below folders for training, validation and test."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from study.data.class_names import FILES as NAME_FILES
from study.data.class_names import MOST_BYTES as MOST_NAME_BYTES
from study.data.class_names import named_classes, read_class_names
from study.data.image_set import (
    PART_NAMES,
    ImageSet,
    PartName,
    Problem,
    Rows,
    Trouble,
    counted_changes,
    image_parts,
    require_classes,
    require_memory,
)
from study.data.picture import Picture
from study.data.picture_cache import PictureCache, file_digest
from study.data.picture_decoding import Undecodable, decode, whole_files
from study.data.picture_tree import Entry, Steps, Tree, shown
from study.errors import DataError

#: A set is read without its broken pictures if they are at most this share of it and at most so many. One
#: is always allowed, unless it is all that its class has.
MOST_BROKEN_SHARE, MOST_BROKEN = 0.05, 1_000
#: Largest file that is decoded.
LARGEST_FILE = 200 * 1024 * 1024
#: Endings of pictures, with those that are not read: such a file is a broken picture and no foreign file.
_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".gif", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".psd", ".svg"),
)
#: Endings of files that are never opened to see whether they are pictures.
_OTHERS = (".csv", ".txt", ".npz", ".gz", ".zip", ".json", ".xml", ".md", ".yaml", ".yml", ".py")
#: First bytes of pictures, for files without one of these endings.
_STARTS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"GIF8", b"II*\0", b"MM\0*")
#: Pictures that a thread reads in one go, and threads; decoders work without the interpreter's lock.
_CHUNK, _MOST_THREADS = 64, 4
#: Bytes of a picture in memory beside its pixels.
_OVERHEAD = 600
#: Pictures spread over the whole set that are read first, to estimate the memory that all will take.
_SAMPLE = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class _Placed:
    """A picture file with its part and the key of its class."""

    entry: Entry
    part: PartName
    key: str


@dataclass(kw_only=True)
class _Arrangement:
    """What a tree is taken for."""

    placed: list[_Placed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)


def holds_pictures(tree: Tree) -> bool:
    """Whether a tree has a picture below a folder."""
    return any(len(entry.path) > 1 and _is_picture(entry) for entry in tree.files)


def read_pictures(
    tree: Tree, *, title: str, form: str, cache: PictureCache, tell: Callable[[str], None]
) -> ImageSet:
    """Reads a tree of class folders.

    Folders that hold one folder and nothing else are passed through. Pictures at any depth below a class
    folder belong to its class. Names that differ only in the form of Unicode are one class.

    Args:
        tree: of a folder or an archive.
        title: of the set.
        form: of the set, see `ImageSet`.
        cache: of decoded pictures.
        tell: is told what is worth a line while reading.

    Raises:
        DataError: the tree has too few or too many classes, too many broken pictures, or too many pixels.
    """
    found = _arranged(tree)
    keys = sorted({each.key for each in found.placed}, key=_by_number)
    if not found.placed:
        raise DataError(f"{title}: no pictures in class folders")
    require_classes(len(keys), title)
    classes = named_classes(keys, found.names)
    pictures = _decoded(found.placed, title, cache, tell)
    broken = [
        Problem(kind=Trouble.BROKEN, place=shown(each.entry.path), detail=str(result))
        for each, result in zip(found.placed, pictures, strict=True)
        if isinstance(result, Undecodable)
    ]
    _require_few(broken, len(found.placed), title)
    label = {key: number for number, key in enumerate(keys)}
    rows = {name: Rows() for name in PartName}
    for each, picture in zip(found.placed, pictures, strict=True):
        if isinstance(picture, Picture):
            rows[each.part].pictures.append(picture)
            rows[each.part].labels.append(label[each.key])
            rows[each.part].names.append(shown(each.entry.path))
    lost = set(label.values()).difference(*(part.labels for part in rows.values()))
    if lost:
        raise DataError(f"{title}: no picture of the class {keys[min(lost)]} can be read")
    parts = image_parts(rows)
    strangers = [
        Problem(kind=Trouble.NAMES, place=NAME_FILES[0], detail=f"{name} is not among the class folders")
        for name in found.names.keys() - label.keys()
    ]
    return ImageSet(
        title=title,
        form=form,
        classes=classes,
        named=True,
        parts=parts,
        files=True,
        problems=(*found.problems, *broken, *strangers),
        changes=counted_changes(each for each in pictures if isinstance(each, Picture)),
    )


def _require_few(broken: Sequence[Problem], count: int, title: str) -> None:
    allowed = min(MOST_BROKEN, max(1, int(MOST_BROKEN_SHARE * count)))
    if len(broken) > allowed:
        first = "; ".join(f"{each.place}: {each.detail}" for each in broken[:3])
        raise DataError(
            f"{title}: {len(broken):,} of {count:,} pictures cannot be read, at most {allowed:,} may be; "
            f"{first}"
        )


def _by_number(name: str) -> tuple[int, str]:
    """Sorts ``2`` before ``10``, and numbers before other names."""
    return (int(name), name) if name.isascii() and name.isdecimal() and len(name) < 10 else (10**10, name)


def _arranged(tree: Tree) -> _Arrangement:
    """Finds out which folders are classes, and puts each picture into its part and class."""
    root = _root(tree)
    divided = _is_divided(tree, root)
    deep = len(root) + divided  # number of names before that of the class
    found = _Arrangement(problems=list(tree.problems))
    filled: set[Steps] = set()
    for entry in tree.files:
        below = entry.path[len(root) :] if entry.path[: len(root)] == root else ()
        if 1 in (len(below), len(entry.path)) and entry.path[-1].lower() in NAME_FILES:
            found.names = _names(entry)
            continue
        part = _part(below[0]) if divided and below else PartName.ALL
        if not _is_picture(entry):
            found.problems.append(Problem(kind=Trouble.FOREIGN, place=shown(entry.path)))
        elif len(below) < 2 or part is None:
            found.problems.append(Problem(kind=Trouble.OUTSIDE, place=shown(entry.path)))
        elif len(entry.path) < deep + 2:
            found.problems.append(Problem(kind=Trouble.UNLABELLED, place=shown(entry.path)))
        else:
            filled.add(entry.path[: deep + 1])
            found.placed.append(_Placed(entry=entry, part=part, key=_key(entry.path[deep])))
    folders = [
        folder
        for folder in tree.folders
        if len(folder) == deep + 1
        and folder[: len(root)] == root
        and not (divided and _part(folder[len(root)]) is None)
    ]
    found.problems.extend(
        Problem(kind=Trouble.EMPTY_CLASS, place=shown(folder)) for folder in folders if folder not in filled
    )
    found.problems.extend(_odd_names(filled))
    return found


def _root(tree: Tree) -> Steps:
    """Passes through folders that hold one folder of folders and no pictures, as unpacked archives have."""
    root: Steps = ()
    while True:
        below = _children(tree, root)
        if len(below) != 1 or any(entry.path[:-1] == root and _is_picture(entry) for entry in tree.files):
            return root
        (only,) = below
        if _part(only) is not None or not _children(tree, (*root, only)):
            return root
        root = (*root, only)


def _is_divided(tree: Tree, root: Steps) -> bool:
    """Whether the folders below `root` are parts: one of them holds folders, and none is a class."""
    below = _children(tree, root)
    classes = {
        entry.path[len(root)]
        for entry in tree.files
        if len(entry.path) > len(root) + 1 and entry.path[: len(root)] == root and _is_picture(entry)
    }
    if any(_part(name) is None for name in classes):
        return False
    return any(_part(name) is not None and _children(tree, (*root, name)) for name in below)


def _children(tree: Tree, folder: Steps) -> set[str]:
    depth = len(folder)
    return {each[depth] for each in tree.folders if len(each) == depth + 1 and each[:depth] == folder}


def _part(name: str) -> PartName | None:
    return PART_NAMES.get(name.lower())


def _key(name: str) -> str:
    """Returns the key of a class folder: macOS writes letters with accents as two characters."""
    return unicodedata.normalize("NFC", shown((name,)))


def _odd_names(folders: set[Steps]) -> Iterator[Problem]:
    """Yields class folders whose names differ in the form of Unicode or in capital letters alone."""
    seen: dict[str, str] = {}
    for folder in sorted(folders):
        name = folder[-1]
        other = seen.setdefault(_key(name).casefold(), name)
        if other != name:
            same = _key(other) == _key(name)
            why = (
                "its letters are written in two forms of Unicode; both are one class"
                if same
                else f"differs from {shown((other,))} in capital letters alone; they are two classes"
            )
            yield Problem(kind=Trouble.NAMES, place=shown(folder), detail=why)


def _names(entry: Entry) -> Mapping[str, str]:
    try:
        names = read_class_names(entry.read(MOST_NAME_BYTES + 1))
    except OSError as error:
        raise DataError(f"{shown(entry.path)}: {error.strerror or error}") from error
    return {_key(name): shown_name for name, shown_name in names.items()}


def _is_picture(entry: Entry) -> bool:
    suffix = os.path.splitext(entry.path[-1])[1].lower()
    if suffix in _SUFFIXES:
        return True
    if suffix in _OTHERS:
        return False
    try:
        return entry.read(16).startswith(_STARTS)
    except OSError:
        return False


def _decoded(
    placed: Sequence[_Placed], title: str, cache: PictureCache, tell: Callable[[str], None]
) -> list[Picture | Undecodable]:
    """Decodes all pictures, a sample of all folders first, and keeps them in the cache."""
    stride = max(1, len(placed) // _SAMPLE)
    order = sorted(range(len(placed)), key=lambda place: (place % stride != 0, place))
    results: dict[int, Picture | Undecodable] = {}
    kept: dict[bytes, Picture] = {}
    size = 0
    load = partial(_load, known=cache.known)
    threads = min(_MOST_THREADS, os.cpu_count() or 1)
    step = _CHUNK * threads
    # Outside the threads: one that ends first would undo what others need.
    with whole_files(), warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        warnings.simplefilter("ignore")  # of large and of slightly damaged pictures; MOST_PIXELS is lower
        for start in range(0, len(order), step):
            places = order[start : start + step]
            chunks = [places[first : first + _CHUNK] for first in range(0, len(places), _CHUNK)]
            for chunk, loaded in zip(
                chunks, pool.map(load, [[placed[i].entry for i in chunk] for chunk in chunks]), strict=True
            ):
                for place, (key, result) in zip(chunk, loaded, strict=True):
                    results[place] = result
                    if isinstance(result, Picture):
                        kept[key] = result
                        size += result.pixels.nbytes + _OVERHEAD
            # All will be in memory as single pictures, of which some are already there, and as one array.
            whole = 2 * size * len(placed) / len(results)
            require_memory(whole - size, f"{title}: {len(placed):,} pictures")
    cache.keep(kept, tell)
    return [results[place] for place in range(len(placed))]


def _load(
    entries: Sequence[Entry], known: Mapping[bytes, Picture]
) -> list[tuple[bytes, Picture | Undecodable]]:
    return [_load_one(entry, known) for entry in entries]


def _load_one(entry: Entry, known: Mapping[bytes, Picture]) -> tuple[bytes, Picture | Undecodable]:
    try:
        content = entry.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            return b"", Undecodable(f"larger than {LARGEST_FILE >> 20} MB")
        key = file_digest(content)
        return key, known.get(key) or decode(content)
    except Undecodable as error:  # without its traceback, which holds the content
        return b"", Undecodable(str(error))
    except OSError as error:
        return b"", Undecodable(str(error.strerror or error))
