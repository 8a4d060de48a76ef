"""File systems that refuse calls cost no study: chmod, fsync, locks, and what SQLite's log needs."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from study.cli import main
from study.errors import NotWritable, StoreError
from study.matrix import arms
from study.orchestration.status import status
from study.records import RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec
from study.store import sqlite_opening
from study.store.files import never_recreate, require_folder, write_json, write_text
from study.store.ledger import Ledger
from study.store.lock import StudyLock, lock_holder
from study.store.sqlite_opening import Journal
from study.store.tables import write_tables
from study.training.checkpoint import Checkpoints

#: With which a mount says that it does not know a call, or does not allow it.
UNKNOWN = (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.ENOSYS)
RECORD = RunRecord(
    spec=RunSpec(arm=arms()[0], purpose=Purpose.FINAL, seed=1, hyper=HyperParams(lr=0.01), rung=100),
    state=RunState.FINISHED,
    test_accuracy=0.5,
)
#: Commits and is killed, so that its log stays beside the ledger.
_KILLED = (
    "import os, sys; from pathlib import Path; from study.store.ledger import Ledger\n"
    "ledger = Ledger(Path(sys.argv[1]) / 'ledger.sqlite')\n"
    "ledger.set_fact('plan', {'budget_seconds': 600}); ledger.set_fact('used_seconds', 61.0); os._exit(9)"
)


def _refuse(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, number: int) -> None:
    def refused(*arguments: Any, **named: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(owner, name, refused)


def _refuse_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many network shares: files are synced, folders are not."""
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("number", UNKNOWN, ids=lambda number: errno.errorcode[number])
@pytest.mark.parametrize("name", ["chmod", "fsync"])
def test_a_file_is_written_where_a_call_is_refused(
    name: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse(monkeypatch, os, name, number)
    write_text(tmp_path / "file.txt", "old")
    write_text(tmp_path / "file.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "new"
    (told,) = require_folder(tmp_path, "results directory")
    assert f"it refuses {name} ({os.strerror(number)})" in told and str(tmp_path) in told


def test_what_a_usual_file_system_refuses_is_nothing(tmp_path: Path) -> None:
    assert require_folder(tmp_path / "new", "results directory") == ()
    assert not list((tmp_path / "new").iterdir())


def test_several_may_look_at_a_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        looks = [threads.submit(require_folder, tmp_path, "report directory") for _ in range(200)]
    assert {look.result() for look in looks} == {()} and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_synced_is_told_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_folders(monkeypatch)
    (told,) = require_folder(tmp_path, "report directory")
    assert "fsync" in told
    kept = Checkpoints(folder=tmp_path / "unfinished", run_id="run")
    kept.save(64, {"samples_seen": 64, "weights": torch.ones(3)})
    state, unusable = kept.load()
    assert state is not None and torch.equal(state["weights"], torch.ones(3)) and not unusable
    write_tables([RECORD], tmp_path)
    assert (tmp_path / "results.csv").read_text().count("\n") == 2


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.ESTALE])
def test_content_that_the_disk_has_lost_is_an_error(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(tmp_path / "file.txt", "old")
    _refuse(monkeypatch, os, "fsync", number)
    with pytest.raises(StoreError, match=f"cannot write .*: {os.strerror(number).lower()}"):
        write_text(tmp_path / "file.txt", "new")
    assert (tmp_path / "file.txt").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_disk_that_cannot_be_written_to_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse(monkeypatch, os, "replace", errno.EROFS)
    with pytest.raises(NotWritable):
        write_json(tmp_path / "file.json", {})
    _refuse(monkeypatch, os, "replace", errno.ENOSPC)
    with pytest.raises(StoreError) as caught:
        write_json(tmp_path / "file.json", {})
    assert not isinstance(caught.value, NotWritable)


def test_a_mount_without_locks_is_told_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert StudyLock(tmp_path).limits == ()
    _refuse(monkeypatch, fcntl, "flock", errno.ENOLCK)
    with StudyLock(tmp_path) as lock:
        (told,) = lock.limits
    assert "it knows no locks (No locks available)" in told
    assert lock_holder(tmp_path) is None


# ---- SQLite
@pytest.fixture
def no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite on one of its own file systems that has no shared memory."""
    real = sqlite3.connect

    def connect(database: Any, *arguments: Any, **named: Any) -> sqlite3.Connection:
        if str(database).startswith("file:") and "vfs=" not in database:
            database += f"{'&' if '?' in database else '?'}vfs=unix-none"
        return real(database, *arguments, **named)

    monkeypatch.setattr(sqlite3, "connect", connect)


def _killed(folder: Path) -> Path:
    subprocess.run([sys.executable, "-c", _KILLED, str(folder)], check=False)
    assert (folder / "ledger.sqlite-wal").stat().st_size
    return folder / "ledger.sqlite"


def _mode(ledger: Ledger) -> tuple[object, object]:
    found = (ledger._db.execute(f"PRAGMA {name}") for name in ("journal_mode", "synchronous"))
    return tuple(rows.fetchone()[0] for rows in found)


def _facts(path: Path) -> dict[str, Any]:
    ledger = Ledger(path)
    try:
        return {name: ledger.fact(name) for name in ("used_seconds", "format")}
    finally:
        ledger.close()


FULL = 2


def test_a_usual_ledger_has_a_log_and_syncs_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert _mode(ledger) == ("wal", FULL) and ledger.limits == ()
    ledger.close()


def test_a_ledger_without_shared_memory_keeps_a_journal(tmp_path: Path, no_shared_memory: None) -> None:
    for seed in (1, 2):  # begun, and gone on with
        ledger = Ledger(tmp_path / "ledger.sqlite")
        (told,) = ledger.limits
        assert "no write-ahead log" in told and _mode(ledger) == ("truncate", FULL)
        ledger.commit(replace(RECORD, spec=replace(RECORD.spec, seed=seed)))
        assert len(status(tmp_path)) > 2, "others read it meanwhile"
        ledger.close()
    reader = Ledger(tmp_path / "ledger.sqlite", read_only=True)
    assert [record.spec.seed for record in reader.records()] == [1, 2]
    reader.close()


@pytest.mark.parametrize("end", ["closed", "killed"])
def test_a_ledger_begun_with_a_log_goes_on_without_shared_memory(
    end: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A study that was copied from a usual disk to a network share."""
    path = _killed(tmp_path)
    if end == "closed":
        Ledger(path).close()
    request.getfixturevalue("no_shared_memory")
    assert status(tmp_path)[0].startswith("used 1m01s")
    assert _facts(path) == {"used_seconds": 61.0, "format": 2}
    assert not (tmp_path / "ledger.sqlite-wal").exists()
    ledger = Ledger(path)
    ledger.set_fact("used_seconds", 62.0)
    ledger.close()
    assert _facts(path)["used_seconds"] == 62.0


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    """A sound ledger with its log, of whose shared memory the system says: Invalid argument."""
    path = _killed(tmp_path)
    (tmp_path / "ledger.sqlite-shm").unlink(missing_ok=True)
    os.mkfifo(tmp_path / "ledger.sqlite-shm")  # it can be opened, but has no size
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.OperationalError, match="disk I/O"):
        db.execute("SELECT * FROM facts")
    return path


def test_a_sound_ledger_is_not_called_damaged(refused: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = refused.read_bytes()
    assert main(["status", "--results-dir", str(refused.parent)]) == 0
    assert capsys.readouterr().out.startswith("used 1m01s of 10m00s")
    assert refused.read_bytes() == before
    ledger = Ledger(refused)
    assert ledger.fact("used_seconds") == 61.0 and _mode(ledger) == ("truncate", FULL)
    ledger.set_fact("used_seconds", 63.0)
    ledger.close()
    assert _facts(refused)["used_seconds"] == 63.0


def test_a_disk_that_fails_is_not_called_a_damaged_ledger(
    refused: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _refuse(monkeypatch, shutil, "copyfile", errno.EIO)
    assert main(["status", "--results-dir", str(refused.parent)]) == 2
    told = capsys.readouterr().err
    assert "cannot read" in told and "Input/output error" in told and "--fresh" not in told


def test_a_damaged_ledger_is_still_called_damaged(refused: Path) -> None:
    for path in (refused, refused.with_name("ledger.sqlite-wal")):
        path.write_bytes(b"x" * 100 + path.read_bytes()[100:])
    with pytest.raises(StoreError, match="--fresh"):
        status(refused.parent)


def test_a_lock_of_another_program_is_not_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    monkeypatch.setattr(sqlite_opening, "_PATIENCE", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="database is locked"):
            Ledger(path)


@pytest.mark.parametrize(
    ("refused", "found"),
    [
        ("lockf", Journal(shared=False, locks=False)),
        ("fsync", Journal(shared=False, syncs=False)),
        ("", Journal(shared=False)),
    ],
)
def test_what_a_file_system_refuses_is_found_out(
    refused: str, found: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    if refused:
        _refuse(monkeypatch, fcntl if refused == "lockf" else os, refused, errno.ENOSYS)
    assert Journal.allowed_in(tmp_path, error) == found
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    with closing(found.connect(tmp_path / "x.sqlite")) as db:  # such a journal works
        db.execute("CREATE TABLE x (value INTEGER)")
        found.apply(db)
        db.execute("INSERT INTO x VALUES (7)")
        assert db.execute("PRAGMA synchronous").fetchone()[0] == (FULL if found.syncs else 0)
    with closing(sqlite3.connect(tmp_path / "x.sqlite")) as db:
        assert db.execute("SELECT value FROM x").fetchall() == [(7,)]
    assert len(found.limits) == 1 + (not found.locks) + (not found.syncs)


def test_an_error_of_the_content_asks_for_no_other_journal(tmp_path: Path) -> None:
    assert Journal.allowed_in(tmp_path, sqlite3.OperationalError("no such column: x")) is None
    assert Journal.allowed_in(tmp_path, sqlite3.OperationalError("database or disk is full")) is None
    assert Journal.allowed_in(tmp_path, sqlite3.OperationalError("database is locked")) is None


def _delete(folder: Path) -> None:
    shutil.rmtree(folder)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder)
    Ledger(folder / "ledger.sqlite").close()


def _move(folder: Path) -> None:
    folder.rename(folder.with_name("moved"))


@pytest.mark.parametrize("change", [_delete, _empty, _make_anew, _move], ids=lambda change: change.__name__)
def test_a_ledger_that_was_taken_away_is_noticed_at_the_next_write(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.set_fact("used_seconds", 1.0)
    change(folder)
    for write in (
        lambda: ledger.set_fact("used_seconds", 2.0),
        lambda: ledger.commit(RECORD),
        lambda: ledger.add_event("x", "y"),
    ):
        with pytest.raises(StoreError, match="deleted, moved or replaced"):
            write()
    ledger.close()
    if change is _make_anew:
        assert _facts(folder / "ledger.sqlite")["used_seconds"] is None
    else:
        assert not folder.exists() or not list(folder.iterdir())


def test_another_number_of_the_same_file_is_no_other_file(tmp_path: Path) -> None:
    """Some network shares number their files anew."""
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("used_seconds", 1.0)
    ledger._file = (0, 0)
    ledger.set_fact("used_seconds", 2.0)
    assert ledger.fact("used_seconds") == 2.0
    ledger.close()


def _kept(folder: Path) -> Path:
    """A folder with a ledger and a file deep in it."""
    write_text(folder / "ledger.sqlite", "x")
    write_text(folder / "checkpoints" / "unfinished" / "a.pt", "x")
    return folder


@pytest.mark.parametrize("gone", ["the folder", "the ledger"])
@pytest.mark.parametrize("name", ["results.csv", "checkpoints/unfinished/b.pt", "artifacts/runs/c.npz"])
def test_a_folder_that_was_taken_away_is_not_made_again(gone: str, name: str, tmp_path: Path) -> None:
    folder = _kept(tmp_path / "results")
    with never_recreate(folder, "ledger.sqlite", "never there"):
        write_text(folder / name, "before")
        if gone == "the folder":
            shutil.rmtree(folder)
        else:
            (folder / "ledger.sqlite").unlink()
        with pytest.raises(StoreError, match=f"cannot write .*{name}: .* is gone"):
            write_text(folder / name, "after")
        write_text(tmp_path / "report" / "deep" / "report.pdf", "elsewhere everything is as it was")
    assert not folder.exists() or (folder / name).read_text() == "before"
    write_text(folder / name, "afterwards")  # the guard ends with its block


def test_a_folder_that_goes_while_a_file_is_written_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = _kept(tmp_path / "results"), Path.exists

    def exists(path: Path) -> bool:
        found = real(path)
        shutil.rmtree(folder, ignore_errors=True)  # in the moment after the look
        return found

    with never_recreate(folder):
        monkeypatch.setattr(Path, "exists", exists)
        with pytest.raises(StoreError, match="no such file"):
            write_text(folder / "checkpoints" / "b.pt", "after")
    monkeypatch.undo()
    assert not folder.exists()
