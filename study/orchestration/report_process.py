"""Builds the report in a separate process, so that a hang or a crash cannot affect the results."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from study.orchestration.options import Options
from study.store.files import remove_parts
from study.system.child_process import ENDS_WITH_INPUT, verb_command
from study.system.terminal import CALLED

_POLL = 0.1


def render(
    options: Options, left: Callable[[], float], say: Callable[[str], None], *, draft: bool = False
) -> bool:
    """Runs the verb `report`. Failures are printed, not raised; an older report then stays.

    The process has its own process group, because Ctrl-C and `timeout` signal the whole group of the
    study while the report may still have time to finish. It ends when the study's process ends.

    Args:
        options: of the study.
        left: returns the seconds that the report may still take; the process is killed at 0.
        say: prints a line.
        draft: whether to build only PDF and HTML, without pictures and form check.

    Returns:
        Whether a new report exists.
    """
    command = verb_command(
        "report",
        f"--results-dir={options.results_dir}",
        f"--report-dir={options.report_dir}",
        f"--lang={options.lang}",
        f"--length={options.length}",
    )
    if options.title_page is not None:
        command.append(f"--title-page={options.title_page}")
    if options.templates is not None:
        command.append(f"--templates={options.templates}")
    if options.flat:
        command.append("--flat")
    if options.defence and not draft:
        command.append("--defence")
    if draft:
        command.append("--draft")
    late, began = True, time.time()
    with subprocess.Popen(
        command, env={**os.environ, ENDS_WITH_INPUT: "1"}, stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            while process.poll() is None and left() > 0:
                time.sleep(_POLL)
        finally:
            late = process.poll() is None
            if late:
                process.kill()
    if process.returncode == 0:
        return True
    remove_parts(options.report_dir)
    if late and written_since(options.report_dir / "report.pdf", began):
        say(f"the PDF is there; its Word file and check did not end in time: {CALLED} report")
        return True
    if late:
        say(f"the report did not end in time; rebuild it: {CALLED} report")
    elif process.returncode < 0:
        told = signal.strsignal(-process.returncode)
        say(f"the report was ended by a signal ({told}); rebuild it: {CALLED} report")
    else:
        say(f"the report failed (exit {process.returncode}); the results are kept")
    return False


def written_since(path: Path, moment: float) -> bool:
    """Whether a file, or the entries of a folder, changed at or after `moment` in seconds since 1970."""
    try:
        return path.stat().st_mtime >= moment
    except OSError:
        return False
