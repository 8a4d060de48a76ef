"""Starts toy studies in processes of their own and checks what they leave."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.chaos.cuts import Cut
from benchmarks.chaos.toy import LEAST_RUNS, Task, digest, go, name_of
from study.records import RunRecord
from study.spec import Arm, Purpose, Scope
from study.store.tables import highest, standing
from study.tuning import best

#: A file system in memory; a kill of processes leaves the same files as on a disk, and syncing is free.
MEMORY = Path("/dev/shm")
#: Seconds after which a toy study counts as hung.
PATIENCE = 60.0
_CONTEXT = multiprocessing.get_context("forkserver")


@contextmanager
def in_memory() -> Iterator[Path]:
    """Yields a temporary folder in memory, or on the disk if there is no file system in memory."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def start(task: Task) -> ForkServerProcess:
    """Starts a child of a server that has everything imported, which takes milliseconds."""
    _CONTEXT.set_forkserver_preload(["benchmarks.chaos.toy"])
    process = _CONTEXT.Process(target=go, args=(task,))
    process.start()
    return process


def kill_group(process: ForkServerProcess) -> None:
    """Sends SIGKILL to the process group of a toy study."""
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not made a group yet, or has ended
        process.kill()


def ended(process: ForkServerProcess, seconds: float = PATIENCE) -> int:
    """Waits for the end of a process and returns its exit code.

    Raises:
        TimeoutError: it did not end within `seconds`, and was killed.
    """
    process.join(seconds)
    if process.exitcode is None:
        kill_group(process)
        raise TimeoutError(f"the toy study did not end in {seconds:.0f} s")
    return process.exitcode


@dataclass
class Watched:
    """A toy study in a folder of its own, which is watched from outside.

    Attributes:
        folder: folder of its results, its log and the witness of its commits.
        workers: number of workers.
        cuts: number of kills and stops so far.
        seen: records seen in its ledger, as JSON text by name.
    """

    folder: Path
    workers: int = 1
    cuts: int = 0
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def said(self) -> str:
        """What the last start of the study printed."""
        return (self.folder / "log").read_text(encoding="utf-8")

    def start(self, cut: Cut | None = None, limit: int | None = None) -> ForkServerProcess:
        self.folder.mkdir(parents=True, exist_ok=True)
        return start(
            Task(
                folder=self.results,
                journal=self.folder / "journal",
                log=self.folder / "log",
                workers=self.workers,
                cut=cut,
                limit=limit,
            )
        )

    def faults(self, *, complete: bool = False) -> list[str]:
        """Returns what is wrong after a kill or a stop, or after the end if `complete` is set."""
        known, noted = ledger_of(self.results), _noted(self.folder / "journal")
        self.cuts += not complete
        found = [f"lost: {name}" for name in {**self.seen, **dict(noted)} if name not in known]
        found += [f"changed: {name}" for name, text in self.seen.items() if known.get(name, text) != text]
        found += [
            f"not what was committed: {name}"
            for name, value in noted
            if name in known and digest(json.loads(known[name])) != value
        ]
        found += [f"made twice: {name}" for name, n in Counter(n for n, _ in noted).items() if n > 1]
        if len(known) - len(noted) > self.cuts:
            found.append(f"the ledger has {len(known)} runs, its witness {len(noted)}")
        self.seen = known
        found += _tables(self.results, known, complete) + _files(self.results, known)
        if complete:
            found += [] if len(known) >= LEAST_RUNS else [f"{len(known)} runs, fewer than {LEAST_RUNS}"]
            found += _optuna(self.results, known) + _predictions(self.results, known)
            found += _checkpoints(self.results, known)
            found += [f"left behind: {path.name}" for path in self.results.rglob("*.part")]
            found += [
                f"set aside: {path.name} ({'; '.join(_told(self.results, 'storage_rebuilt'))})"
                for path in self.results.glob("*.damaged-*")
            ]
        return found

    def outcome(self) -> dict[str, tuple[str, float | None, float | None]]:
        """Returns state and accuracies of every evaluation, which all complete toy studies share."""
        records = {name: json.loads(text) for name, text in ledger_of(self.results).items()}
        return {name: (r["state"], r["val_accuracy"], r["test_accuracy"]) for name, r in records.items()}


def left_of_group(group: int, seconds: float = 5.0) -> list[int]:
    """Returns processes of a killed group that are alive after `seconds`; zombies do not count."""
    until = time.monotonic() + seconds
    while (found := _group(group)) and time.monotonic() < until:
        time.sleep(0.02)
    return found


def _group(group: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            told = path.read_text(encoding="ascii", errors="replace")
            state, _, its_group = told.rpartition(")")[2].split()[:3]
        except (OSError, ValueError):  # it has ended
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def _told(results: Path, kind: str) -> list[str]:
    """Returns what the ledger tells of a kind of event."""
    with closing(sqlite3.connect(results / "ledger.sqlite")) as db:
        return [detail for (detail,) in db.execute("SELECT detail FROM events WHERE kind = ?", (kind,))]


def ledger_of(folder: Path) -> dict[str, str]:
    """Returns the committed records as JSON text by run_id and rung, read by SQLite alone."""
    path = folder / "ledger.sqlite"
    if not path.exists() or not path.stat().st_size:
        return {}
    with closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return {"damaged": "{}"}
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name='runs'").fetchone():
            return {}
        rows = db.execute("SELECT run_id, rung, record FROM runs ORDER BY position")
        return {f"{run_id}.{rung}": record for run_id, rung, record in rows}


def _records(known: dict[str, str]) -> list[RunRecord]:
    return [RunRecord.from_dict(json.loads(text)) for text in known.values()]


def _noted(journal: Path) -> list[tuple[str, str]]:
    """Returns (name, digest) of every line of the witness."""
    if not journal.exists():
        return []
    lines = journal.read_text(encoding="ascii").splitlines()
    return [(name, value) for name, value in (line.split() for line in lines)]


def _tables(folder: Path, known: dict[str, str], complete: bool) -> list[str]:
    """Checks that each table has the runs that were committed at some moment, at the end all runs."""
    records = _records(known)
    allowed = [_rows(records[:count]) for count in range(len(records) if complete else 0, len(records) + 1)]
    found, runs = [], {record.spec.run_id for record in records}
    for name in ("results.csv", "rungs.csv", "trials.csv"):
        rows = _table(folder / name)
        if len(rows) != len(set(rows)):
            found.append(f"{name}: a run stands there twice")
        if rows and set(rows) not in [tables[name] for tables in allowed]:
            found.append(f"{name} has {len(rows)} runs, the ledger {len(known)}")
    if complete and not _table(folder / "rungs.csv"):
        found.append("no rungs.csv")
    if not {name.rpartition(".")[0] for name in _table(folder / "history.csv")} <= runs:
        found.append("history.csv: points of a run that is not committed")
    return found


def _rows(records: list[RunRecord]) -> dict[str, set[str]]:
    """Returns the names of the evaluations that each table has for these records."""
    return {
        "results.csv": set(map(name_of, highest(records))),
        "rungs.csv": set(map(name_of, standing(records))),
        "trials.csv": {name_of(r) for r in records if r.spec.purpose is Purpose.TRIAL},
    }


def _table(path: Path) -> list[str]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return [
            f"{row['run_id']}.{int(float(row['rung']))}"
            for row in csv.DictReader(stream)
            if row.get("state") != "skipped"
        ]


def _files(folder: Path, known: dict[str, str]) -> list[str]:
    """Checks that every file can be read and that each committed final run has its arrays.

    The arrays are written before the ledger.
    """
    for path in folder.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    if (folder / "predictions.npz").exists():
        _arrays(folder / "predictions.npz")
    found = []
    for name in map(name_of, _finals(known)):
        path = folder / "artifacts" / "runs" / f"{name}.npz"
        if not path.exists() or "class" not in _arrays(path):
            found.append(f"no arrays of a committed run: {name}")
    return found


def _predictions(folder: Path, known: dict[str, str]) -> list[str]:
    """Checks that at the end one file has the predictions of every valid evaluation."""
    kept = {key.rpartition(".")[0] for key in _arrays(folder / "predictions.npz") if key.endswith(".class")}
    wanted = set(map(name_of, standing(_records(known))))
    return [] if kept == wanted else ["predictions.npz has not the runs that count"]


def _checkpoints(folder: Path, known: dict[str, str]) -> list[str]:
    """Checks that at the end there is one checkpoint, with its hash, of every trunk that may go on."""
    records = _records(known)
    wanted = {
        record.spec.run_id
        for record in _finals(known)
        if record.spec.arm.scope is Scope.FULL
        and (
            (chosen := best(_trials(records, record.spec.arm))) is None
            or chosen.spec.hyper == record.spec.hyper
        )
    }
    paths = [path.name for path in (folder / "checkpoints" / "unfinished").iterdir()]
    have = [name.split(".")[0] for name in paths if name.endswith(".pt")]
    hashes = [name.split(".")[0] for name in paths if name.endswith(".sha256")]
    if sorted(have) == sorted(hashes) == sorted(wanted) and len(paths) == 2 * len(wanted):
        return []
    return [f"checkpoints: {sorted(set(have) ^ wanted) or paths}"]


def _trials(records: Iterable[RunRecord], arm: Arm) -> tuple[RunRecord, ...]:
    return tuple(r for r in records if r.spec.arm == arm and r.spec.purpose is Purpose.TRIAL)


def _finals(known: dict[str, str]) -> list[RunRecord]:
    return [record for record in _records(known) if record.spec.purpose is Purpose.FINAL]


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path) as stored:
        return dict(stored)


def _optuna(folder: Path, known: dict[str, str]) -> list[str]:
    """Checks that Optuna's completed trials are those of the ledger, each once, and that none is open."""
    with closing(sqlite3.connect(folder / "optuna.db")) as db:
        rows = db.execute(
            "SELECT json_extract(a.value_json, '$') FROM trials t JOIN trial_user_attributes a "
            "ON a.trial_id = t.trial_id AND a.key = 'run_id' WHERE t.state = 'COMPLETE'"
        ).fetchall()
        query = "SELECT COUNT(*) FROM trials WHERE state IN ('RUNNING', 'WAITING')"
        still_open = int(db.execute(query).fetchone()[0])
    wanted = sorted(r.spec.run_id for r in _records(known) if r.spec.purpose is Purpose.TRIAL)
    found = [] if sorted(name for (name,) in rows) == wanted else ["Optuna's trials are not the ledger's"]
    return found + ([f"{still_open} trials are open"] if still_open else [])
