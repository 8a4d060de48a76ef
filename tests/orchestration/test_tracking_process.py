"""The process that shows a study in other programs: nothing that happens to it reaches the study."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from followed import FINISHED, begun, ended, evaluation

from study.cli import main
from study.orchestration.options import Options
from study.orchestration.tracking_process import tracked
from study.store.ledger import Ledger
from study.store.lock import folder_lock
from study.system.child_process import ENDS_WITH_INPUT, verb_command

#: Seconds after which something has not happened.
PATIENCE = 60.0


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(begun(tmp_path / "r")) as opened:
        yield opened


def _options(tmp_path: Path, *, mlflow: str = "") -> Options:
    return Options(
        results_dir=tmp_path / "r",
        report_dir=tmp_path / "o",
        mlflow=mlflow,
        tensorboard=tmp_path / "t",
    )


def _files(tmp_path: Path) -> int:
    return len(list((tmp_path / "t").rglob("*tfevents*")))


def _until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, "it has not happened"
        time.sleep(0.05)


def _followers() -> set[int]:
    """Returns the processes that this one has started and that run the verb."""
    tasks = Path("/proc/self/task").iterdir()
    children = {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
    return {pid for pid in children if b"\0track\0" in Path(f"/proc/{pid}/cmdline").read_bytes()}


def test_runs_are_shown_while_the_study_goes_on_and_a_dead_server_is_told_once(
    ledger: Ledger, tmp_path: Path
) -> None:
    said: list[str] = []
    address = "http://study:s3cret@127.0.0.1:9"
    before = [path.name for path in (tmp_path / "r").iterdir()]
    with tracked(_options(tmp_path, mlflow=address), said.append, lambda: PATIENCE):
        _until(lambda: _files(tmp_path) == len(FINISHED) and bool(said))
        (follower,) = _followers()
        assert b"s3cret" not in Path(f"/proc/{follower}/cmdline").read_bytes()
        ledger.commit(evaluation(8_000))
        ended(ledger, tmp_path / "o")
    assert _files(tmp_path) == len(FINISHED) + 1, "what came last is shown too"
    assert said[0].startswith("tracking: MLflow at http://127.0.0.1:9: ")
    assert said[1:] == [
        "tracking: it is not complete; `run_study.py track` with the same flags adds what is missing"
    ]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "r").iterdir() if path.is_file())
    assert b"s3cret" not in kept and "s3cret" not in "".join(said)
    assert {path.name for path in (tmp_path / "r").iterdir()} == {*before, "results.csv"}
    assert not _followers()


def test_a_process_that_hangs_is_ended_with_the_study(ledger: Ledger, tmp_path: Path) -> None:
    said: list[str] = []
    with tracked(_options(tmp_path), said.append, lambda: 0.2):
        _until(lambda: bool(_followers()))
        (follower,) = _followers()
        os.kill(follower, signal.SIGSTOP)
    assert said == [
        "tracking: it did not end in time; `run_study.py track` with the same flags adds what is missing"
    ]
    assert not Path(f"/proc/{follower}").exists()


def test_a_process_that_the_kernel_ends_is_told_and_nothing_more(ledger: Ledger, tmp_path: Path) -> None:
    said: list[str] = []
    with tracked(_options(tmp_path), said.append, lambda: PATIENCE):
        _until(lambda: bool(_followers()))
        os.kill(*_followers(), signal.SIGKILL)
        ledger.commit(evaluation(8_000))
    assert len(said) == 1 and said[0].startswith("tracking: it was ended by a signal (Killed); ")
    assert main(["track", *_flags(tmp_path)]) == 0
    assert _files(tmp_path) == len(FINISHED) + 1


def _flags(tmp_path: Path) -> list[str]:
    return ["--results-dir", str(tmp_path / "r"), "--tensorboard", str(tmp_path / "t")]


def test_a_package_that_is_not_installed_is_told_and_the_study_goes_on(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mlflow", "tensorboard"):
        (tmp_path / "p").mkdir(exist_ok=True)
        (tmp_path / "p" / f"{name}.py").write_text(f"raise ModuleNotFoundError(name={name!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "p"))
    said: list[str] = []
    with tracked(_options(tmp_path, mlflow=f"sqlite:///{tmp_path}/m.db"), said.append, lambda: PATIENCE):
        _until(lambda: len(said) == 2)
    assert said == [
        "tracking: mlflow is not installed; `pip install mlflow-skinny`, then `track` adds the runs",
        "tracking: tensorboard is not installed; `pip install tensorboard`, then `track` adds the runs",
    ]


def test_the_process_ends_with_a_study_that_is_killed(ledger: Ledger, tmp_path: Path) -> None:
    process = subprocess.Popen(
        verb_command("track", *_flags(tmp_path)),
        env={**os.environ, ENDS_WITH_INPUT: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    _until(lambda: _files(tmp_path) == len(FINISHED))
    assert process.poll() is None, "it waits for more"
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE) == 1


def test_without_a_program_to_show_it_in_nothing_is_started(tmp_path: Path) -> None:
    options = Options(results_dir=tmp_path / "r", report_dir=tmp_path / "o")
    with tracked(options, print, lambda: 0.0):
        assert not _followers()


def test_one_process_at_a_time_logs_a_study(
    ledger: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--results-dir", str(tmp_path / "r"), "--mlflow", f"sqlite:///{tmp_path}/m.db"]
    with folder_lock(tmp_path / "r", "taken"):
        assert main(["track", *flags]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "in MLflow already" in told
    assert not (tmp_path / "m.db").exists()
