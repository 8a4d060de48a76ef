"""When the processes of workers begin and end: none is left, none runs what is not the study's."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from watched_executor import LONG, QUICK, SPEC, bench_of, opened, seconds_left

from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.tasks import Ran, Train
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


def test_each_worker_sees_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They start without a GPU too; only their tasks fail."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, 5")
    bench = bench_of(tmp_path)
    bench = replace(bench, runtime=replace(bench.runtime, device=torch.device("cuda")))
    assert usable_workers(bench.runtime) == 2
    executor, seen = LocalExecutor(bench, workers=3), {}
    for seed in range(3):
        task = Train(spec=replace(LONG, seed=seed), weights={})
        executor.submit(task, limit=seconds_left(60), token=CancelToken())
    until = time.monotonic() + 20
    while len(seen) < 3 and time.monotonic() < until:
        for pid in executor.pids:
            with suppress(OSError):
                variables = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
                values = dict(variable.partition("=")[::2] for variable in variables)
                if "CUDA_VISIBLE_DEVICES" in values:
                    seen[pid] = values["CUDA_VISIBLE_DEVICES"]
    executor.close()
    assert sorted(seen.values()) == ["2", "2", "5"] and os.environ["CUDA_VISIBLE_DEVICES"] == "2, 5"


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
    futures = [executor.submit(Train(spec=replace(LONG, seed=n), weights={}), limit=seconds_left(60),
                               token=CancelToken()) for n in range(2)]  # fmt: skip
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
    study = subprocess.Popen([sys.executable, str(script), str(tmp_path)], stdout=subprocess.PIPE,
                             text=True, env={**os.environ, "PYTHONPATH": str(root)})  # fmt: skip
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
