"""Keeps decoded pictures between two reads of a set; a picture is recognised by the content of its file."""

from __future__ import annotations

import hashlib
import math
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.data.picture import DIGEST_BYTES, WORKING_SIDE, Change, Picture
from study.errors import StoreError
from study.store.files import write_arrays
from study.system.terminal import COMMAND

#: Number of what is stored; it changes with the decoder, so that older files are read no more.
VERSION = 1
#: Bytes of pixels up to which a set is kept.
LARGEST = 1 << 30


def cache_folder() -> Path:
    """Returns where decoded pictures are kept: below ``XDG_CACHE_HOME``, else below ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / COMMAND / "pictures"


def file_digest(content: bytes) -> bytes:
    """Returns what a file is recognised by, `DIGEST_BYTES` bytes."""
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()


class PictureCache:
    """The decoded pictures of one set, in one file; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, place: Path) -> None:
        """Reads what is kept; a file that is damaged counts as none.

        Args:
            folder: see `cache_folder`; None for no cache.
            place: folder or archive of the set, which names the file.
        """
        name = hashlib.blake2b(os.fsencode(os.path.realpath(place)), digest_size=12).hexdigest()
        self._file = folder / f"{name}.npz" if folder is not None else None
        self.known: Mapping[bytes, Picture] = {}
        if self._file is not None and self._file.is_file():
            try:
                self.known = _load(self._file)
            except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile):
                self.known = {}

    def keep(self, pictures: Mapping[bytes, Picture], tell: Callable[[str], None]) -> None:
        """Stores the pictures by digest of their file, if one of them is new and they are not too large."""
        if self._file is None or pictures.keys() <= self.known.keys():
            return
        if sum(picture.pixels.size for picture in pictures.values()) > LARGEST:
            tell(f"pictures of more than {LARGEST >> 20} MB are decoded anew each time")
            return
        try:
            write_arrays(
                self._file,
                {
                    "version": np.array([VERSION, WORKING_SIDE]),
                    "files": np.frombuffer(b"".join(pictures), np.uint8).reshape(-1, DIGEST_BYTES),
                    "digests": np.frombuffer(
                        b"".join(picture.digest for picture in pictures.values()), np.uint8
                    ).reshape(-1, DIGEST_BYTES),
                    "shapes": np.array([picture.pixels.shape for picture in pictures.values()], np.int64),
                    "sizes": np.array([picture.size for picture in pictures.values()], np.int64),
                    "changes": np.array([int(picture.changes) for picture in pictures.values()], np.int64),
                    "pixels": np.concatenate([picture.pixels.ravel() for picture in pictures.values()]),
                },
            )
        except StoreError as error:
            tell(f"the decoded pictures are not kept: {error}")


def _load(file: Path) -> dict[bytes, Picture]:
    """Reads a file of the cache; it unpickles nothing.

    Raises:
        ValueError: its arrays do not fit each other.
    """
    if not zipfile.is_zipfile(file):
        raise ValueError("not an archive of arrays")
    with np.load(file, allow_pickle=False) as stored:
        if stored["version"].tolist() != [VERSION, WORKING_SIDE]:
            return {}
        files, digests, pixels = (stored[name] for name in ("files", "digests", "pixels"))
        shapes = _integers(stored["shapes"], 3)
        sizes = _integers(stored["sizes"], 2)
        changes = _integers(stored["changes"][:, None], 1)
    lengths = [math.prod(shape) for shape in shapes]
    fits = all(
        shape[2] in (1, 3) and min(shape[:2]) > 0 and max(shape[:2]) <= WORKING_SIDE for shape in shapes
    )
    if not fits or pixels.dtype != np.uint8 or sum(lengths) != pixels.size:
        raise ValueError("pixels do not fit their shapes")
    if files.shape != digests.shape or files.shape != (len(shapes), DIGEST_BYTES):
        raise ValueError("digests do not fit the pictures")
    found, start = {}, 0
    rows = zip(files, digests, shapes, sizes, changes, lengths, strict=True)
    for key, digest, shape, (width, height), (change,), length in rows:
        found[key.tobytes()] = Picture(
            pixels=pixels[start : start + length].reshape(shape),
            size=(width, height),
            digest=digest.tobytes(),
            changes=Change(change),
        )
        start += length
    return found


def _integers(array: npt.NDArray[Any], columns: int) -> list[list[int]]:
    """Returns the rows of an array of integers.

    Raises:
        ValueError: it has other values or another number of columns.
    """
    if array.dtype.kind != "i" or array.ndim != 2 or array.shape[1] != columns:
        raise ValueError("not a table of integers")
    rows: list[list[int]] = array.tolist()
    return rows
