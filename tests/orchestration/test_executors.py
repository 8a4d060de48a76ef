"""The contract of executors, on real runs: a run that is lost costs itself and nothing else."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study.budget import Deadline
from study.data import FashionMNIST, split
from study.errors import StoreError
from study.matrix import arms
from study.orchestration.executors.local import LocalExecutor, _lasting
from study.orchestration.executors.protocol import Bench, Executor
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import HyperParams, Init, ModelName, Precision, Purpose, RunSpec, Scope, StudySpec
from study.training.loop import Pruned
from study.training.run import Workshop, run
from study.training.runtime import detect

pytestmark = pytest.mark.xdist_group("time")

ARM = next(
    arm for arm in arms((ModelName.GOOGLENET,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FULL)
)
SPEC = RunSpec(
    arm=ARM, purpose=Purpose.FINAL, seed=3, hyper=HyperParams(lr=1e-3), train_images=128, samples=256,
    batch_size=32, evaluations=2, validation_images=100, precision=Precision.FP32,
)  # fmt: skip
#: Without the ten thousand test images of a final run.
QUICK = replace(SPEC, purpose=Purpose.TRIAL, trial=0)
LONG = replace(QUICK, samples=200_000, train_images=1_000, evaluations=1_000)


@pytest.fixture
def losses() -> list[str]:
    return []


@pytest.fixture
def resumed() -> list[str]:
    return []


@pytest.fixture
def executor(tmp_path: Path, losses: list[str], resumed: list[str]) -> Iterator[LocalExecutor]:
    study = StudySpec(models=(ModelName.GOOGLENET,), precision=Precision.FP32)
    bench = Bench(study=study, runtime=detect("cpu", "fp32"), folder=tmp_path, weights={})
    told = {"worker_lost": losses, "run_resumed": resumed}
    made = LocalExecutor(
        bench, on_event=lambda kind, detail, model: told[kind].append(detail), grace=3, silence=10
    )
    yield made
    made.close()


def submit(
    executor: Executor, spec: RunSpec, seconds: float = 120,
    on_evaluation: Callable[[EvaluationPoint], None] = lambda point: None,
    stop: Callable[[], bool] = lambda: False,
) -> RunRecord:  # fmt: skip
    limit = Deadline(budget=seconds, started=time.monotonic())
    return executor.submit(spec, finals=(), limit=limit, stop=stop, on_evaluation=on_evaluation)


@pytest.fixture(scope="module")
def here(fashion: FashionMNIST) -> RunRecord:
    """The run of SPEC in this process."""
    shop = Workshop(fashion=fashion, split=split(fashion.train_labels, seed=0),
                    runtime=detect("cpu", "fp32"), weights={})  # fmt: skip
    return run(SPEC, shop).record


def test_a_run_there_is_the_run_here(
    executor: LocalExecutor, here: RunRecord, tmp_path: Path
) -> None:
    seen: list[EvaluationPoint] = []
    record = submit(executor, SPEC, on_evaluation=seen.append)
    assert record.state is RunState.FINISHED, record.reason
    assert (record.test_accuracy, record.test_loss) == (here.test_accuracy, here.test_loss)
    assert tuple(seen) == record.history and len(seen) == 2
    with np.load(tmp_path / "predictions.npz") as kept:
        assert kept[f"{SPEC.run_id}.class"].shape == (10_000,)
    assert (tmp_path / "checkpoints" / "googlenet-full-best.pth").is_file()


def test_a_run_is_given_up_or_stopped_from_here(executor: LocalExecutor) -> None:
    def judge(point: EvaluationPoint) -> None:
        raise Pruned

    assert submit(executor, LONG, on_evaluation=judge).state is RunState.PRUNED
    began = time.monotonic()
    record = submit(executor, LONG, stop=lambda: time.monotonic() > began + 1)
    assert (record.state, record.reason) == (RunState.INTERRUPTED, Reason.DEADLINE.value)
    late = submit(executor, LONG, seconds=2)
    assert (late.state, late.reason) == (RunState.INTERRUPTED, Reason.DEADLINE.value)
    assert late.samples_seen > 0


def test_a_killed_process_costs_one_attempt(executor: LocalExecutor, losses: list[str]) -> None:
    killed: list[int] = []

    def kill_once(point: EvaluationPoint) -> None:
        if not killed and executor.pid is not None:
            killed.append(executor.pid)
            os.kill(executor.pid, signal.SIGKILL)

    record = submit(executor, QUICK, on_evaluation=kill_once)
    assert record.state is RunState.FINISHED and len(record.history) == 2
    assert losses == ["the training process was ended by SIGKILL"]
    assert executor.pid not in (None, killed[0])


def test_a_process_that_is_asked_to_end_leaves_a_checkpoint(
    executor: LocalExecutor, losses: list[str], resumed: list[str], here: RunRecord
) -> None:
    def end_once(point: EvaluationPoint) -> None:
        if not resumed and executor.pid is not None:
            os.kill(executor.pid, signal.SIGTERM)

    record = submit(executor, SPEC, on_evaluation=end_once)
    assert losses == ["the training process was ended by SIGTERM"]
    assert resumed == [f"{SPEC.run_id}: taken up after 128 samples"]
    assert (record.test_loss, record.history[0].samples_seen) == (here.test_loss, 128)


def test_a_signal_to_the_whole_group_is_no_loss(
    executor: LocalExecutor, losses: list[str], resumed: list[str]
) -> None:
    asked: list[bool] = []

    def end(point: EvaluationPoint) -> None:
        assert executor.pid is not None
        asked.append(True)
        os.kill(executor.pid, signal.SIGTERM)

    record = submit(executor, QUICK, on_evaluation=end, stop=lambda: bool(asked))
    assert (record.state, losses, len(asked)) == (RunState.INTERRUPTED, [], 1)
    assert submit(executor, QUICK).state is RunState.FINISHED and len(resumed) == 1


def test_a_process_killed_twice_is_a_failed_run(executor: LocalExecutor, losses: list[str]) -> None:
    def kill(point: EvaluationPoint) -> None:
        assert executor.pid is not None
        os.kill(executor.pid, signal.SIGKILL)

    record = submit(executor, QUICK, on_evaluation=kill)
    assert (record.state, record.reason) == (RunState.FAILED, losses[0])
    assert len(losses) == 2
    assert submit(executor, QUICK).state is RunState.FINISHED


def test_a_stopped_process_is_killed_at_the_limit(executor: LocalExecutor) -> None:
    def freeze(point: EvaluationPoint) -> None:
        assert executor.pid is not None
        os.kill(executor.pid, signal.SIGSTOP)

    submit(executor, QUICK)  # the process is up
    began = time.monotonic()
    record = submit(executor, LONG, seconds=10, on_evaluation=freeze)
    assert time.monotonic() - began < 18
    assert record.state is RunState.INTERRUPTED and len(record.history) == 1


def test_a_frozen_process_does_not_hold_up_a_stop(executor: LocalExecutor) -> None:
    frozen = False

    def freeze(point: EvaluationPoint) -> None:
        nonlocal frozen
        frozen = True
        assert executor.pid is not None
        os.kill(executor.pid, signal.SIGSTOP)

    submit(executor, QUICK)  # the process is up
    record = submit(executor, LONG, on_evaluation=freeze, stop=lambda: frozen)
    assert record.state is RunState.INTERRUPTED and executor.pid is None
    assert submit(executor, QUICK).state is RunState.FINISHED


def test_what_the_processes_share_has_no_lock(executor: LocalExecutor) -> None:
    """One that is killed while it holds a lock keeps it, and whoever asks for it waits for ever."""
    shared = (executor._stop, executor._beat)
    assert not [value for value in shared if hasattr(value, "get_lock")]


def test_pictures_start_no_process_when_there_is_no_time(executor: LocalExecutor) -> None:
    past = Deadline(budget=1, started=time.monotonic() - 2)
    (event,) = executor.picture(0, finals=(), limit=past, stop=lambda: False)
    assert event[:2] == ("pictures_missing", Reason.DEADLINE.value) and executor.pid is None


def test_a_silent_process_is_lost_and_replaced(
    executor: LocalExecutor, losses: list[str]
) -> None:
    def freeze_once(point: EvaluationPoint) -> None:
        if not losses and executor.pid is not None:
            os.kill(executor.pid, signal.SIGSTOP)

    record = submit(executor, QUICK, on_evaluation=freeze_once)
    assert losses == ["the training process did not answer for 10 s"]
    assert record.state is RunState.FINISHED


def test_what_breaks_inside_is_a_failed_run_and_the_process_lives(executor: LocalExecutor) -> None:
    record = submit(executor, replace(QUICK, hyper=HyperParams(lr=1e20)))
    assert record.state is RunState.FAILED and record.reason
    pid = executor.pid
    assert submit(executor, QUICK).state is RunState.FINISHED
    assert executor.pid == pid


def test_files_that_cannot_be_kept_are_no_failure_of_the_run(
    executor: LocalExecutor, losses: list[str], tmp_path: Path
) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=f"cannot write {tmp_path / 'checkpoints'}"):
        submit(executor, SPEC)
    assert losses == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 knows no safe path")
def test_modules_in_the_working_directory_are_not_run(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("signal", "random"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a module of the user was run')\n")
    assert submit(executor, QUICK).state is RunState.FINISHED


def test_closing_leaves_no_process(executor: LocalExecutor) -> None:
    submit(executor, QUICK)
    pid = executor.pid
    executor.close()
    assert pid is not None and executor.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_after_a_lack_of_memory_the_next_run_gets_a_new_process(executor: LocalExecutor) -> None:
    submit(executor, QUICK)
    pid = executor.pid
    assert pid is not None
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 2**20
    resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
    vast = replace(QUICK, seed=4, batch_size=20_000, train_images=40_000, samples=40_000)
    record = submit(executor, vast)
    assert record.state is RunState.FAILED and "memory" in record.reason.lower(), record.reason
    assert submit(executor, QUICK).state is RunState.FINISHED
    assert executor.pid != pid


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
    assert _lasting(reason) is lasts
