"""Writes files atomically: a reader sees the old content or the new one, never a part of it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from study.errors import StoreError

#: Ending of a file that is being written. A process that is killed leaves such a file behind.
PART = ".part"
#: Error numbers by which a file system refuses a file: it is full, over a quota or limit, broken or
#: read-only, or the path or its permissions do not allow the file.
_REFUSALS = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EIO,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.EEXIST,
        errno.ENAMETOOLONG,
    }
)


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes a temporary file in the same directory, syncs it to disk, and renames it to `path`.

    Args:
        path: the file; missing parent folders are created.
        write: writes the content to the stream that it receives.

    Raises:
        StoreError: the file system refuses the file; the old file remains. Other errors of `write` are
            raised unchanged.
    """
    try:
        _write_atomic(path, write)
    except Exception as error:
        why = refusal(error)
        if why is None:
            raise
        raise StoreError(f"cannot write {path}: {why}") from error


def refusal(error: BaseException | None) -> str | None:
    """Returns why the file system refused, from `error` or what led to it; None for other errors."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return os.strerror(error.errno).lower()
        error = error.__cause__ or error.__context__
    return None


def remove_parts(*folders: Path) -> None:
    """Removes what killed writers left half-written in the folders, but not in folders below them.

    No other process may write to the folders at the same time.
    """
    for folder in folders:
        for path in folder.glob(f".*{PART}"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync(path.parent)


def write_text(path: Path, text: str) -> None:
    write_atomic(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n")


def write_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Writes arrays to an uncompressed .npz file."""
    write_atomic(path, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]


def require_folder(folder: Path, what: str) -> None:
    """Creates the folder if it does not exist, and checks that it is writable.

    Args:
        folder: the folder.
        what: its description for the error message.

    Raises:
        StoreError: the folder cannot be created or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StoreError(f"{what} {folder} is not writable: {error.strerror}") from error


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
