"""Renders the report in a process of its own, so that a hang or a crash there costs no result."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from study.orchestration.setup import Options
from study.store.files import remove_parts

_ROOT = Path(__file__).resolve().parents[2]
_POLL = 0.1


def render(
    options: Options, left: Callable[[], float], say: Callable[[str], None], *, draft: bool = False
) -> bool:
    """Run the verb `report`; what goes wrong is said, not raised, and an older report stays.

    Args:
        left: seconds it may still take, asked all the time; it is killed when there are none.
        draft: PDF and page only, without pictures and the form's check.

    Returns:
        Whether there is a new report.
    """
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
    if draft:
        command.append("--draft")
    with subprocess.Popen(command, env=_environment()) as process:
        try:
            while process.poll() is None and left() > 0:
                time.sleep(_POLL)
        finally:
            if process.poll() is None:
                process.kill()
    if process.returncode == 0:
        return True
    remove_parts(options.report_dir, options.report_dir / "figures")
    if process.returncode < 0:
        say("the report did not end in time; rebuild it: run_study.py report")
    else:
        say(f"the report failed (exit {process.returncode}); the results are complete")
    return False


def _environment() -> dict[str, str]:
    """The package is found wherever the study was started from."""
    known = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{known}" if known else str(_ROOT)}
