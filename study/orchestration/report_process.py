"""Renders the report in a process of its own, so that a hang or a crash there costs no result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from study.orchestration.options import Options
from study.parent import ENDS_WITH_INPUT
from study.store.files import remove_parts

_ROOT = Path(__file__).resolve().parents[2]
_POLL = 0.1


def render(
    options: Options, left: Callable[[], float], say: Callable[[str], None], *, draft: bool = False
) -> bool:
    """Run the verb `report`; what goes wrong is said, not raised, and an older report stays.

    Its process is the leader of a group of its own: Ctrl-C and `timeout` signal the whole group of the
    study, and whether the report still has time is decided here. It ends with the study's process.

    Args:
        left: seconds it may still take, asked all the time; it is killed when there are none.
        draft: PDF and page only, without pictures and the form's check.

    Returns:
        Whether there is a new report.
    """
    # Not `-m study`: that would look for modules in the working directory first.
    command = [
        sys.executable, str(_ROOT / "run_study.py"), "report", f"--results-dir={options.results_dir}",
        f"--report-dir={options.report_dir}", f"--lang={options.lang}",
    ]  # fmt: skip
    if options.title_page is not None:
        command.append(f"--title-page={options.title_page}")
    if options.templates is not None:
        command.append(f"--templates={options.templates}")
    if options.flat:
        command.append("--flat")
    if draft:
        command.append("--draft")
    late, began = True, time.time()
    with subprocess.Popen(command, env={**os.environ, ENDS_WITH_INPUT: "1"}, stdin=subprocess.PIPE,
                          start_new_session=True) as process:  # fmt: skip
        try:
            while process.poll() is None and left() > 0:
                time.sleep(_POLL)
        finally:
            late = process.poll() is None
            if late:
                process.kill()
    if process.returncode == 0:
        return True
    remove_parts(options.report_dir, options.report_dir / "figures")
    if late and _written_since(options.report_dir / "report.pdf", began):
        say("the PDF is there; its Word file and check did not end in time: run_study.py report")
        return True
    if late:
        say("the report did not end in time; rebuild it: run_study.py report")
    elif process.returncode < 0:
        told = signal.strsignal(-process.returncode)
        say(f"the report was ended by a signal ({told}); rebuild it: run_study.py report")
    else:
        say(f"the report failed (exit {process.returncode}); the results are kept")
    return False


def _written_since(path: Path, moment: float) -> bool:
    try:
        return path.stat().st_mtime >= moment
    except OSError:
        return False
