"""Stores the runs, facts and events of a study in SQLite; all other results are derived from them."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study.datasets import know_own
from study.errors import StoreError, StudyError
from study.field_types import Misshapen, convert
from study.records import RunRecord, RunState
from study.store.documents import Environment, Facts
from study.store.sqlite_integrity import require_whole
from study.store.sqlite_opening import Journal, connect_reading

#: Name of the file in a results directory.
LEDGER = "ledger.sqlite"
#: Version of the schema. It grows when a study cannot continue with a ledger of the older version. Version
#: 1 had no rungs.
FORMAT = 2
#: Fact that lists the running tasks with the points of their curves; `status` and `watch` read it, also
#: after a study was killed.
RUNNING = "running"

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
_ADD_FACT = "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value=excluded.value"
_ADD_FORMAT = f"INSERT OR REPLACE INTO facts VALUES ('format', '{FORMAT}');"
_TABLES = frozenset(re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)", _SCHEMA))
_COLUMNS = (
    "SELECT name, value FROM facts LIMIT 0",
    "SELECT run_id, rung, position, state, purpose, arm, record, committed FROM runs LIMIT 0",
    "SELECT position, kind, model, detail, at FROM events LIMIT 0",
)


@dataclass(frozen=True, kw_only=True)
class Commit:
    """A commit of a finished run.

    Attributes:
        run_id: of the run.
        rung: at which it was evaluated.
        purpose: of the run, a `Purpose` as text.
        at: time of the last commit with this key, in seconds since 1970.
    """

    run_id: str
    rung: int
    purpose: str
    at: float

    @property
    def key(self) -> tuple[str, int]:
        return self.run_id, self.rung


class Ledger:
    """The ledger of a study.

    One process writes it, with ``synchronous=FULL``. The evaluation of a run is stored under the key
    (run_id, rung).
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Opens the ledger, or creates it.

        Args:
            path: the SQLite file.
            read_only: whether to open an existing ledger for reading; its folder need not be writable.

        Raises:
            StoreError: the file cannot be opened or written, is damaged, or is not a ledger.
        """
        require_whole(path)
        know_own(path.parent)  # without it the records of a study of an own data set cannot be read
        self.path, self._read_only = path, read_only
        self._records: tuple[RunRecord, ...] | None = None
        #: What the file system refuses although the ledger can do without it, in words.
        self.limits: tuple[str, ...] = ()
        try:
            if read_only:
                self._db = self._checked(connect_reading(path))
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._db = self._writable()
            self._file = _identity(path)
        except (sqlite3.Error, OSError, ValueError) as error:  # ValueError: text that is not UTF-8
            raise _refused(path, error) from error

    def _writable(self) -> sqlite3.Connection:
        """Opens the database with a write-ahead log, or else in the way that its file system allows."""
        try:
            return self._begun(Journal())
        except sqlite3.OperationalError as error:
            journal = Journal.allowed_in(self.path.parent, error)
            if journal is None:
                raise
            try:
                db = self._begun(journal)
            except sqlite3.OperationalError:
                raise error from None
            self.limits = journal.limits
            return db

    def _begun(self, journal: Journal) -> sqlite3.Connection:
        db = journal.connect(self.path)

        def begin() -> None:  # with a commit, since a file system may refuse a call only then
            journal.apply(db)
            # In one step: tables without a format are those of version 1.
            db.executescript(f"BEGIN; {_SCHEMA} {_ADD_FORMAT} COMMIT;")

        return self._checked(db, begin)

    def _checked(
        self, db: sqlite3.Connection, begin: Callable[[], object] = lambda: None
    ) -> sqlite3.Connection:
        """Returns the connection to a database of ours; `begin` comes before its columns are checked."""
        try:
            _require_own(db)
            self._require_format(db)
            begin()
            for query in _COLUMNS:
                db.execute(query)
        except BaseException:
            db.close()  # otherwise the connection keeps its locks
            raise
        return db

    def _require_format(self, db: sqlite3.Connection) -> None:
        """Raises StoreError if a version of this program with another format wrote the ledger."""
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
        if not {"facts", "runs"} <= tables:
            return  # the ledger is new
        found = db.execute("SELECT value FROM facts WHERE name='format'").fetchall()
        if found != [(str(FORMAT),)]:
            told = found[0][0] if found else "1"
            raise StoreError(
                f"{self.path} is of format {str(told)[:20]}, and this version goes on with format "
                f"{FORMAT} only; use --fresh (the older study is moved aside, not deleted)"
            )

    def require_there(self) -> None:
        """Checks that the ledger still lies at its path; SQLite would go on writing to a deleted file.

        Raises:
            StoreError: the file was deleted, moved or replaced.
        """
        try:
            now: tuple[int, int] | None = _identity(self.path)
        except (FileNotFoundError, NotADirectoryError):
            now = None
        except OSError:  # a network share that does not answer says nothing of the file
            return
        if now == self._file:
            return
        if now is None or not self._is_at_path():
            raise StoreError(
                f"{self.path} was deleted, moved or replaced while the study was running; the study ends "
                "and writes nothing more there (a moved one goes on with --results-dir)"
            )
        self._file = now  # some network shares give a file another number now and then

    def _is_at_path(self) -> bool:
        """Whether the file at the path has the facts of this connection."""
        query = "SELECT name, value FROM facts ORDER BY name"
        try:
            with closing(connect_reading(self.path)) as there:
                return there.execute(query).fetchall() == self._db.execute(query).fetchall()
        except (sqlite3.Error, OSError):
            return False

    def require_sound(self) -> None:
        """Reads all facts, runs and events once.

        Raises:
            StoreError: a row or a fact is damaged, or the file cannot be read.
        """
        for name in Facts.__struct_fields__:
            self.fact(name)
        self.records()
        self.events()

    def close(self) -> None:
        self._db.close()

    # Facts exist once per study: fingerprint, used seconds, plan, environment and others.
    def set_fact(self, name: str, value: Any) -> None:
        """Stores a fact under its name; an older value is replaced.

        Args:
            name: of the fact.
            value: anything that JSON can represent.

        Raises:
            StoreError: the ledger cannot be written.
        """
        self._write(_ADD_FACT, (name, json.dumps(value, ensure_ascii=False)))

    def fact(self, name: str, default: Any = None) -> Any:
        """Returns a fact, or `default` if it is not stored.

        Raises:
            StoreError: the fact does not have the structure declared for its name.
        """
        rows = self._rows("SELECT value FROM facts WHERE name=?", (name,))
        if not rows:
            return default
        try:
            value = json.loads(rows[0][0])
            convert({name: value}, Facts)
        except Misshapen as error:
            raise StoreError(f"{self.path} is damaged: {error}") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise StoreError(f"{self.path} is damaged: its fact {name!r} is not JSON") from error
        return value

    # Runs
    def commit(self, record: RunRecord) -> None:
        """Stores the outcome of a run; a second commit with the same key replaces the first.

        Raises:
            StoreError: the ledger cannot be written, for example on a full disk; nothing is stored.
        """
        spec, text = record.spec, json.dumps(record.to_dict(), ensure_ascii=False)
        known, self._records = self._records, None
        self._write(
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
        if known is not None:  # no other process writes, so the known records are still valid
            stored = {spec.key: self._record(*spec.key, text)}
            self._records = tuple(({other.spec.key: other for other in known} | stored).values())

    def record(self, run_id: str, rung: int) -> RunRecord | None:
        """Returns the record of a run at a rung, or None if it is not stored.

        Raises:
            StoreError: its row is damaged.
        """
        rows = self._rows("SELECT run_id, rung, record FROM runs WHERE run_id=? AND rung=?", (run_id, rung))
        return self._record(*rows[0]) if rows else None

    def records(self) -> tuple[RunRecord, ...]:
        """Returns the records of all runs in the order of their first commit.

        Raises:
            StoreError: a row is damaged.
        """
        if self._records is None or self._read_only:  # another process may write
            rows = self._rows("SELECT run_id, rung, record FROM runs ORDER BY position")
            self._records = tuple(self._record(*row) for row in rows)
        return self._records

    def finished(self) -> tuple[Commit, ...]:
        """Returns what finished runs were committed, in the order of their first commit; no row is parsed.

        Raises:
            StoreError: a row is damaged.
        """
        rows = self._rows(
            "SELECT run_id, rung, purpose, committed FROM runs WHERE state=? ORDER BY position",
            (RunState.FINISHED.value,),
        )
        try:
            return tuple(
                Commit(run_id=str(run_id), rung=int(rung), purpose=str(purpose), at=float(at))
                for run_id, rung, purpose, at in rows
            )
        except (TypeError, ValueError, OverflowError) as error:
            raise StoreError(f"{self.path} is damaged: {error}") from error

    def _record(self, run_id: Any, rung: Any, text: Any) -> RunRecord:
        """Parses a row; raises StoreError if it is damaged or its key does not match its spec."""
        try:
            record = RunRecord.from_dict(json.loads(text))
            own = record.spec.key == (run_id, rung)  # run_id contains a digest of the spec
        except (StudyError, TypeError, ValueError, RecursionError) as error:
            raise StoreError(
                f"{self.path} is damaged: run {str(run_id)[:80]}: {str(error)[:300]}"
            ) from error
        if not own:
            raise StoreError(f"{self.path} is damaged: run {str(run_id)[:80]}: settings of another run")
        return record

    # Events are fallbacks and incidents; the terminal and the report show them.
    def add_event(self, kind: str, detail: str, model: str | None = None) -> None:
        """Stores an event with the present time; an equal event is stored only once.

        Args:
            kind: of the event.
            detail: what happened.
            model: name of the network that it concerns, if any.

        Raises:
            StoreError: the ledger cannot be written.
        """
        self._write(
            "INSERT OR IGNORE INTO events (kind, model, detail, at) VALUES (?, ?, ?, ?)",
            (kind, model or "", detail, time.time()),  # SQLite regards two NULLs as different
        )

    def events(self) -> list[dict[str, Any]]:
        """Returns all events in order, each with ``kind``, ``model``, ``detail`` and ``at`` (Unix seconds).

        Raises:
            StoreError: a row is damaged.
        """
        names = ("kind", "model", "detail", "at")
        rows = self._rows("SELECT kind, model, detail, at FROM events ORDER BY position")
        found = [dict(zip(names, row, strict=True)) | {"model": row[1] or None} for row in rows]
        try:
            convert({"events": found}, Environment)
        except Misshapen as error:
            raise StoreError(f"{self.path} is damaged: {error}") from error
        return found

    def _write(self, query: str, values: tuple[Any, ...]) -> None:
        self.require_there()
        self._rows(query, values)

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._db.execute(query, values).fetchall()
        except (sqlite3.Error, ValueError, OverflowError) as error:  # ValueError: text that is not UTF-8
            raise _refused(self.path, error) from error


def _require_own(db: sqlite3.Connection) -> None:
    """Raises sqlite3.DatabaseError if the database has tables, views or triggers of another program.

    `trusted_schema=OFF` forbids that the schema of the file calls functions with side effects.
    """
    db.execute("PRAGMA trusted_schema=OFF")
    for kind, name in db.execute("SELECT type, name FROM sqlite_master"):
        known = kind == "index" or (kind == "table" and name in _TABLES)
        if not known and not str(name).startswith("sqlite_"):
            raise sqlite3.DatabaseError(f"it holds another program's {kind} {str(name)[:40]!r}")


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _refused(path: Path, error: Exception) -> StoreError:
    if "disk is full" in str(error):
        return StoreError(f"cannot write {path}: no space left on device")
    told = error.strerror if isinstance(error, OSError) else error
    return StoreError(f"cannot use {path}: {told}")
