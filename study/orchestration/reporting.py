"""Renders the report in a process of its own, so that a hang or a crash there costs no result."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from study.orchestration.setup import Options

LEAST_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parents[2]


def render(options: Options, seconds: float, say: Callable[[str], None]) -> None:
    """Run the verb `report` for at most `seconds`; what goes wrong is said, not raised."""
    command = [
        sys.executable, "-m", "study", "report", "--results-dir", str(options.results_dir),
        "--report-dir", str(options.report_dir), "--lang", options.lang,
    ]  # fmt: skip
    if options.title_page is not None:
        command += ["--title-page", str(options.title_page)]
    if options.templates is not None:
        command += ["--templates", str(options.templates)]
    if options.flat:
        command.append("--flat")
    try:
        done = subprocess.run(
            command, timeout=max(LEAST_SECONDS, seconds), check=False, env=_environment()
        )
    except subprocess.TimeoutExpired:
        say("the report did not end in time; rebuild it: run_study.py report")
        return
    if done.returncode:
        say(f"the report failed (exit {done.returncode}); the results are complete")


def _environment() -> dict[str, str]:
    """The package is found wherever the study was started from."""
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{known}" if known else str(_ROOT)}
