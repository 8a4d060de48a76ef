"""Runs a study from Python, as a notebook does: ``s = study.run(budget="10m")``.

The study runs in a process of its own. So its budget does not begin with the notebook's kernel, nothing of
the kernel reaches into it, and a kernel that dies costs no result.
"""

from __future__ import annotations

import html
import os
import signal
import subprocess
import sys
import webbrowser
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import StudyError, UsageError

if TYPE_CHECKING:
    import pandas as pd

#: A value of a flag; True gives the flag alone, None and False leave it out.
Flag = str | int | float | os.PathLike[str] | None
_PREFIX = "error: "
#: Height of a report in a notebook, in pixels.
_HEIGHT = 800


@dataclass(frozen=True, kw_only=True)
class Report:
    """The report of a study.

    Attributes:
        pdf: the report by the departmental form.
        page: the same for the screen, always in full length.
    """

    pdf: Path
    page: Path

    def show(self) -> None:
        """Shows the page for the screen: in the cell of a notebook, else in the browser."""
        if _in_notebook():
            import_module("IPython.display").display(self)
        else:
            webbrowser.open(self.page.resolve().as_uri())

    def _repr_html_(self) -> str:
        """Returns the page as a frame whose content travels with the notebook."""
        content = html.escape(self.page.read_text(encoding="utf-8"))
        return (
            f'<iframe srcdoc="{content}" title="{html.escape(self.page.name)}" loading="lazy" '
            f'style="width: 100%; height: {_HEIGHT}px; border: 0" '
            'sandbox="allow-scripts allow-downloads allow-popups"></iframe>'
        )


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a study has left in its folders.

    Attributes:
        results_dir: folder of the tables.
        report_dir: folder of the report.
    """

    results_dir: Path
    report_dir: Path

    @property
    def results(self) -> pd.DataFrame:
        """The table of runs: a row for each arm and seed at its highest rung, and the champion's."""
        return self.table("results")

    @property
    def report(self) -> Report:
        return Report(pdf=self.report_dir / "report.pdf", page=self.report_dir / "report.html")

    @property
    def contrasts(self) -> pd.DataFrame:
        """The table of contrasts, with intervals, p-values and verdicts."""
        from study.analysis import analyse

        return analyse(self.results_dir).contrasts

    def table(self, name: str) -> pd.DataFrame:
        """Returns a table of docs/results.md that is written from the ledger, for example ``rungs``.

        Raises:
            UsageError: there is no such table.
            StoreError: its file cannot be read.
        """
        from study.store.columns import Table
        from study.store.csv_tables import read_table

        known = [table.value for table in Table]
        if name not in known:
            raise UsageError(f"there is no table {name!r}; known are {', '.join(known)}")
        return read_table(self.results_dir, Table(name))


def run(
    budget: str | None = None,
    *,
    results_dir: str | os.PathLike[str] = "results",
    report_dir: str | os.PathLike[str] = "report_out",
    **flags: Flag,
) -> Study:
    """Runs a study, or goes on with the one in `results_dir`, and prints its lines as they come.

    An interrupt (Ctrl-C, or the notebook's stop button) ends the study within 15 seconds with what it has;
    a second one kills it, and the next call goes on from there.

    Args:
        budget: wall-clock time, as for ``--budget``; by default that of the study there, else 2h.
        results_dir: folder of the results.
        report_dir: folder of the report.
        flags: other flags of the command line, with underscores: ``models="googlenet"``, ``offline=True``.

    Raises:
        UsageError: a flag or a value is refused.
        StudyError: the study ended without a complete report.
    """
    paths = {"results_dir": results_dir, "report_dir": report_dir}
    code, told = _call(["run", *_arguments({"budget": budget, **paths, **flags})])
    if code == 2:
        raise UsageError(told)
    if code:
        raise StudyError(told or f"the study ended with exit code {code}")
    return Study(results_dir=Path(results_dir), report_dir=Path(report_dir))


def _in_notebook() -> bool:
    """Tells whether IPython runs this code; it is not imported for that."""
    found = sys.modules.get("IPython")
    return found is not None and found.get_ipython() is not None


def _arguments(flags: dict[str, Flag]) -> list[str]:
    """Returns the flags as the command line has them."""
    found = []
    for name, value in flags.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            found.append(flag)
        elif value is not None and value is not False:
            found.append(f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    return found


def _call(arguments: list[str]) -> tuple[int, str]:
    """Runs the command line in a process of its own.

    Returns:
        The exit code, and the error that it told, empty if none.
    """
    ours = str(Path(__file__).parents[1])
    path = os.pathsep.join(filter(None, (ours, os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "study", *arguments],
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # else a notebook's interrupt would reach it twice
    )
    interrupts = 0
    while True:
        try:
            told = _follow(process)
            return process.wait(), told
        except KeyboardInterrupt:
            interrupts += 1
            process.send_signal(signal.SIGINT if interrupts == 1 else signal.SIGKILL)


def _follow(process: subprocess.Popen[str]) -> str:
    """Prints the lines of a process until it ends, and returns the last error among them."""
    told = ""
    for line in process.stdout or ():
        line = line.rstrip("\n")
        print(line, flush=True)
        if line.startswith(_PREFIX):
            told = line.removeprefix(_PREFIX)
    return told
