"""The report's process: one that hangs is killed in time and the last report stays."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from study.budget import Deadline
from study.orchestration.closing import Closing
from study.orchestration.course import Course
from study.orchestration.reporting import render
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.setup import Options
from study.orchestration.stopping import EXIT_SECONDS, Stop
from study.spec import StudySpec
from study.store.ledger import Ledger


def _children() -> set[int]:
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def test_a_render_that_never_ends_is_killed_and_the_last_report_stays(tmp_path: Path) -> None:
    options = Options(results_dir=tmp_path / "results", report_dir=tmp_path / "out")
    options.report_dir.mkdir()
    (options.report_dir / "report.pdf").write_bytes(b"%PDF the last good one")
    (options.report_dir / ".report.pdf.abcdefgh.part").write_bytes(b"cut off")
    before, frozen, said = _children(), list[int](), list[str]()

    def freeze() -> None:
        until = time.monotonic() + 60
        while not frozen and time.monotonic() < until:
            for pid in _children() - before:
                if b"--report-dir" in Path(f"/proc/{pid}/cmdline").read_bytes():  # begun, not merely forked
                    os.kill(pid, signal.SIGSTOP)
                    frozen.append(pid)
            time.sleep(0.01)

    thread = threading.Thread(target=freeze)
    thread.start()
    limit = Deadline(budget=2.0, started=time.monotonic())
    assert not render(options, limit.left, said.append)
    thread.join()
    assert said == ["the report did not end in time; rebuild it: run_study.py report"]
    assert not Path(f"/proc/{frozen[0]}").exists()
    assert [path.name for path in options.report_dir.iterdir()] == ["report.pdf"]


def test_a_report_that_fails_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = Options(results_dir=tmp_path / "nothing", report_dir=tmp_path / "out")
    said: list[str] = []
    assert not render(options, lambda: 60.0, said.append)
    assert said == ["the report failed (exit 2); the results are complete"]
    assert "error: " in capfd.readouterr().err


@pytest.mark.parametrize(("budget", "seconds"), [(400, 0), (600, 15), (1_100, 30), (7_200, 30)])
def test_first_reports_are_planned_where_they_cost_little(
    budget: float, seconds: float, tmp_path: Path
) -> None:
    deadline = Deadline(budget=budget, started=0, clock=lambda: 0.0)
    study, ledger = StudySpec(), Ledger(tmp_path / "l.sqlite")
    course = Course(study=study, ledger=ledger, deadline=deadline, work=deadline, reserve=0)
    closing = Closing(
        options=Options(results_dir=tmp_path, report_dir=tmp_path), deadline=deadline, ledger=ledger,
        course=course, rounds=Rounds(study=study, ledger=ledger, course=course, weights={}),
        screen=Screen(deadline), stop=Stop(),
    )  # fmt: skip
    assert closing.drafts_expected() == seconds
    course.phases.append({"phase": "draft", "predicted_seconds": 20, "actual_seconds": budget})
    assert closing.drafts_expected() == 0


def test_after_a_signal_there_are_seconds_left_to_end() -> None:
    with Stop() as stop:
        assert stop.left() > 1e9
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked and 0 < stop.left() <= EXIT_SECONDS
