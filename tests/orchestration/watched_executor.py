"""A local executor with short limits, and all that it tells beside its results."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from study.budget import Deadline
from study.data import LabelledImages
from study.matrix import arms
from study.networks import GOOGLENET
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench, Noted
from study.orchestration.executors.tasks import Ran, Train
from study.orchestration.executors.watching import WatchedExecutor
from study.orchestration.signals import CancelToken
from study.records import RunRecord
from study.spec import HyperParams, Init, Precision, Purpose, RunSpec, Scope, StudySpec
from study.training.checkpoint import EVERY
from study.training.runtime import detect, one_thread

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

ARM = next(arm for arm in arms((GOOGLENET,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FULL))
#: Its trunk ends at 384 samples, its curve has points at 512 and 640; its network is explained.
SPEC = RunSpec(
    arm=ARM,
    purpose=Purpose.FINAL,
    seed=1,
    hyper=HyperParams(lr=1e-3),
    rung=640,
    train_images=128,
    batch_size=32,
    precision=Precision.FP32,
)
BRANCH, FIRST_POINT = 384, 512
#: Without test images.
QUICK = replace(SPEC, purpose=Purpose.TRIAL, trial=0)
LONG = replace(QUICK, rung=1_024_000, seed=5)
GRACE, SILENCE = 3.0, 10.0
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is an extra")
#: Where a worker leaves the network of SPEC; a run in this process leaves none.
KEPT = "explained-googlenet-scratch-full-uniform.pth"


@dataclass
class Watched:
    """An executor, and what it has told beside its results."""

    executor: WatchedExecutor
    folder: Path
    token: CancelToken = field(default_factory=CancelToken)
    noted: list[Noted] = field(default_factory=list)
    submitted: list[Future[Ran]] = field(default_factory=list)

    def submit(self, spec: RunSpec, seconds: float = 900) -> Future[Ran]:
        task = Train(spec=spec, weights={})
        self.submitted.append(self.executor.submit(task, limit=seconds_left(seconds), token=self.token))
        return self.submitted[-1]

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
        return self.executor._watchers[place].link.pid

    def loss(self, number: signal.Signals) -> str:
        """How the loss of a process by a signal is told; Ray does not say by which."""
        if isinstance(self.executor, LocalExecutor):
            return f"the training process was ended by {number.name}"
        return "the training process was lost"

    def told(self, kind: str) -> list[str]:
        return [item.detail for item in self.noted if item.kind == kind]


def seconds_left(seconds: float) -> Deadline:
    return Deadline(budget=seconds, started=time.monotonic())


def bench_of(folder: Path) -> Bench:
    study = StudySpec(models=(GOOGLENET,), precision=Precision.FP32)
    return Bench(study=study, runtime=one_thread(detect("cpu", "fp32")), folder=folder)


@contextmanager
def opened(folder: Path, workers: int) -> Iterator[Watched]:
    with closing(LocalExecutor(bench_of(folder), workers=workers, grace=GRACE, silence=SILENCE)) as made:
        yield Watched(executor=made, folder=folder)


@contextmanager
def opened_in(
    cluster: Cluster, folder: Path, fashion: LabelledImages, checkpoint_seconds: float = EVERY
) -> Iterator[Watched]:
    """An executor whose workers are nodes of a Ray cluster."""
    from study.orchestration.executors.ray import RayExecutor

    bench = replace(bench_of(folder), checkpoint_seconds=checkpoint_seconds)
    made = RayExecutor(bench, fashion, address=cluster.address, grace=GRACE, silence=SILENCE)
    with closing(made):
        yield Watched(executor=made, folder=folder)
