"""Writes files atomically: a reader sees the old content or the new one, never a part of it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from study.errors import NotWritable, StoreError

#: Ending of a file that is being written. A process that is killed leaves such a file behind.
PART = ".part"
#: Error numbers of a folder or disk that allows no writing at all.
_NOT_WRITABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
#: Error numbers by which a file system refuses a file: it is full, over a quota or limit, broken, gone or
#: read-only, or the path or its permissions do not allow the file.
_REFUSALS = _NOT_WRITABLE | {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.EINVAL,
    errno.EBUSY,
    errno.ESTALE,
    errno.ENOTCONN,
    errno.ENODEV,
    errno.EHOSTDOWN,
    errno.ETIMEDOUT,
}
#: Error numbers by which `fsync` says that content was lost. With any other one the file system refuses the
#: call itself, as many network shares and FUSE mounts do, and the content is where the system keeps it.
_LOST = frozenset({errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE, errno.ENOTCONN})
#: Paths without which nothing is written below the first of them, see `never_recreate`.
_STAYS: ContextVar[tuple[Path, ...]] = ContextVar("stays", default=())


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Writes a temporary file in the same directory, syncs it to disk, and renames it to `path`.

    Modes of files and syncing are tried: a file system that refuses them gets the file without.

    Args:
        path: the file; missing parent folders are created.
        write: writes the content to the stream that it receives.

    Raises:
        StoreError: the file system refuses the file; the old file remains. A NotWritable says that nothing
            can be written at all. Other errors of `write` are raised unchanged.
    """
    _write(path, write)


def refusal(error: BaseException | None) -> OSError | None:
    """Returns the refusal of a file system, `error` itself or what led to it; None for other errors."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return error
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


@contextmanager
def never_recreate(folder: Path, *marks: str) -> Iterator[None]:
    """Inside, this thread writes below `folder` only while the folder and its marks exist.

    Somebody may delete or move the results directory of a running study. Without this, the next file would
    make the folder again, with half a study in it.

    Args:
        folder: the folder, which exists.
        *marks: names of files in it. One that is missing now is not required later.
    """
    whole = Path(os.path.abspath(folder))
    kept = (path for path in (whole / name for name in marks) if path.exists())
    token = _STAYS.set((whole, *kept))
    try:
        yield
    finally:
        _STAYS.reset(token)


def _write(path: Path, write: Callable[[IO[bytes]], object]) -> tuple[str, ...]:
    """Writes a file and returns what the file system refused, in words; see `write_atomic`."""
    try:
        return _write_part(path, write)
    except Exception as error:
        why = refusal(error)
        if why is None:
            raise
        kind = NotWritable if why.errno in _NOT_WRITABLE else StoreError
        raise kind(f"cannot write {path}: {os.strerror(why.errno or 0).lower()}") from error


def _write_part(path: Path, write: Callable[[IO[bytes]], object]) -> tuple[str, ...]:
    _make_parents(path)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    refused = []
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            refused.append(_sync(stream.fileno()))
        refused.append(_let_all_read(name))
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    refused.append(_sync_directory(path.parent))
    return tuple(dict.fromkeys(filter(None, refused)))


def _make_parents(path: Path) -> None:
    """Creates the missing folders above a file, but never the folder of `never_recreate`."""
    whole, stays = Path(os.path.abspath(path)), _STAYS.get()
    if not stays or not whole.is_relative_to(stays[0]):
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    gone = next((kept for kept in stays if not kept.exists()), None)
    if gone is not None:
        raise StoreError(f"cannot write {path}: {gone} is gone")
    *below, _ = whole.relative_to(stays[0]).parents
    for parent in reversed(below):
        (stays[0] / parent).mkdir(exist_ok=True)


def _let_all_read(name: str) -> str:
    """Lets everybody read a file, which `mkstemp` makes for its owner alone; returns what was refused."""
    try:
        os.chmod(name, 0o644)
    except OSError as error:
        return f"it refuses chmod ({error.strerror}), so that files have the permissions that it gives them"
    return ""


def _sync(descriptor: int) -> str:
    """Syncs a file or folder to disk; returns what was refused.

    Raises:
        OSError: the disk has lost the content, for example because it is full.
    """
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _LOST:
            raise
        return f"it refuses fsync ({error.strerror}), so that a loss of power may cost the last files"
    return ""


def _sync_directory(folder: Path) -> str:
    if os.name != "posix":
        return ""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # a folder may be written to without being read; its files are there
        return ""
    try:
        return _sync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    write_atomic(path, lambda stream: stream.write(text.encode("utf-8")))


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False) + "\n")


def write_arrays(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Writes arrays to an uncompressed .npz file."""
    write_atomic(path, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]


def require_folder(folder: Path, what: str) -> tuple[str, ...]:
    """Creates the folder if it does not exist, and writes a file to it as a study does.

    Args:
        folder: the folder.
        what: its description for messages.

    Returns:
        What its file system refuses although a study can do without it, one line each.

    Raises:
        StoreError: the folder cannot be created or written to.
    """
    probe = folder / f".probe-{os.getpid()}{PART}"  # two studies may look at one folder at once
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refused = _write(probe, lambda stream: stream.write(b"probe"))
        probe.unlink(missing_ok=True)
    except (OSError, StoreError) as error:
        cause = refusal(error)
        why = cause.strerror if cause is not None else error
        raise StoreError(f"{what} {folder} is not writable: {why}") from error
    return tuple(f"{what} {folder}, its file system: {limit}" for limit in refused)


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk, where the file system can tell."""
    if os.name != "posix":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)
