"""When the processes of workers begin and end: none is left, none runs what is not the study's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from watched_executor import LONG, QUICK, SPEC, bench_of, opened, seconds_left

from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Site
from study.orchestration.executors.tasks import Ran, Train, _Whole
from study.orchestration.executors.watching import _lasting
from study.orchestration.signals import CancelToken
from study.records import RunRecord, RunState
from study.training.runtime import usable_workers

pytestmark = pytest.mark.xdist_group("time")


def test_no_process_is_started_when_there_is_no_time(tmp_path: Path) -> None:
    with opened(tmp_path, workers=1) as watched:
        record = watched.end(watched.submit(QUICK, seconds=-1)).record
        assert record.state is RunState.INTERRUPTED and watched.executor.pids == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 knows no safe path")
def test_modules_in_the_working_directory_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("signal", "random"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the user was run')\n")
    with opened(tmp_path, workers=1) as watched:
        assert watched.record(replace(QUICK, rung=64)).state is RunState.FINISHED


@dataclass(frozen=True)
class Look(_Whole):
    """Answers with the GPUs that its worker sees, late enough that each worker gets one."""

    label = "look"
    threads = None

    def carry_out(self, site: Site) -> str:
        time.sleep(3)
        return os.environ["CUDA_VISIBLE_DEVICES"]


def test_each_worker_sees_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    bench = bench_of(tmp_path)
    bench = replace(bench, runtime=replace(bench.runtime, device=torch.device("cuda")))
    assert usable_workers(bench.runtime, bench.data) == 2
    with closing(LocalExecutor(bench, workers=3)) as executor:
        futures = [executor.submit(Look(), limit=seconds_left(60), token=CancelToken()) for _ in range(3)]
        assert sorted(future.result() for future in futures) == ["2", "2", "5"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2, 5"


def test_closing_leaves_no_process(tmp_path: Path) -> None:
    with opened(tmp_path, workers=2) as watched:
        tasks = [watched.submit(replace(LONG, seed=n)) for n in range(2)]
        while len(watched.executor.pids) < 2:
            time.sleep(0.05)
        pids = watched.executor.pids  # whether they are up or only starting
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert watched.executor.pids == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert {task.result().record.state for task in tasks} == {RunState.INTERRUPTED}


def test_an_executor_that_is_closed_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    executor = LocalExecutor(bench_of(tmp_path), workers=2)
    futures = [
        executor.submit(
            Train(spec=replace(LONG, seed=n), weights={}), limit=seconds_left(60), token=CancelToken()
        )
        for n in range(2)
    ]
    began = time.monotonic()
    executor.close()  # at once: a process may come up after this looked for it
    assert time.monotonic() - began < 20 and executor.pids == []
    assert all(future.cancelled() or not future.result().record.finished for future in futures)


_COORDINATOR = """
import sys, time
from pathlib import Path
from tests.orchestration.watched_executor import LONG, bench_of, seconds_left
from dataclasses import replace
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.tasks import Train
from study.orchestration.signals import CancelToken

if __name__ == "__main__":
    executor = LocalExecutor(bench_of(Path(sys.argv[1])), workers=2)
    for seed in range(2):
        task = Train(spec=replace(LONG, seed=seed), weights={})
        executor.submit(task, limit=seconds_left(500), token=CancelToken())
    while True:
        for item in executor.news():
            if getattr(item, "point", None) is not None:
                print(*executor.pids, flush=True)
        time.sleep(0.05)
"""


def test_workers_end_with_a_coordinator_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "coordinator.py"
    script.write_text(_COORDINATOR)
    root = Path(__file__).parents[2]
    study = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert study.stdout is not None
    pids = study.stdout.readline().split()
    study.kill()  # it alone: Ctrl-C and `timeout` reach its workers, this does not
    study.wait()
    study.stdout.close()
    assert len(pids) == 2
    until = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < until, f"still there: {pids}"
        time.sleep(0.05)


_SUSPENDED = """
import sys, time
from pathlib import Path
from tests.orchestration.watched_executor import LONG, bench_of, seconds_left
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.tasks import Train
from study.orchestration.signals import CancelToken

if __name__ == "__main__":
    executor = LocalExecutor(bench_of(Path(sys.argv[1])), workers=1, silence=6.0)
    executor.submit(Train(spec=LONG, weights={}), limit=seconds_left(500), token=CancelToken())
    while True:
        for item in executor.news():
            print(*executor.pids, getattr(item, "kind", "point"), flush=True)
        time.sleep(0.05)
"""


@pytest.mark.long
def test_a_study_that_was_suspended_keeps_its_workers(tmp_path: Path) -> None:
    """Ctrl-Z, a paused container: the worker was silent for longer than a hung one may be."""
    script = tmp_path / "coordinator.py"
    script.write_text(_SUSPENDED)
    root = Path(__file__).parents[2]
    study = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        start_new_session=True,
    )
    try:
        assert study.stdout is not None
        while not (line := study.stdout.readline()).endswith("point\n") or len(line.split()) < 2:
            pass
        pid = line.split()[0]
        os.killpg(study.pid, signal.SIGSTOP)
        time.sleep(12)
        os.killpg(study.pid, signal.SIGCONT)
        told = [study.stdout.readline().split() for _ in range(3)]
        assert told == [[pid, "point"]] * 3
    finally:
        os.killpg(study.pid, signal.SIGKILL)
        study.wait()


@pytest.mark.parametrize(
    ("reason", "lasts"),
    [
        ("OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", True),
        ("AcceleratorError: CUDA error: an illegal memory access was encountered", True),
        ("RuntimeError: CUDA error: device-side assert triggered", True),
        ("MemoryError: ", True),
        ("TrainingError: the loss is not a number", False),
    ],
)
def test_what_outlives_its_run(reason: str, lasts: bool) -> None:
    record = RunRecord(spec=SPEC, state=RunState.FAILED, reason=reason)
    assert _lasting(Ran(record=record)) is lasts
