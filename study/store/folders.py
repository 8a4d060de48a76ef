"""Replaces a folder as a whole: a reader finds all the old files or all the new ones, never a mixture."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Container, Mapping
from contextlib import suppress
from glob import escape
from pathlib import Path

from study.errors import StoreError
from study.store.files import PART, refusal, sync

#: Arguments of Linux's renameat2: paths are relative to the working directory; the two names are swapped.
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
#: Ending of the old folder's name between two renames, where the system cannot swap names in one step.
_BEFORE = ".before"


def replace_folder(folder: Path, files: Mapping[str, bytes], *, own: Container[str]) -> None:
    """Writes a new folder beside `folder` and swaps the two, so that a crash leaves the old or the new one.

    What is not `own` in the old folder, for example a file of the user, is in the new one too. No other
    process may write to the folder at the same time.

    Args:
        folder: the folder; missing parent folders are created.
        files: content of each file by name.
        own: all names that this call or an earlier one may have written.

    Raises:
        StoreError: the file system refuses a file or a rename; the old folder remains.
    """
    folder = Path(os.path.realpath(folder))  # where a link leads to is replaced, not the link
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"cannot write {folder}: it is not a folder")
    fresh: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=PART, dir=folder.parent))
        with suppress(OSError):  # a file system may give its own permissions
            fresh.chmod(0o755)
        _keep_foreign(folder, fresh, own)
        _fill(fresh, files)
        _swap(fresh, folder)
    except OSError as error:
        why = refusal(error)
        if why is None:
            raise
        raise StoreError(f"cannot write {folder}: {os.strerror(why.errno or 0).lower()}") from error
    finally:
        if fresh is not None:  # it is the old folder now, or a new one that was not finished
            shutil.rmtree(fresh, ignore_errors=True)


def _fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes the files; all are written before the first is waited for, which is faster."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for name in files:
        sync(folder / name)
    sync(folder)


def _keep_foreign(old: Path, fresh: Path, own: Container[str]) -> None:
    """Links the entries of the old folder that are not ours into the new one."""
    for entry in old.iterdir() if old.is_dir() else ():
        if entry.name in own or (entry.name.startswith(".") and entry.name.endswith(PART)):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, fresh / entry.name, symlinks=True, copy_function=_link)
        else:
            _link(entry, fresh / entry.name)


def _link(source: str | Path, target: str | Path) -> None:
    """Gives a file a second name; where the file system has no such names, copies it."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _swap(fresh: Path, folder: Path) -> None:
    """Gives `fresh` the name of `folder`; an old folder gets the name of `fresh`, or is removed."""
    if not folder.exists():
        fresh.rename(folder)
    elif not _exchange(fresh, folder):
        before = _name_before(folder)
        folder.rename(before)
        try:
            fresh.rename(folder)
        except OSError:
            before.rename(folder)
            raise
        shutil.rmtree(before, ignore_errors=True)
    sync(folder.parent)


def _clear(folder: Path) -> None:
    """Removes what killed writers left beside the folder; an old folder without its name gets it back."""
    before = _name_before(folder)
    if before.is_dir() and not folder.exists():
        before.rename(folder)
    for left in (before, *folder.parent.glob(f".{escape(folder.name)}.*{PART}")):
        shutil.rmtree(left, ignore_errors=True)


def _name_before(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}{_BEFORE}")


def _exchange(first: Path, second: Path) -> bool:
    """Swaps the names of two folders in one step; returns False where the system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return bool(rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)
