"""Reads a set of images in any of its usual forms: class folders, idx, CSV, .npz or a zip archive."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from study.data.class_names import FILES as NAME_FILES
from study.data.class_names import MOST_BYTES as MOST_NAME_BYTES
from study.data.class_names import read_class_names
from study.data.idx import UNREADABLE
from study.data.idx_sets import find_idx, is_idx, prefix_of, read_idx_set
from study.data.image_set import ImageSet, Problem, Trouble
from study.data.npz_arrays import read_npz
from study.data.picture_cache import PictureCache
from study.data.picture_folder import holds_pictures, read_pictures
from study.data.picture_tree import Tree, shown, walk, walk_zip
from study.data.pixel_csv import is_pixel_csv, read_pixel_csv
from study.errors import DataError

_FORMS = (
    "class folders with pictures, a zip archive of them, idx files, a CSV file of labels and pixels, or an "
    ".npz file"
)


def read_images(place: Path, *, cache: Path | None, tell: Callable[[str], None]) -> ImageSet:
    """Reads the set of images that a folder or file holds.

    In a folder, idx files are taken before pictures, pictures before CSV files, and those before .npz files
    and archives.

    Args:
        place: the folder or file.
        cache: folder in which decoded pictures are kept, see `study.data.picture_cache.cache_folder`; None
            if nothing is to be kept.
        tell: is told what is worth a line while reading.

    Raises:
        DataError: there is no set, or it cannot be used.
    """
    title = shown((place.resolve().name or str(place),))
    if place.is_dir():
        return _read_folder(place, title, cache, tell)
    if not place.is_file():  # reading a pipe would block
        raise DataError(f"{place} does not exist, or is neither a folder nor a file")
    names = _names(place.parent)
    suffix = place.suffix.lower()
    if is_idx(place):
        return read_idx_set(place.parent, title=title, prefix=prefix_of(place), names=names)
    if suffix == ".csv":
        return read_pixel_csv([place], title=title, names=names)
    if suffix == ".npz":
        return read_npz([place], title=title, names=names)
    if suffix == ".zip":
        return _read_zip(place, title, cache, tell)
    raise DataError(f"{place} is not a set of images; read are {_FORMS}")


def _read_folder(folder: Path, title: str, cache: Path | None, tell: Callable[[str], None]) -> ImageSet:
    if find_idx(folder):
        return read_idx_set(folder, title=title, prefix=None, names=_names(folder))
    tree = walk(folder)
    if holds_pictures(tree):
        kept = PictureCache(cache, folder)
        return read_pictures(tree, title=title, form="class folders", cache=kept, tell=tell)
    tables = _files(tree, folder, ".csv")
    usable = [path for path in tables if is_pixel_csv(path)]
    if usable:
        foreign = [Problem(kind=Trouble.FOREIGN, place=path.name) for path in tables if path not in usable]
        return read_pixel_csv(usable, title=title, names=_names(folder), problems=foreign)
    arrays = _files(tree, folder, ".npz")
    if arrays:
        return read_npz(arrays, title=title, names=_names(folder))
    archives = _files(tree, folder, ".zip")
    if len(archives) == 1:
        return _read_zip(archives[0], title, cache, tell)
    raise DataError(f"{folder} holds no set of images; read are {_FORMS}")


def _read_zip(path: Path, title: str, cache: Path | None, tell: Callable[[str], None]) -> ImageSet:
    try:
        archive = zipfile.ZipFile(path)
    except (*UNREADABLE, ValueError) as error:
        raise DataError(f"{path}: not a zip archive ({error})") from error
    with archive:
        tree = walk_zip(archive, path.name)
        if not holds_pictures(tree):
            raise DataError(f"{path}: no pictures in class folders in it; unpack it if it has another form")
        kept = PictureCache(cache, path)
        return read_pictures(tree, title=title, form="zip of class folders", cache=kept, tell=tell)


def _files(tree: Tree, folder: Path, suffix: str) -> Sequence[Path]:
    """Returns the files with an ending that lie in a folder or one folder below it."""
    return [
        folder.joinpath(*entry.path)
        for entry in tree.files
        if len(entry.path) < 3 and entry.path[-1].lower().endswith(suffix)
    ]


def _names(folder: Path) -> Mapping[str, str] | None:
    """Returns the names of classes by label from the file in a folder; None if there is none."""
    path = next((folder / name for name in NAME_FILES if (folder / name).is_file()), None)
    if path is None:
        return None
    with path.open("rb") as stream:
        return read_class_names(stream.read(MOST_NAME_BYTES + 1))
