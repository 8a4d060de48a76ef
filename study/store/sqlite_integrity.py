"""Checks whether the pages of a ledger are intact, before it is opened and without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from study.errors import StoreError
from study.store.sqlite_opening import connect_reading, copied, refuses


def require_whole(path: Path) -> None:
    """Checks all pages of the ledger with SQLite's `quick_check`; does nothing if the file does not exist.

    SQLite stores no checksums, so that a change inside a text is not detected. Only what is found in a copy
    too is said of the file: in place, a file system that refuses a call looks like a damaged file.

    Raises:
        StoreError: the file is damaged, cannot be read, or is not a database.
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
        try:
            found = _check(connect_reading(path))
        except sqlite3.OperationalError as error:
            if not refuses(error):
                raise
            found = _check(copied(path))
    except sqlite3.OperationalError:
        return  # the database is in use; its content may be intact
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error
    except UnicodeDecodeError as error:  # SQLite quotes the damaged schema in its answer
        raise _damaged(path, "its schema is damaged") from error
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}; nothing was changed") from error
    if found != "ok":
        raise _damaged(path, found.splitlines()[-1][:100])


def _check(database: sqlite3.Connection) -> str:
    with closing(database) as db:
        return str(db.execute("PRAGMA quick_check(1)").fetchone()[0])


def _damaged(path: Path, why: str) -> StoreError:
    return StoreError(
        f"cannot use {path}: {why}; nothing was changed. Put a copy of it back, or begin anew with "
        "--fresh, which moves this study aside"
    )
