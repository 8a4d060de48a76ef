"""Runs whole studies: without a network, ended by a signal, killed, and on a full disk."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.chaos.children import ledger_of, left_of_group
from benchmarks.chaos.full_disk import fill, mounted
from benchmarks.chaos.toy import name_of
from study.budget import parse_budget
from study.records import Reason, RunRecord
from study.spec import Purpose
from study.store.tables import champion, standing

ROOT = Path(__file__).parents[2]
#: Seconds within which a study must end after SIGTERM, and after the disk is full.
EXIT_SECONDS = 15.0
FULL_SECONDS = 10.0
#: State of a listening TCP socket in /proc/net/tcp.
_LISTENS = "0A"
#: Flags of a study of one network, whose later phases are reached within a budget of seconds.
SHORT = ("--models", "googlenet", "--seeds", "1")


class Study:
    """A process of `run_study.py`, which leads its own process group."""

    def __init__(
        self, folder: Path, budget: str, *before: str, flags: tuple[str, ...] = SHORT, workers: int = 0
    ) -> None:
        """Starts the study.

        Args:
            folder: folder of its results and report.
            budget: its budget.
            *before: words put before the command.
            flags: further flags.
            workers: number of workers; 0 leaves it to the study.
        """
        self.results, self.report = folder / "results", folder / "report"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = (folder / "log").open("w+", encoding="utf-8")
        command = [
            *before,
            sys.executable,
            str(ROOT / "run_study.py"),
            *flags,
            "--budget",
            budget,
            "--results-dir",
            str(self.results),
            "--report-dir",
            str(self.report),
            "--workers",
            str(workers or "auto"),
        ]
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True
        )

    def runs(self) -> dict[str, str]:
        return ledger_of(self.results)

    def wait_for_runs(self, count: int, seconds: float = 240.0) -> bool:
        """Whether `count` runs were committed while it was running, within `seconds`."""
        until = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < until:
            if self.results.exists() and len(self.runs()) >= count:
                return True
            time.sleep(0.2)
        return False

    def end(self, seconds: float = 300.0) -> int:
        """Waits for its end and returns the exit code; kills it after `seconds`."""
        try:
            return self.process.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def said(self) -> str:
        self.log.seek(0)
        return self.log.read()

    def failed(self) -> list[str]:
        """Returns the runs whose record is a failure."""
        return [name for name, text in self.runs().items() if '"state": "failed"' in text]

    def faults(self, code: int) -> list[str]:
        """Checks exit code, output, report and tables, and returns what is wrong."""
        found = ["traceback"] if "Traceback" in self.said() else []
        pdf = self.report / "report.pdf"
        if not (pdf.is_file() and _whole(pdf)):
            found.append("no valid report")
        names = ("results.csv", "rungs.csv", "trials.csv", "experiments.csv")
        paths = {name: self.results / name for name in names}
        tables = {name: pd.read_csv(path) for name, path in paths.items() if path.exists()}
        keys = {name: _keys(table[table["state"] != "skipped"]) for name, table in tables.items()}
        found += [
            f"{name}: a run stands there twice"
            for name, rows in keys.items()
            if len(rows) != len(set(rows))
        ]
        known = {name: RunRecord.from_dict(json.loads(text)) for name, text in self.runs().items()}
        other = {name for name, record in known.items() if record.spec.purpose is not Purpose.FINAL}
        told = {key for rows in keys.values() for key in rows}
        wanted = {*map(name_of, standing(known.values())), *other} - _given_up(list(known.values()))
        if told != wanted:
            found.append(f"the tables are not the ledger's: {sorted(told ^ wanted)[:3]}")
        return found + ([f"exit {code}: {self.said()[-300:]}"] if code else [])


def _keys(rows: pd.DataFrame) -> list[str]:
    return [f"{run_id}.{rung:.0f}" for run_id, rung in zip(rows["run_id"], rows["rung"], strict=True)]


def _given_up(records: list[RunRecord]) -> set[str]:
    """Returns the champions without a row of their own, which are all but the last."""
    tries = {name_of(record) for record in records if record.spec.purpose is Purpose.CHAMPION}
    shown = champion(records)
    return tries - ({name_of(shown)} if shown is not None else set())


def no_network(folder: Path, budget: str, workers: int = 0) -> dict[str, Any]:
    """Runs a whole study in a network namespace of its own, without even a loopback."""
    study = Study(
        folder / "quiet", budget, "unshare", "--user", "--map-root-user", "--net", workers=workers
    )
    looks = listening = 0
    while study.process.poll() is None:
        if not _apart(study.process.pid):  # until then its sockets are those of the machine
            time.sleep(0.02)
            continue
        looks += 1
        for kind in ("tcp", "tcp6"):
            listening += _listening(Path(f"/proc/{study.process.pid}/net/{kind}"))
        time.sleep(0.5)
    code = study.end()
    faults = study.faults(code)
    if listening:
        faults.append(f"{listening} listening sockets were seen")
    return {
        "name": "a whole study without a network",
        "tried": 1,
        "faults": faults,
        "looks_for_listening_sockets": looks,
        "listening_sockets": listening,
    }


def signals(folder: Path, times: int, budget: str, seed: int, workers: int = 0) -> dict[str, Any]:
    """Sends SIGTERM at random moments: the study must end with a report, and go on with more time."""
    rng = random.Random(seed)
    faults: list[str] = []
    seconds: list[float] = []
    for number in range(times):
        place = folder / f"signal{number}"
        study = Study(place, budget, workers=workers)
        if not study.wait_for_runs(1 + number % 2):  # a budget of a minute may have no more runs
            faults.append(f"no run: {study.said()[-300:]}")
        time.sleep(rng.uniform(0, 3))
        study.process.terminate()
        began = time.monotonic()
        code = study.end(60)
        seconds.append(time.monotonic() - began)
        faults += study.faults(code)
        before = study.runs()
        study = Study(place, f"{2 * parse_budget(budget):.0f}s", workers=workers)
        code = study.end()
        known = study.runs()
        faults += study.faults(code)
        for name, text in before.items():
            if Reason.STOPPED.value not in text and known.get(name) != text:
                faults.append(f"lost or changed: {name}")
        faults += [f"not taken up: {name}" for name, text in known.items() if Reason.STOPPED.value in text]
    faults += [f"{s:.1f} s until the exit" for s in seconds if s > EXIT_SECONDS]
    return {
        "name": "SIGTERM during a whole study, then on with twice the budget",
        "tried": times,
        "faults": faults,
        "exit_seconds": [round(s, 2) for s in seconds],
    }


def whole_kills(folder: Path, kills: int, budget: str, seed: int, workers: int = 0) -> dict[str, Any]:
    """Sends SIGKILL to the group of a whole study again and again, then lets it end."""
    rng = random.Random(seed)
    faults: list[str] = []
    seen: dict[str, str] = {}
    fell = 0
    for _ in range(kills):
        study = Study(folder / "killed", budget, workers=workers)
        if not study.wait_for_runs(len(seen) + 1):
            break
        time.sleep(rng.uniform(0, 3))
        group = study.process.pid
        study.kill()
        fell += 1
        faults += [f"process {pid} was left behind" for pid in left_of_group(group)]
        known = study.runs()
        faults += [f"lost or changed: {name}" for name, text in seen.items() if known.get(name) != text]
        seen = known
    # The time that killed starts used counts, and may be the whole budget.
    study = Study(folder / "killed", f"{2 * parse_budget(budget):.0f}s", workers=workers)
    code = study.end()
    known = study.runs()
    faults += [f"lost or changed: {name}" for name, text in seen.items() if known.get(name) != text]
    faults += study.faults(code)
    return {
        "name": "SIGKILL of the group of a whole study, then resume",
        "tried": fell,
        "faults": faults,
        "runs": len(known),
    }


def whole_full_disk(folder: Path, points: int, budget: str, seed: int, workers: int = 0) -> dict[str, Any]:
    """Fills the disk while workers train; then there is space again, and the study must go on."""
    rng = random.Random(seed)
    faults: list[str] = []
    seconds: list[float] = []
    for number in range(points):
        place = folder / f"full{number}"
        with mounted(place / "results", "1500m"):
            study = Study(place, budget, workers=workers)
            if not study.wait_for_runs(1 + number):
                faults.append(f"no run: {study.said()[-300:]}")
            time.sleep(rng.uniform(0, 2))
            filler = fill(study.results)
            began = time.monotonic()
            code = study.end(60)
            seconds.append(time.monotonic() - began)
            said = study.said().strip().splitlines()[-1]
            if code != 2 or "no space left" not in said.lower():
                faults.append(f"exit {code}: {said}")
            before = study.runs()
            filler.unlink()
            study = Study(place, budget, workers=workers)
            code = study.end()
            faults += study.faults(code)
            faults += [f"lost: {name}" for name in before if name not in study.runs()]
            faults += [f"the full disk became the run's failure: {name}" for name in study.failed()]
    faults += [f"{s:.1f} s until the exit" for s in seconds if s > FULL_SECONDS]
    return {
        "name": "disk full during a whole study, then space again",
        "tried": points,
        "faults": faults,
        "exit_seconds": [round(s, 2) for s in seconds],
    }


def _whole(pdf: Path) -> bool:
    content = pdf.read_bytes()
    return content.startswith(b"%PDF") and content.rstrip().endswith(b"%%EOF")


def _apart(pid: int) -> bool:
    """Whether a process has a network namespace of its own."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/self/ns/net")
    except OSError:  # it has ended
        return False


def _listening(path: Path) -> int:
    try:
        lines = path.read_text(encoding="ascii").splitlines()[1:]
    except OSError:  # it has ended
        return 0
    return sum(line.split()[3] == _LISTENS for line in lines)
