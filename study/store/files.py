"""Atomic files: readers see the old content or the new one, never a part."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from study.errors import StoreError

#: Ending of a file that is being written; a process that was killed leaves one.
PART = ".part"
#: The file system does not take a file: full, over a quota or a limit, broken, read-only, not a folder.
_REFUSALS = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG,
})  # fmt: skip


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write through a temporary file in the same directory, fsync, then rename over `path`.

    Raises:
        StoreError: the file system refuses; the old file stays. Other errors of `write` pass as they are.
    """
    try:
        _write_atomic(path, write)
    except Exception as error:
        why = refusal(error)
        if why is None:
            raise
        raise StoreError(f"cannot write {path}: {why}") from error


def refusal(error: BaseException | None) -> str | None:
    """Why the file system refused, where that is what an error, or what led to it, says."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return os.strerror(error.errno).lower()
        error = error.__cause__ or error.__context__
    return None


def remove_parts(*folders: Path) -> None:
    """Remove what writers that were killed have left, not below; call it where nobody else writes."""
    for folder in folders:
        for path in folder.glob(f".*{PART}"):
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
    _sync_directory(path.parent)


def write_text(path: Path, text: str) -> None:
    write_atomic(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n")


def write_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Store arrays as one .npz."""
    write_atomic(path, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]


def require_folder(folder: Path, what: str) -> None:
    """Make the folder if need be.

    Raises:
        StoreError: it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise StoreError(f"{what} {folder} is not writable: {error.strerror}") from error


def _sync_directory(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
