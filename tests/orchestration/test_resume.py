"""A study killed without warning goes on where it was, inside a run: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from study.cli import main

pytestmark = [pytest.mark.xdist_group("time"), pytest.mark.long]


def test_a_killed_study_keeps_its_runs_and_finishes(tmp_path: Path) -> None:
    results = tmp_path / "r"
    flags = [
        "--models", "googlenet", "--seeds", "1", "--offline",
        "--results-dir", str(results), "--report-dir", str(tmp_path / "o"), "--budget", "110s",
    ]  # fmt: skip
    first = subprocess.Popen(
        [sys.executable, "-m", "tests.orchestration.frequent", *flags],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    before = _wait_for_a_run(results / "ledger.sqlite")
    cut_off = _wait_for_a_checkpoint(results / "checkpoints" / "unfinished", before)
    workers = Path(f"/proc/{first.pid}/task/{first.pid}/children").read_text().split()
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    _wait_for_the_end_of(workers)

    second = subprocess.run(
        [sys.executable, "run_study.py", *flags], capture_output=True, text=True, timeout=400
    )

    assert second.returncode == 0, second.stderr
    tables = [pd.read_csv(results / name) for name in ("results.csv", "trials.csv")]
    runs = pd.concat([table[table["state"] != "skipped"] for table in tables])
    assert runs["run_id"].is_unique
    assert set(before) <= set(runs["run_id"])
    assert set(runs.loc[runs["run_id"] == cut_off, "state"]) == {"finished"}
    events = json.loads((results / "environment.json").read_text())["events"]
    told = [event["detail"] for event in events if event["kind"] == "run_resumed"]
    assert len(told) == 1 and told[0].startswith(f"{cut_off}: taken up after ")
    assert not list((results / "checkpoints" / "unfinished").glob(f"{cut_off}.*"))
    assert (tmp_path / "o" / "report.pdf").is_file()
    assert main(["--budget", "60s", "--models", "vgg11", "--results-dir", str(results)]) == 2


def _wait_for_the_end_of(pids: list[str]) -> None:
    """A coordinator that is gone leaves no process that goes on writing."""
    assert pids
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < end, f"still there: {pids}"
        time.sleep(0.1)


def _wait_for_a_checkpoint(folder: Path, done: dict[str, str]) -> str:
    """The run_id of the first whole checkpoint of another run."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in folder.glob("*.pt.sha256"):
            run_id = path.name.split(".")[0]
            if run_id not in done:
                return run_id
        time.sleep(0.02)
    raise AssertionError("no run was kept")


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
