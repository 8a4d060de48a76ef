"""The report's process: one that hangs is killed in time and the last report stays."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study.budget import Deadline
from study.data import LabelledImages
from study.networks import GOOGLENET
from study.orchestration import signals
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.context import StudyContext
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench
from study.orchestration.options import Options
from study.orchestration.phases import report
from study.orchestration.phases.report import ReportPhase
from study.orchestration.plan_state import PlanState
from study.orchestration.report_process import render
from study.orchestration.run_specs import RunSpecs
from study.orchestration.scheduler import Scheduler
from study.orchestration.signals import EXIT_SECONDS, CancelToken
from study.spec import StudySpec
from study.store.files import write_arrays
from study.store.ledger import Ledger
from study.training.run import Workshop
from study.training.runtime import detect

pytestmark = pytest.mark.xdist_group("time")


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


def test_a_report_ends_with_the_study_that_is_killed(tmp_path: Path, fashion: LabelledImages) -> None:
    _begun(tmp_path, CancelToken(), fashion).write()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    study = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.rendering_study", str(tmp_path), str(tmp_path / "out")],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    report = _report_of(study.pid)
    os.killpg(study.pid, signal.SIGKILL)
    study.wait()
    until = time.monotonic() + 20
    while Path(f"/proc/{report}").exists():
        assert time.monotonic() < until, "the report goes on"
        time.sleep(0.05)
    assert not (tmp_path / "out" / "report.pdf").exists()
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_paths_with_a_dash_and_modules_in_the_working_directory_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fashion: LabelledImages
) -> None:
    _begun(tmp_path, CancelToken(), fashion).write()
    monkeypatch.chdir(tmp_path)
    for name in ("study", "yaml", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the user was run')\n")
    Path("-title.yaml").write_text("year: '2031'\n")
    options = Options(results_dir=Path("."), report_dir=Path("-out"), title_page=Path("-title.yaml"))
    assert render(options, lambda: 120.0, print, draft=True)
    assert (tmp_path / "-out" / "report.pdf").is_file()


def test_a_report_that_fails_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = Options(results_dir=tmp_path / "nothing", report_dir=tmp_path / "out")
    said: list[str] = []
    assert not render(options, lambda: 60.0, said.append)
    assert said == ["the report failed (exit 2); the results are kept"]
    assert "error: " in capfd.readouterr().err


@pytest.mark.parametrize(("budget", "made"), [(30, False), (2_400, True)])
def test_a_first_report_is_made_beside_the_runs_where_it_costs_little(
    budget: float, made: bool, tmp_path: Path, fashion: LabelledImages
) -> None:
    phase = _begun(tmp_path, CancelToken(), fashion, budget=budget)
    began = time.monotonic()
    phase.draft()
    assert time.monotonic() - began < 5, "the study goes on"
    if made:
        _report_of(os.getpid())
        assert phase._draft is not None
        phase._draft.join()
    phase.end_draft()
    assert (tmp_path / "out" / "report.pdf").exists() == made
    assert [row["phase"] for row in phase.context.plan.phases] == ["draft"] * made


def test_a_first_report_ends_with_a_stop(tmp_path: Path, fashion: LabelledImages) -> None:
    token = CancelToken()
    phase = _begun(tmp_path, token, fashion)
    phase.draft()
    report = _report_of(os.getpid())
    token.cancel()
    began = time.monotonic()
    phase.end_draft()
    assert time.monotonic() - began < 2 and not Path(f"/proc/{report}").exists()


def test_after_a_signal_there_are_seconds_left_to_end() -> None:
    with CancelToken() as token:
        assert token.left() > 1e9
        os.kill(os.getpid(), signal.SIGTERM)
        assert token.asked and 0 < token.left() <= EXIT_SECONDS


def test_a_second_signal_ends_at_once() -> None:
    with CancelToken():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(SystemExit) as end:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(1)
    assert end.value.code == 130


def test_a_signal_to_the_group_leaves_the_report_to_the_study(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    """Ctrl-C and `timeout` reach every process of the study's group; the report is made all the same."""
    _begun(tmp_path, CancelToken(), fashion).write()
    study = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.rendering_study", str(tmp_path), str(tmp_path / "out")],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _report_of(study.pid)
    os.killpg(study.pid, signal.SIGTERM)
    told, _ = study.communicate(timeout=120)
    assert told.splitlines()[-2:] == ["asked: True", "report: True"], told
    assert (tmp_path / "out" / "report.pdf").is_file()


def test_a_window_that_closes_ends_the_study_with_its_report(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    """The kernel sends SIGHUP to every process of the terminal, and writing to it is an error."""
    _begun(tmp_path, CancelToken(), fashion).write()
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup
        arguments = ["-m", "tests.faults.rendering_study", str(tmp_path), str(tmp_path / "out")]
        os.execv(sys.executable, [sys.executable, *arguments])
    _report_of(pid)
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (tmp_path / "out" / "report.pdf").is_file()


def test_nohup_is_obeyed() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with CancelToken() as token:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not token.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_signal_while_the_last_report_is_made_gives_a_first_one(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fashion: LabelledImages,
) -> None:
    monkeypatch.setattr(signals, "EXIT_SECONDS", 100.0)  # a busy machine may need more than it has
    monkeypatch.setattr(report, "DRAFT_SECONDS", 97.0)  # so the last report has a second after the signal

    def terminate() -> None:
        _report_of(os.getpid())
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate)
    with CancelToken() as token:
        phase = _begun(tmp_path, token, fashion)
        thread.start()
        assert phase.finish()
        thread.join()
    told = capfd.readouterr().out
    assert "stopped: a first report is made instead, without pictures" in told
    assert (tmp_path / "out" / "report.pdf").is_file(), told


def test_the_last_line_of_a_study_names_the_folder_of_its_figures(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], fashion: LabelledImages
) -> None:
    artifacts = tmp_path / "artifacts" / "dataset.npz"
    write_arrays(artifacts, {"examples": np.zeros((10, 6, 28, 28), np.uint8)})
    phase = _begun(tmp_path, CancelToken(), fashion)
    phase.context.options = replace(phase.context.options, defence=True)
    assert phase.finish()
    figures = tmp_path / "out" / "figures"
    assert capfd.readouterr().out.splitlines()[-1] == f"figures as SVG, PDF and CSV: {figures}"
    assert {path.name for path in figures.iterdir()} == {f"examples.{end}" for end in ("csv", "pdf", "svg")}
    assert (tmp_path / "out" / "defence.pdf").is_file()


def test_a_render_that_never_ends_keeps_the_deadline_of_the_study(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    phase = _begun(tmp_path, CancelToken(), fashion, budget=20.0)

    def freeze() -> None:
        os.kill(_report_of(os.getpid()), signal.SIGSTOP)

    thread = threading.Thread(target=freeze)
    thread.start()
    assert not phase.finish()
    thread.join()
    assert phase.context.clock.deadline.left() > 0
    assert phase.context.ledger.fact("plan")["used_seconds"] < 20


def _begun(
    folder: Path, token: CancelToken, fashion: LabelledImages, *, budget: float = 600.0
) -> ReportPhase:
    """A study of which there is nothing but its beginning."""
    ledger, study = Ledger(folder / "ledger.sqlite"), StudySpec(models=(GOOGLENET,))
    ledger.set_fact("environment", {"started": "2026-01-01T00:00:00", "seed": 0})
    deadline = Deadline(budget=budget, started=time.monotonic())
    clock = StudyClock(ledger=ledger, deadline=deadline, reserve=60, work=deadline)
    runtime, console = detect("cpu", "fp32"), Console(deadline)
    executor = LocalExecutor(Bench(study=study, runtime=runtime, folder=folder), workers=2)
    context = StudyContext(
        study=study,
        options=Options(results_dir=folder, report_dir=folder / "out"),
        ledger=ledger,
        clock=clock,
        plan=PlanState(study=study, clock=clock),
        specs=RunSpecs(study=study, ledger=ledger),
        console=console,
        token=token,
        runtime=runtime,
        champion_threads=1,
        executor=executor,
        shop=Workshop(images=fashion, runtime=runtime, weights={}, folder=folder),
    )
    scheduler = Scheduler(executor=executor, ledger=ledger, clock=clock, console=console, token=token)
    return ReportPhase(context=context, scheduler=scheduler)


def _report_of(study: int) -> int:
    """The child of `study` that has begun the verb `report`."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for task in Path(f"/proc/{study}/task").iterdir():
            for pid in (task / "children").read_text().split():
                if b"--report-dir" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return int(pid)
        time.sleep(0.01)
    raise AssertionError("no report was begun")
