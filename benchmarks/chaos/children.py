"""Starts toy studies in processes of their own, and looks at what they left."""

from __future__ import annotations

import csv
import json
import multiprocessing
import os
import signal
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np

from benchmarks.chaos.cuts import Cut
from benchmarks.chaos.toy import RUNS, Task, digest, go

#: A file system in memory: a kill of processes leaves there what it leaves on a disk, and syncing is free.
MEMORY = Path("/dev/shm")
#: Seconds after which a toy study counts as hung.
PATIENCE = 60.0
_CONTEXT = multiprocessing.get_context("forkserver")


@contextmanager
def in_memory() -> Iterator[Path]:
    """A folder that is removed afterwards; on the disk where there is no file system in memory."""
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


def start(task: Task) -> ForkServerProcess:
    """A child of a server that has everything imported: starting takes milliseconds."""
    _CONTEXT.set_forkserver_preload(["benchmarks.chaos.toy"])
    process = _CONTEXT.Process(target=go, args=(task,))
    process.start()
    return process


def kill_group(process: ForkServerProcess) -> None:
    assert process.pid is not None
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:  # it has not made a group yet, or has ended
        process.kill()


def ended(process: ForkServerProcess, seconds: float = PATIENCE) -> int:
    """Its exit code; raises TimeoutError where it hangs."""
    process.join(seconds)
    if process.exitcode is None:
        kill_group(process)
        raise TimeoutError(f"the toy study did not end in {seconds:.0f} s")
    return process.exitcode


@dataclass
class Watched:
    """A toy study in a folder of its own: its results, its witness, and what was seen in its ledger."""

    folder: Path
    cuts: int = 0
    seen: dict[str, str] = field(default_factory=dict)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def said(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8")

    def start(self, cut: Cut | None = None, limit: int | None = None) -> ForkServerProcess:
        self.folder.mkdir(parents=True, exist_ok=True)
        return start(Task(folder=self.results, journal=self.folder / "journal", log=self.folder / "log",
                          cut=cut, limit=limit))  # fmt: skip

    def faults(self, *, complete: bool = False) -> list[str]:
        """What is wrong after a kill or a stop, or (`complete`) after the end."""
        known, noted = ledger_of(self.results), _noted(self.folder / "journal")
        self.cuts += not complete
        found = [f"lost: {name}" for name in {**self.seen, **dict(noted)} if name not in known]
        found += [f"changed: {name}" for name, text in self.seen.items() if known.get(name, text) != text]
        found += [f"not what was committed: {name}" for name, value in noted
                  if name in known and digest(json.loads(known[name])) != value]  # fmt: skip
        found += [f"made twice: {name}" for name, n in Counter(n for n, _ in noted).items() if n > 1]
        if len(known) - len(noted) > self.cuts:
            found.append(f"the ledger has {len(known)} runs, its witness {len(noted)}")
        self.seen = known
        found += _tables(self.results, list(known), complete) + _files(self.results, known)
        if complete:
            found += [] if len(known) == RUNS else [f"{len(known)} runs instead of {RUNS}"]
            found += _optuna(self.results, known)
            found += [f"left behind: {path.name}" for path in self.results.rglob("*.part")]
            found += [f"set aside: {path.name}" for path in self.results.glob("*.damaged-*")]
        return found

    def outcome(self) -> dict[str, tuple[str, float | None, float | None]]:
        """State and accuracies of every run: the same for every complete toy study."""
        records = {name: json.loads(text) for name, text in ledger_of(self.results).items()}
        return {name: (r["state"], r["val_accuracy"], r["test_accuracy"]) for name, r in records.items()}


def ledger_of(folder: Path) -> dict[str, str]:
    """Committed records as JSON text by run_id, read by SQLite alone."""
    path = folder / "ledger.sqlite"
    if not path.exists() or not path.stat().st_size:
        return {}
    with closing(sqlite3.connect(path)) as db:
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            return {"damaged": "{}"}
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name='runs'").fetchone():
            return {}
        return dict(db.execute("SELECT run_id, record FROM runs ORDER BY position"))


def _noted(journal: Path) -> list[tuple[str, str]]:
    """(run_id, digest) of every line of the witness."""
    if not journal.exists():
        return []
    lines = journal.read_text(encoding="ascii").splitlines()
    return [(name, value) for name, value in (line.split() for line in lines)]


def _tables(folder: Path, committed: list[str], complete: bool) -> list[str]:
    """The tables hold the committed runs, but for the last one if it was being written."""
    rows: dict[str, list[str]] = {}
    for name in ("results.csv", "trials.csv", "history.csv"):
        path = folder / name
        if path.exists():
            with path.open(encoding="utf-8", newline="") as stream:
                table = list(csv.DictReader(stream))
            rows[name] = [row["run_id"] for row in table if row.get("state") != "skipped"]
    runs = rows.get("results.csv", []) + rows.get("trials.csv", [])
    found = [] if len(runs) == len(set(runs)) else ["a run stands in the tables twice"]
    allowed = [set(committed)] if complete else [set(committed), set(committed[:-1])]
    if set(runs) not in allowed:
        found.append(f"the tables have {len(runs)} runs, the ledger {len(committed)}")
    if not set(rows.get("history.csv", [])) <= set(committed):
        found.append("history.csv: points of a run that is not committed")
    return found


def _files(folder: Path, known: dict[str, str]) -> list[str]:
    """Files come before the ledger: what is committed has them, and each can be read."""
    for path in folder.glob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))
    finals = {name for name, text in known.items() if json.loads(text)["spec"]["purpose"] == "final"}
    kept: set[str] = set()
    if (folder / "predictions.npz").exists():
        with np.load(folder / "predictions.npz") as stored:
            kept = {key.rsplit(".", 1)[0] for key in dict(stored) if key.endswith(".class")}
    for name in finals & kept:
        with np.load(folder / "checkpoints" / f"{name}.npz") as stored:
            dict(stored)
    return [] if finals <= kept else ["predictions.npz lacks a committed run"]


def _optuna(folder: Path, known: dict[str, str]) -> list[str]:
    """Optuna's settled trials are the ledger's, each once."""
    with closing(sqlite3.connect(folder / "optuna.db")) as db:
        rows = db.execute(
            "SELECT json_extract(a.value_json, '$'), t.state FROM trials t JOIN trial_user_attributes a "
            "ON a.trial_id = t.trial_id AND a.key = 'run_id' WHERE t.state IN ('COMPLETE', 'PRUNED')"
        ).fetchall()
        query = "SELECT COUNT(*) FROM trials WHERE state IN ('RUNNING', 'WAITING')"
        still_open = int(db.execute(query).fetchone()[0])
    states = {"finished": "COMPLETE", "pruned": "PRUNED"}
    records = {name: json.loads(text) for name, text in known.items()}
    wanted = sorted((name, states[record["state"]]) for name, record in records.items()
                    if record["spec"]["purpose"] == "trial")  # fmt: skip
    found = [] if sorted(rows) == wanted else ["Optuna's trials are not those of the ledger"]
    return found + ([f"{still_open} trials are open"] if still_open else [])
