"""Checks Optuna's file before it is used, and renames it if it is unusable."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import optuna
import sqlalchemy

#: Files that SQLite keeps beside a database. If they stayed, the next database would use them.
_BESIDE = ("-journal", "-wal", "-shm")
#: Errors that Optuna and SQLAlchemy raise for a damaged file.
BROKEN = (
    optuna.exceptions.OptunaError,
    sqlalchemy.exc.SQLAlchemyError,
    sqlite3.Error,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    AssertionError,
    OSError,
)


class Unsound(RuntimeError):
    """The storage is damaged, locked by another program, or disagrees with the ledger."""


def require_sound(path: Path) -> None:
    """Checks all pages of the database without changing it.

    Raises:
        Unsound: the database is damaged, or another program keeps it locked.
    """
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=2)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if any(words in str(error) for words in ("readonly", "unable to open", "disk I/O error")):
            return  # a writer was killed, or the file system refuses a call: opening it for writing tells
        raise Unsound(str(error)) from error
    if found != "ok":
        raise Unsound(found.splitlines()[-1])
    if tables and "studies" not in tables:
        raise Unsound("it is a database of something else")


def set_aside(path: Path) -> str:
    """Renames the database and its side files; returns the new name, or "" without a database."""
    name = f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}"
    while (path.parent / name).exists():
        name += "+"
    for ending in _BESIDE:
        beside = path.with_name(path.name + ending)
        if beside.exists():
            beside.rename(path.parent / f"{name}{ending}")
    if not path.exists():
        return ""
    path.rename(path.parent / name)
    return name


def told(error: BaseException) -> str:
    """Returns the message of the innermost cause of an error in one line."""
    while (inner := error.__cause__) is not None:
        error = inner
    if "disk is full" in str(error):
        return "no space left on device"
    lines = str(error).splitlines() or [""]
    return (lines[0] or type(error).__name__)[:120]


def disk_is_full(error: BaseException | None) -> bool:
    return _says(error, "disk is full")


def file_system_refuses(error: BaseException | None) -> bool:
    """Whether an error may come from a file system that refuses a call, and not from the file."""
    return not isinstance(error, Unsound) and _says(error, "disk I/O error", "unable to open database file")


def _says(error: BaseException | None, *words: str) -> bool:
    """Whether the text of an error, or of one that led to it, holds any of the words."""
    while error is not None:
        if any(word in str(error) for word in words):
            return True
        error = error.__cause__ or error.__context__
    return False
