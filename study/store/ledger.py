"""The ledger (SQLite): every committed run and fact of a study; everything else is rebuilt from it."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from study.errors import StoreError
from study.records import RunRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY, position INTEGER NOT NULL, state TEXT NOT NULL,
    purpose TEXT NOT NULL, arm TEXT NOT NULL, record TEXT NOT NULL, committed REAL NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, model TEXT, detail TEXT NOT NULL,
    at REAL NOT NULL, UNIQUE (kind, model, detail));
"""


class Ledger:
    """One writer, ``synchronous=FULL``; a run is committed once, keyed by its run_id."""

    def __init__(self, path: Path) -> None:
        """Open or create the ledger.

        Raises:
            StoreError: the file cannot be opened, written, or is not a ledger.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot use {path}: {error}") from error

    def close(self) -> None:
        self._db.close()

    # facts: what is known once per study (fingerprint, used seconds, plan, environment, …)
    def set_fact(self, name: str, value: Any) -> None:
        self._db.execute(
            "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value=excluded.value",
            (name, json.dumps(value, ensure_ascii=False)),
        )

    def fact(self, name: str, default: Any = None) -> Any:
        row = self._db.execute("SELECT value FROM facts WHERE name=?", (name,)).fetchone()
        return default if row is None else json.loads(row[0])

    # runs
    def commit(self, record: RunRecord) -> None:
        """Store the outcome of a run for good; a second commit of the same run_id replaces it."""
        spec = record.spec
        self._db.execute(
            "INSERT INTO runs VALUES (?, (SELECT COALESCE(MAX(position), 0) + 1 FROM runs),"
            " ?, ?, ?, ?, ?) ON CONFLICT (run_id) DO UPDATE SET state=excluded.state,"
            " record=excluded.record, committed=excluded.committed",
            (
                spec.run_id,
                record.state.value,
                spec.purpose.value,
                spec.arm.name,
                json.dumps(record.to_dict(), ensure_ascii=False),
                time.time(),
            ),
        )

    def record(self, run_id: str) -> RunRecord | None:
        row = self._db.execute("SELECT record FROM runs WHERE run_id=?", (run_id,)).fetchone()
        return None if row is None else RunRecord.from_dict(json.loads(row[0]))

    def records(self) -> tuple[RunRecord, ...]:
        """All committed runs in the order of their first commit."""
        return tuple(self._iterate())

    def _iterate(self) -> Iterator[RunRecord]:
        for (text,) in self._db.execute("SELECT record FROM runs ORDER BY position"):
            yield RunRecord.from_dict(json.loads(text))

    # events: every fallback and every incident, shown on the terminal and in the report
    def add_event(self, kind: str, detail: str, model: str | None = None) -> None:
        self._db.execute(
            "INSERT OR IGNORE INTO events (kind, model, detail, at) VALUES (?, ?, ?, ?)",
            (kind, model, detail, time.time()),
        )

    def events(self) -> list[dict[str, Any]]:
        rows = self._db.execute("SELECT kind, model, detail, at FROM events ORDER BY position")
        return [dict(zip(("kind", "model", "detail", "at"), row, strict=True)) for row in rows]


class StudyLock:
    """An operating-system lock on the results directory, held for the life of a study."""

    def __init__(self, folder: Path) -> None:
        """Take the lock at once or say who holds it.

        Raises:
            StoreError: another process holds it, or the directory is not writable.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: IO[str] = open(folder / ".lock", "a+", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise StoreError(f"results directory {folder} is not writable: {error.strerror}") from error
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._stream.seek(0)
            holder = self._stream.read(80).strip() or "unknown process"
            self._stream.close()
            raise StoreError(f"{folder} is in use by another study ({holder})") from None
        self._stream.truncate(0)
        self._stream.write(f"pid {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        self._stream.flush()

    def release(self) -> None:
        self._stream.close()


def lock_holder(folder: Path) -> str | None:
    """Who holds the lock of a results directory; None if nobody does."""
    try:
        with open(folder / ".lock", encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
    except FileNotFoundError:
        return None
    except OSError:
        return (folder / ".lock").read_text(encoding="utf-8").strip() or "unknown process"
