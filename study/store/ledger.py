"""The ledger (SQLite): every committed run and fact of a study; everything else is rebuilt from it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from pathlib import Path
from typing import Any

from study.errors import StoreError, StudyError
from study.records import RunRecord
from study.store.documents import EVENTS, FACTS
from study.store.shapes import Misshapen
from study.store.whole import require_whole

#: Raised whenever a ledger of another form could not be gone on with. 1 had no rungs.
FORMAT = 2

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT NOT NULL, rung INTEGER NOT NULL, position INTEGER NOT NULL, state TEXT NOT NULL,
    purpose TEXT NOT NULL, arm TEXT NOT NULL, record TEXT NOT NULL, committed REAL NOT NULL,
    PRIMARY KEY (run_id, rung));
CREATE TABLE IF NOT EXISTS events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, model TEXT, detail TEXT NOT NULL,
    at REAL NOT NULL, UNIQUE (kind, model, detail));
"""
_TABLES = frozenset(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", _SCHEMA))
_COLUMNS = (
    "SELECT name, value FROM facts LIMIT 0",
    "SELECT run_id, rung, position, state, purpose, arm, record, committed FROM runs LIMIT 0",
    "SELECT position, kind, model, detail, at FROM events LIMIT 0",
)


class Ledger:
    """One writer, ``synchronous=FULL``; a judgement is committed once, keyed by (run_id, rung)."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open or create the ledger.

        Args:
            read_only: look into one that is there, also where nothing can be written.

        Raises:
            StoreError: the file cannot be opened or written, is damaged, or is not a ledger.
        """
        require_whole(path)
        self.path, self._read_only = path, read_only
        self._records: tuple[RunRecord, ...] | None = None
        try:
            if read_only:
                self._db = sqlite3.connect(_to_read(path), uri=True, isolation_level=None, timeout=10)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"cannot use {path}: {error}") from error
        try:
            self._require_own()
            self._require_format()
            if not read_only:
                self._db.execute("PRAGMA journal_mode=WAL")
                self._db.execute("PRAGMA synchronous=FULL")
                self._db.executescript(_SCHEMA)
                self.set_fact("format", FORMAT)
            for query in _COLUMNS:
                self._db.execute(query)
        except (sqlite3.Error, ValueError) as error:  # also text that is not UTF-8
            self._db.close()  # it would keep its locks
            raise _refused(path, error) from error
        except StoreError:
            self._db.close()
            raise

    def _require_format(self) -> None:
        """Raises StoreError where another version of this program wrote the ledger."""
        tables = {name for (name,) in self._db.execute("SELECT name FROM sqlite_master")}
        if not {"facts", "runs"} <= tables:
            return  # a new one
        found = self._db.execute("SELECT value FROM facts WHERE name='format'").fetchall()
        if found != [(str(FORMAT),)]:
            told = found[0][0] if found else "1"
            raise StoreError(
                f"{self.path} is of format {str(told)[:20]}, and this version goes on with format "
                f"{FORMAT} only; use --fresh (the older study is moved aside, not deleted)"
            )

    def _require_own(self) -> None:
        """Another program's database is not written into, and nothing in a file may run by itself."""
        self._db.execute("PRAGMA trusted_schema=OFF")
        for kind, name in self._db.execute("SELECT type, name FROM sqlite_master"):
            known = kind == "index" or (kind == "table" and name in _TABLES)
            if not known and not str(name).startswith("sqlite_"):
                raise sqlite3.DatabaseError(f"it holds another program's {kind} {str(name)[:40]!r}")

    def require_sound(self) -> None:
        """Read everything once.

        Raises:
            StoreError: a row or a fact is damaged.
        """
        for name in FACTS:
            self.fact(name)
        self.records()
        self.events()

    def close(self) -> None:
        self._db.close()

    # facts: what is known once per study (fingerprint, used seconds, plan, environment, …)
    def set_fact(self, name: str, value: Any) -> None:
        self._rows(
            "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value=excluded.value",
            (name, json.dumps(value, ensure_ascii=False)),
        )

    def fact(self, name: str, default: Any = None) -> Any:
        """A fact, or the default where it was never set.

        Raises:
            StoreError: it is not what its name promises.
        """
        rows = self._rows("SELECT value FROM facts WHERE name=?", (name,))
        if not rows:
            return default
        try:
            value = json.loads(rows[0][0])
            if name in FACTS:
                FACTS[name](value, name)
        except Misshapen as error:
            raise StoreError(f"{self.path} is damaged: {error}") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreError(f"{self.path} is damaged: its fact {name!r} is not JSON") from error
        return value

    # runs
    def commit(self, record: RunRecord) -> None:
        """Store the outcome of a run for good; a second commit of the same key replaces it.

        Raises:
            StoreError: the disk is full; nothing is stored.
        """
        spec, text = record.spec, json.dumps(record.to_dict(), ensure_ascii=False)
        known, self._records = self._records, None
        self._rows(
            "INSERT INTO runs VALUES (?, ?, (SELECT COALESCE(MAX(position), 0) + 1 FROM runs),"
            " ?, ?, ?, ?, ?) ON CONFLICT (run_id, rung) DO UPDATE SET state=excluded.state,"
            " record=excluded.record, committed=excluded.committed",
            (
                *spec.key,
                record.state.value,
                spec.purpose.value,
                spec.arm.name,
                text,
                time.time(),
            ),
        )
        if known is not None:  # one writer: what is known is still so
            stored = {spec.key: self._record(*spec.key, text)}
            self._records = tuple(({other.spec.key: other for other in known} | stored).values())

    def record(self, run_id: str, rung: int) -> RunRecord | None:
        """A committed judgement, or None.

        Raises:
            StoreError: its row is damaged.
        """
        rows = self._rows("SELECT run_id, rung, record FROM runs WHERE run_id=? AND rung=?", (run_id, rung))
        return self._record(*rows[0]) if rows else None

    def records(self) -> tuple[RunRecord, ...]:
        """All committed runs in the order of their first commit.

        Raises:
            StoreError: a row is damaged.
        """
        if self._records is None or self._read_only:  # another process may be writing
            rows = self._rows("SELECT run_id, rung, record FROM runs ORDER BY position")
            self._records = tuple(self._record(*row) for row in rows)
        return self._records

    def _record(self, run_id: Any, rung: Any, text: Any) -> RunRecord:
        try:
            record = RunRecord.from_dict(json.loads(text))
            own = record.spec.key == (run_id, rung)  # the id carries a digest of the spec
        except (StudyError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            reason = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else str(error)
            raise StoreError(f"{self.path} is damaged: run {str(run_id)[:80]}: {reason[:200]}") from error
        if not own:
            raise StoreError(f"{self.path} is damaged: run {str(run_id)[:80]}: settings of another run")
        return record

    # events: every fallback and every incident, shown on the terminal and in the report
    def add_event(self, kind: str, detail: str, model: str | None = None) -> None:
        self._rows(
            "INSERT OR IGNORE INTO events (kind, model, detail, at) VALUES (?, ?, ?, ?)",
            (kind, model or "", detail, time.time()),  # SQLite takes no two NULLs for the same
        )

    def events(self) -> list[dict[str, Any]]:
        """All events in order.

        Raises:
            StoreError: a row is damaged.
        """
        names = ("kind", "model", "detail", "at")
        rows = self._rows("SELECT kind, model, detail, at FROM events ORDER BY position")
        found = [dict(zip(names, row, strict=True)) | {"model": row[1] or None} for row in rows]
        try:
            EVENTS(found, "events")
        except Misshapen as error:
            raise StoreError(f"{self.path} is damaged: {error}") from error
        return found

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except (sqlite3.Error, ValueError, OverflowError) as error:  # also text that is not UTF-8
            raise _refused(self.path, error) from error


def _to_read(path: Path) -> str:
    """SQLite writes beside a ledger even to read it, unless told that nobody else writes."""
    still = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    return f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if still else ''}"


def _refused(path: Path, error: Exception) -> StoreError:
    if "disk is full" in str(error):
        return StoreError(f"cannot write {path}: no space left on device")
    return StoreError(f"cannot use {path}: {error}")
