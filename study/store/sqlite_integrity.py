"""Checks whether the pages of a ledger are intact, before it is opened and without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from study.errors import StoreError


def reading_uri(path: Path) -> str:
    """Returns the URI that opens a database for reading.

    SQLite writes files next to a database even for reading. Without a write-ahead log or journal beside it
    no process is writing, and ``immutable=1`` prevents this.
    """
    beside = (path.with_name(f"{path.name}{ending}") for ending in ("-wal", "-journal"))
    still = not any(other.exists() for other in beside)
    return f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if still else ''}"


def require_whole(path: Path) -> None:
    """Checks all pages of the ledger with SQLite's `quick_check`; does nothing if the file does not exist.

    SQLite stores no checksums, so that a change inside a text is not detected.

    Raises:
        StoreError: the file is damaged or is not a database.
    """
    if not path.exists():
        return
    if not path.is_file():
        raise StoreError(f"cannot use {path}: it is not a file")
    if path.stat().st_size == 0:
        # A study that is killed at its start also leaves an empty file, but no tables next to it.
        if (path.parent / "results.csv").exists():
            raise _damaged(path, "it is empty")
        return
    try:
        with closing(sqlite3.connect(reading_uri(path), uri=True, timeout=10)) as db:
            found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "disk I/O" not in str(error):
            return  # the database is in use or its folder is not writable; its content may be intact
        raise _damaged(path, str(error)) from error
    except UnicodeDecodeError as error:  # SQLite quotes the damaged schema in its answer
        raise _damaged(path, "its schema is damaged") from error
    if found != "ok":
        raise _damaged(path, found.splitlines()[-1][:100])


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"cannot use {path}: {why}; nothing was changed. Put a copy of it back, or begin anew with "
        "--fresh, which moves this study aside"
    )
