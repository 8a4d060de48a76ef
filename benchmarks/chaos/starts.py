"""Starts two coordinators for one results directory at the same moment from the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: Seconds within which one of them must end, and after which both count as going on.
LIMIT = 5.0
PATIENCE = 30.0


def two_coordinators(folder: Path, starts: int) -> dict[str, Any]:
    """Checks that exactly one wins, and that the other exits with 2 and names the winner."""
    faults: list[str] = []
    seconds: list[float] = []
    for number in range(starts):
        results = folder / f"two{number}"
        command = [
            sys.executable,
            str(ROOT / "run_study.py"),
            "--offline",
            "--budget",
            "60s",
            "--results-dir",
            str(results),
            "--report-dir",
            str(results / "report"),
        ]
        began = time.monotonic()
        both = [
            subprocess.Popen(
                command,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                cwd=ROOT,
            )
            for _ in range(2)
        ]
        try:
            first = _first_to_end(both, began + PATIENCE)
            seconds.append(time.monotonic() - began)
            faults += _judge(first, both)
        finally:
            for process in both:
                _kill(process)
    faults += [f"{s:.1f} s until the exit" for s in seconds if s > LIMIT]
    return {
        "name": "two coordinators at once",
        "tried": starts,
        "faults": faults,
        "exit_seconds": [round(s, 2) for s in seconds],
    }


def _first_to_end(both: list[subprocess.Popen[str]], until: float) -> subprocess.Popen[str] | None:
    while time.monotonic() < until:
        for process in both:
            if process.poll() is not None:
                return process
        time.sleep(0.02)
    return None


def _judge(loser: subprocess.Popen[str] | None, both: list[subprocess.Popen[str]]) -> list[str]:
    if loser is None:
        return ["both go on"]
    winner = both[1] if loser is both[0] else both[0]
    said = loser.stderr.read().strip() if loser.stderr else ""
    found = [] if winner.poll() is None else ["nobody won"]
    wanted = f"is in use by another study (pid {winner.pid}, since "
    if loser.returncode != 2 or not said.startswith("error: ") or wanted not in said:
        found.append(f"exit {loser.returncode}: {said[-300:]}")
    return found


def _kill(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
