"""The contract of executors, on real runs: a task that is lost costs itself and nothing else."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from study.budget import Deadline
from study.data import FashionMNIST
from study.errors import StoreError
from study.matrix import arms
from study.orchestration.executors.local import LocalExecutor, _lasting
from study.orchestration.executors.protocol import Bench, Lost, Noted
from study.orchestration.executors.run_artifacts import artifacts_of
from study.orchestration.executors.tasks import Baselines, Ran, Train
from study.orchestration.signals import CancelToken
from study.records import Reason, RunRecord, RunState
from study.spec import HyperParams, Init, ModelName, Precision, Purpose, RunSpec, Scope, StudySpec
from study.training.checkpoint import trunk
from study.training.run import Outcome, Workshop, run
from study.training.runtime import detect, one_thread

pytestmark = pytest.mark.xdist_group("time")

ARM = next(
    arm for arm in arms((ModelName.GOOGLENET,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FULL)
)
#: Its trunk ends at 384 samples, its curve has points at 512 and 640; its network is explained.
SPEC = RunSpec(arm=ARM, purpose=Purpose.FINAL, seed=1, hyper=HyperParams(lr=1e-3), rung=640,
               train_images=128, batch_size=32, precision=Precision.FP32)  # fmt: skip
BRANCH, FIRST_POINT = 384, 512
#: Without test images.
QUICK = replace(SPEC, purpose=Purpose.TRIAL, trial=0)
LONG = replace(QUICK, rung=1_024_000, seed=5)
GRACE, SILENCE = 3.0, 10.0
#: Where a worker leaves the network of SPEC; a run in this process leaves none.
KEPT = "explained-googlenet-scratch-full-uniform.pth"


@dataclass
class Watched:
    """An executor, and what it has told beside its results."""

    executor: LocalExecutor
    folder: Path
    token: CancelToken = field(default_factory=CancelToken)
    noted: list[Noted] = field(default_factory=list)

    def submit(self, spec: RunSpec, seconds: float = 900) -> Future[Ran]:
        return self.executor.submit(Train(spec=spec, weights={}), limit=_in(seconds), token=self.token)

    def end(self, future: Future[Any], at_point: Callable[[int], None] = lambda pid: None) -> Any:
        """The result; meanwhile `at_point` gets the process of the worker at each point that is shown."""
        while True:
            done = future.done()
            for item in self.executor.news():
                if isinstance(item, Noted):
                    self.noted.append(item)
                elif item.point is not None and (pid := self.pid(item.worker)) is not None:
                    at_point(pid)
            if done:
                return future.result()
            time.sleep(0.02)

    def record(self, spec: RunSpec, at_point: Callable[[int], None] = lambda pid: None) -> RunRecord:
        found: RunRecord = self.end(self.submit(spec), at_point).record
        return found

    def pid(self, place: int) -> int | None:
        return self.executor._workers[place].pid

    def told(self, kind: str) -> list[str]:
        return [item.detail for item in self.noted if item.kind == kind]


def _in(seconds: float) -> Deadline:
    return Deadline(budget=seconds, started=time.monotonic())


def _bench(folder: Path) -> Bench:
    study = StudySpec(models=(ModelName.GOOGLENET,), precision=Precision.FP32)
    return Bench(study=study, runtime=one_thread(detect("cpu", "fp32")), folder=folder)


@pytest.fixture(params=[1, 2], ids=["1 worker", "2 workers"])
def watched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watched]:
    made = LocalExecutor(_bench(tmp_path), workers=request.param, grace=GRACE, silence=SILENCE)
    yield Watched(executor=made, folder=tmp_path)
    made.close()


#: For what does not depend on how many there are.
one = pytest.mark.parametrize("watched", [1], indirect=True, ids=["1 worker"])
two = pytest.mark.parametrize("watched", [2], indirect=True, ids=["2 workers"])


@pytest.fixture(scope="module")
def here(fashion: FashionMNIST, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Workshop]:
    """The run of SPEC in this process."""
    shop = Workshop(fashion=fashion, runtime=one_thread(detect("cpu", "fp32")), weights={},
                    folder=tmp_path_factory.mktemp("here"))  # fmt: skip
    torch.set_num_threads(1)
    return run(SPEC, shop), shop


def measured(record: RunRecord) -> RunRecord:
    """A record without what time it took and how much memory."""
    return replace(
        record, train_seconds=0, step_seconds=0, judging_seconds=0, cached_seconds=0, wall_seconds=0,
        images_per_second=None, peak_memory_mb=None,
        history=tuple(replace(point, seconds=0) for point in record.history),
    )  # fmt: skip


def test_a_run_there_is_the_run_here_bit_for_bit(
    watched: Watched, here: tuple[Outcome, Workshop]
) -> None:
    outcome, shop = here
    capacity = watched.executor.capacity
    beside = watched.submit(replace(SPEC, seed=7)) if capacity > 1 else None
    ran = watched.end(watched.submit(SPEC))
    assert measured(ran.record) == replace(measured(outcome.record), checkpoint=KEPT)
    assert [point.samples_seen for point in ran.record.history] == [FIRST_POINT, SPEC.rung]
    wanted = artifacts_of(outcome, shop, 0)
    assert ran.arrays.keys() == wanted.keys()
    assert all(np.array_equal(ran.arrays[name], wanted[name]) for name in wanted)
    assert outcome.network is not None
    state = torch.load(watched.folder / "checkpoints" / KEPT, weights_only=True)["state"]
    assert all(torch.equal(state[name], value) for name, value in outcome.network.state_dict().items())
    assert beside is None or watched.end(beside).record.finished


@two
def test_what_is_done_first_is_there_first(watched: Watched) -> None:
    long, quick = watched.submit(LONG), watched.submit(QUICK)
    done, _ = wait([long, quick], return_when=FIRST_COMPLETED)
    assert done == {quick} and quick.result().record.finished
    watched.token.cancel()
    record = long.result(GRACE + 3).record
    assert (record.state, record.reason) == (RunState.INTERRUPTED, Reason.DEADLINE.value)


def test_more_than_fits_waits_for_its_turn(watched: Watched) -> None:
    capacity = watched.executor.capacity
    futures = [watched.submit(replace(QUICK, seed=seed, rung=64)) for seed in range(capacity + 1)]
    while not futures[0].done():
        assert len(watched.executor.pids) <= capacity
        time.sleep(0.05)
    assert all(future.result().record.finished for future in futures)


def test_limit_and_token_end_a_task_in_time(watched: Watched) -> None:
    assert watched.record(replace(QUICK, rung=64)).finished  # a process is up
    began = time.monotonic()
    late = watched.end(watched.submit(LONG, seconds=4)).record
    assert time.monotonic() - began < 4 + GRACE
    assert (late.state, late.reason) == (RunState.INTERRUPTED, Reason.DEADLINE.value)
    assert late.samples_seen > 0
    assert trunk(watched.folder, LONG.run_id).samples_seen() == late.samples_seen
    futures = [watched.submit(replace(LONG, seed=n)) for n in range(8, 8 + watched.executor.capacity)]
    time.sleep(1)
    watched.token.cancel()
    stopped, running = wait(futures, timeout=GRACE + 1)
    assert not running
    assert {future.result().record.state for future in stopped} == {RunState.INTERRUPTED}


def test_a_killed_process_costs_one_attempt(watched: Watched, here: tuple[Outcome, Workshop]) -> None:
    killed: list[int] = []

    def kill_once(pid: int) -> None:
        if not killed:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    other = watched.submit(replace(QUICK, seed=7)) if watched.executor.capacity > 1 else None
    record = watched.record(SPEC, kill_once)
    assert watched.told("worker_lost") == ["the training process was ended by SIGKILL"]
    assert killed[0] not in watched.executor.pids
    assert measured(record) == replace(measured(here[0].record), checkpoint=KEPT)
    assert other is None or watched.end(other).record.finished


def test_a_process_killed_twice_is_a_failed_run(watched: Watched) -> None:
    record = watched.record(QUICK, lambda pid: os.kill(pid, signal.SIGKILL))
    losses = watched.told("worker_lost")
    assert (record.state, record.reason) == (RunState.FAILED, losses[0]) and len(losses) == 2
    assert watched.record(replace(QUICK, rung=64)).state is RunState.FINISHED


@one
def test_a_task_without_a_record_is_lost_with_its_process(watched: Watched) -> None:
    task = Baselines(seed=1, train_images=20_000)
    future = watched.executor.submit(task, limit=_in(100), token=watched.token)
    with pytest.raises(Lost, match="ended by SIGKILL"):
        while not future.done():
            for pid in watched.executor.pids:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)
        future.result()


@one
def test_a_process_that_is_asked_to_end_leaves_a_checkpoint(
    watched: Watched, here: tuple[Outcome, Workshop]
) -> None:
    ended: list[int] = []

    def end_once(pid: int) -> None:
        if not ended:
            ended.append(pid)
            os.kill(pid, signal.SIGTERM)

    record = watched.record(SPEC, end_once)
    assert watched.told("worker_lost") == ["the training process was ended by SIGTERM"]
    (told,) = watched.told("run_resumed")
    reached = int(told.split("taken up after ")[1].split()[0])
    assert reached >= FIRST_POINT and told.startswith(f"{SPEC.run_id}-c{SPEC.rung}: ")
    assert measured(record) == replace(measured(here[0].record), checkpoint=KEPT)


@two
def test_a_signal_to_the_whole_group_is_no_loss(watched: Watched) -> None:
    def end(pid: int) -> None:
        watched.token.cancel()
        for worker in watched.executor.pids:
            os.kill(worker, signal.SIGTERM)

    other = watched.submit(replace(LONG, seed=6))
    record = watched.record(QUICK, end)
    assert {record.state, watched.end(other).record.state} == {RunState.INTERRUPTED}
    assert watched.told("worker_lost") == []
    watched.token = CancelToken()
    assert watched.record(QUICK).finished and len(watched.told("run_resumed")) == 1


def test_a_stopped_process_is_found_by_its_silence_and_replaced(watched: Watched) -> None:
    frozen: list[int] = []

    def freeze_once(pid: int) -> None:
        if not frozen:
            frozen.append(pid)
            os.kill(pid, signal.SIGSTOP)

    record = watched.record(QUICK, freeze_once)
    assert watched.told("worker_lost") == [f"the training process did not answer for {SILENCE:.0f} s"]
    assert record.state is RunState.FINISHED and not Path(f"/proc/{frozen[0]}").exists()


@one
def test_a_frozen_process_holds_up_neither_limit_nor_stop(watched: Watched) -> None:
    def freeze(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)

    assert watched.record(replace(QUICK, rung=64)).finished  # the process is up
    began = time.monotonic()
    record = watched.end(watched.submit(LONG, seconds=8), freeze).record
    assert time.monotonic() - began < 8 + GRACE + 2
    assert record.state is RunState.INTERRUPTED and record.samples_seen >= 500

    def freeze_and_stop(pid: int) -> None:
        freeze(pid)
        watched.token.cancel()

    record = watched.record(replace(LONG, seed=6), freeze_and_stop)
    assert record.state is RunState.INTERRUPTED and watched.executor.pids == []


@one
def test_what_the_processes_share_has_no_lock(watched: Watched) -> None:
    """One that is killed while it holds a lock keeps it, and whoever asks for it waits for ever."""
    (worker,) = watched.executor._workers
    assert not [value for value in (worker._stop, worker._beat) if hasattr(value, "get_lock")]


@one
def test_no_process_is_started_when_there_is_no_time(watched: Watched) -> None:
    record = watched.end(watched.submit(QUICK, seconds=-1)).record
    assert record.state is RunState.INTERRUPTED and watched.executor.pids == []


@one
def test_what_breaks_inside_is_a_failed_run_and_the_process_lives(watched: Watched) -> None:
    record = watched.record(replace(QUICK, hyper=HyperParams(lr=1e20)))
    assert record.state is RunState.FAILED and record.reason
    pids = watched.executor.pids
    assert watched.record(replace(QUICK, rung=64)).finished and watched.executor.pids == pids


def test_a_disk_that_takes_nothing_is_an_error_of_the_future(watched: Watched) -> None:
    (watched.folder / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=f"cannot write {watched.folder / 'checkpoints'}"):
        watched.end(watched.submit(replace(SPEC, rung=64)))
    assert watched.told("worker_lost") == []


@one
@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 knows no safe path")
def test_modules_in_the_working_directory_are_not_run(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(watched.folder)
    for name in ("signal", "random"):
        (watched.folder / f"{name}.py").write_text("raise SystemExit('a module of the user was run')\n")
    assert watched.record(replace(QUICK, rung=64)).state is RunState.FINISHED


def test_closing_leaves_no_process(watched: Watched) -> None:
    tasks = [watched.submit(replace(LONG, seed=n)) for n in range(watched.executor.capacity)]
    while len(watched.executor.pids) < watched.executor.capacity:
        time.sleep(0.05)
    pids = watched.executor.pids  # whether they are up or only starting
    began = time.monotonic()
    watched.executor.close()
    assert time.monotonic() - began < 10
    assert watched.executor.pids == []
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert {task.result().record.state for task in tasks} == {RunState.INTERRUPTED}


def test_an_executor_that_is_closed_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    executor = LocalExecutor(_bench(tmp_path), workers=2)
    futures = [executor.submit(Train(spec=replace(LONG, seed=n), weights={}), limit=_in(60),
                               token=CancelToken()) for n in range(2)]  # fmt: skip
    began = time.monotonic()
    executor.close()  # at once: a process may come up after this looked for it
    assert time.monotonic() - began < 20 and executor.pids == []
    assert all(future.cancelled() or not future.result().record.finished for future in futures)


_COORDINATOR = """
import sys, time
from pathlib import Path
from tests.orchestration.test_executors import LONG, _bench, _in
from dataclasses import replace
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.tasks import Train
from study.orchestration.signals import CancelToken

if __name__ == "__main__":
    executor = LocalExecutor(_bench(Path(sys.argv[1])), workers=2)
    for seed in range(2):
        task = Train(spec=replace(LONG, seed=seed), weights={})
        executor.submit(task, limit=_in(500), token=CancelToken())
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


@one
def test_after_a_lack_of_memory_the_next_run_gets_a_new_process(watched: Watched) -> None:
    assert watched.record(replace(QUICK, rung=64)).finished
    (pid,) = watched.executor.pids
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 2**20
    resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
    vast = replace(QUICK, seed=4, batch_size=20_000, train_images=40_000, rung=40_000)
    record = watched.record(vast)
    assert record.state is RunState.FAILED and "memory" in record.reason.lower(), record.reason
    assert watched.record(replace(QUICK, rung=64)).finished
    assert watched.executor.pids != [pid]


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


