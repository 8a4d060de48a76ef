"""A study killed without warning goes on where it was: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

from study.cli import main


def test_a_killed_study_keeps_its_runs_and_finishes(tmp_path: Path) -> None:
    results = tmp_path / "r"
    command = [
        sys.executable, "run_study.py", "--models", "googlenet", "--seeds", "1", "--offline",
        "--results-dir", str(results), "--report-dir", str(tmp_path / "o"), "--budget", "90s",
    ]  # fmt: skip
    first = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    before = _wait_for_a_run(results / "ledger.sqlite")
    workers = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    _wait_for_the_end_of(workers)

    second = subprocess.run(command, capture_output=True, text=True, timeout=400)

    assert second.returncode == 0, second.stderr
    tables = [pd.read_csv(results / name) for name in ("results.csv", "trials.csv")]
    runs = pd.concat([table[table["state"] != "skipped"] for table in tables])
    assert runs["run_id"].is_unique
    assert set(before) <= set(runs["run_id"])
    assert (tmp_path / "o" / "report.pdf").is_file()
    assert main(["--budget", "60s", "--models", "vgg11", "--results-dir", str(results)]) == 2


def _wait_for_the_end_of(pids: list[str]) -> None:
    """A coordinator that is gone leaves no process that goes on writing."""
    assert pids
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, f"still there: {pids}"
        time.sleep(0.1)


def _wait_for_a_run(ledger: Path) -> dict[str, str]:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if ledger.is_file():
            try:
                with sqlite3.connect(ledger) as db:
                    rows = dict(db.execute("SELECT run_id, record FROM runs"))
            except sqlite3.OperationalError:
                rows = {}
            if rows:
                return rows
        time.sleep(0.1)
    raise AssertionError("no run was committed")
