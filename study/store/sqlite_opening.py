"""Opens SQLite databases where a file system refuses calls, and reads them where nothing can be written."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from study.store.files import PART

#: Seconds that SQLite waits for a lock of another program.
_PATIENCE = 10.0
#: Files beside a database that may hold a part of its content.
_BESIDE = ("-wal", "-journal")
#: Attempts to copy a database that changes meanwhile, and seconds between them.
_COPIES, _PAUSE = 5, 0.3
_LOCKED = "database is locked"
_NO_LOG = "a write-ahead log is refused"
#: What SQLite says if the system refuses one of its calls. It says the same of some damaged files.
_REFUSED = (
    _LOCKED,
    _NO_LOG,
    "disk I/O error",
    "unable to open database file",
    "locking protocol",
    "access permission denied",
    "attempt to write a readonly database",
)


@dataclass(frozen=True, kw_only=True)
class Journal:
    """How a database keeps its commits; the default needs all that SQLite can ask of a file system.

    Attributes:
        shared: whether memory can be shared through a file, which a write-ahead log needs. Without it the
            database keeps a rollback journal.
        locks: whether files can be locked.
        syncs: whether files can be synced.
    """

    shared: bool = True
    locks: bool = True
    syncs: bool = True

    @classmethod
    def allowed_in(cls, folder: Path, error: sqlite3.OperationalError) -> Journal | None:
        """Returns what the file system of a folder allows, after the default was refused.

        Args:
            folder: of the database.
            error: with which the default was refused.

        Returns:
            None if the error is not one of the file system: another way would fail too, or would ignore
            the lock of another program.
        """
        if not refuses(error):
            return None
        try:
            with tempfile.NamedTemporaryFile(prefix=".probe", suffix=PART, dir=folder) as stream:
                locks = _works(lambda: fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB))
                syncs = _works(lambda: os.fsync(stream.fileno()))
        except OSError:  # nothing can be written here
            return None
        if locks and _LOCKED in str(error):
            return None
        return cls(shared=False, locks=locks, syncs=syncs)

    @property
    def limits(self) -> tuple[str, ...]:
        """What the file system refuses, and what follows from it."""
        told = []
        if not self.shared:
            told.append("it allows no write-ahead log; the ledger keeps a rollback journal instead")
        if not self.locks:
            told.append("it knows no locks; start no second study on this ledger")
        if not self.syncs:
            told.append("it refuses fsync; a loss of power may damage the ledger")
        return tuple(told)

    def connect(self, path: Path) -> sqlite3.Connection:
        """Opens the database, which is created if it does not exist, and changes nothing in it yet."""
        uri = _address(path) + ("" if self.locks else "?vfs=unix-none")
        db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE)
        if not self.shared:  # a log that is there is read without shared memory
            db.execute("PRAGMA locking_mode=EXCLUSIVE")
        return db

    def apply(self, db: sqlite3.Connection) -> None:
        """Sets journal and syncing of an open database.

        Raises:
            sqlite3.OperationalError: the file system refuses them.
        """
        db.execute(f"PRAGMA synchronous={'FULL' if self.syncs else 'OFF'}")
        wanted = "wal" if self.shared else "truncate"
        (found,) = db.execute(f"PRAGMA journal_mode={wanted}").fetchone()
        if found != wanted:
            raise sqlite3.OperationalError(f"{_NO_LOG} (journal mode {found})")
        db.execute("PRAGMA locking_mode=NORMAL")  # others may read between two commits


def refuses(error: BaseException | None) -> bool:
    """Whether an error of SQLite may come from the file system and not from the content of a file."""
    return isinstance(error, sqlite3.OperationalError) and any(words in str(error) for words in _REFUSED)


def connect_reading(path: Path) -> sqlite3.Connection:
    """Opens an existing database for reading and writes nothing beside it.

    Where SQLite cannot read it in place, the connection holds a copy in memory: beside the log of a killed
    writer in a folder that cannot be written to, and on file systems without locks or shared memory.

    Raises:
        sqlite3.DatabaseError: the file is damaged, or another program keeps changing it.
        OSError: the file cannot be read.
    """
    if _file(path, "-wal") and not path.with_name(f"{path.name}-shm").exists():
        return copied(path)  # SQLite would create the file that is missing
    db = sqlite3.connect(_uri(path), uri=True, isolation_level=None, timeout=_PATIENCE)
    try:
        db.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if not refuses(error):
            raise
        return copied(path)
    except BaseException:
        db.close()
        raise
    return db


def _uri(path: Path) -> str:
    """Returns the URI that opens a database for reading.

    SQLite writes files next to a database even for reading. Without a write-ahead log or journal beside it
    no process is writing, and ``immutable=1`` prevents this.
    """
    still = not any(path.with_name(f"{path.name}{ending}").exists() for ending in _BESIDE)
    return f"{_address(path)}?mode=ro{'&immutable=1' if still else ''}"


def copied(path: Path) -> sqlite3.Connection:
    """Returns a copy of a database in memory, with the commits that only its log or journal has.

    The file that is opened is a private copy among temporary files, so that neither locks nor shared memory
    are needed. What SQLite finds wrong there is wrong in the file.
    """
    memory = sqlite3.connect(":memory:", isolation_level=None)
    try:
        with tempfile.TemporaryDirectory() as folder:
            copy = _copy(path, Path(folder))
            uri = f"{copy.as_uri()}?vfs=unix-none"
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as db:
                db.execute("PRAGMA locking_mode=EXCLUSIVE")
                db.execute("PRAGMA journal_mode=MEMORY")  # takes the log into the file
                db.backup(memory)
        memory.execute("PRAGMA query_only=ON")
    except sqlite3.OperationalError as error:
        memory.close()
        if not refuses(error) or _LOCKED in str(error):
            raise
        raise sqlite3.DatabaseError(str(error)) from error
    except BaseException:
        memory.close()
        raise
    return memory


def _copy(path: Path, folder: Path) -> Path:
    """Copies a database and what lies beside it at a moment when nobody writes, and returns the copy.

    Raises:
        sqlite3.OperationalError: it changes all the time.
    """
    for _ in range(_COPIES):
        before = _state(path)
        for ending in ("", *_BESIDE):
            target = folder / f"{path.name}{ending}"
            target.unlink(missing_ok=True)
            if not ending or _file(path, ending):
                with suppress(FileNotFoundError):  # a journal that has just gone
                    shutil.copyfile(path.with_name(target.name), target)
        if _state(path) == before:
            return folder / path.name
        time.sleep(_PAUSE)
    raise sqlite3.OperationalError(f"{_LOCKED}: it changes all the time")


def _file(path: Path, ending: str) -> bool:
    """Whether a file with content lies beside the database; reading a pipe would block."""
    beside = path.with_name(f"{path.name}{ending}")
    return os.path.isfile(beside) and os.path.getsize(beside) > 0


def _state(path: Path) -> list[tuple[int, int] | None]:
    found: list[tuple[int, int] | None] = []
    for ending in ("", *_BESIDE):
        try:
            stat = path.with_name(f"{path.name}{ending}").stat()
            found.append((stat.st_size, stat.st_mtime_ns))
        except OSError:
            found.append(None)
    return found


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except OSError:
        return False
    return True


def _address(path: Path) -> str:
    """Returns the URI of a file; unlike `resolve`, `realpath` accepts a loop of symbolic links."""
    return Path(os.path.realpath(path)).as_uri()
