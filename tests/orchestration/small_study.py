"""A study of one network on real workers and real images, made short by small rungs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.chance import note_chance
from study.budget import Deadline
from study.data import LabelledImages
from study.matrix import arms
from study.models import Weights
from study.models.weights import WeightFile
from study.networks import GOOGLENET
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.context import StudyContext
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench, Executor, Noted, Shown
from study.orchestration.executors.tasks import Ran, Train
from study.orchestration.options import Options
from study.orchestration.plan_state import PlanState
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.run_specs import RunSpecs
from study.orchestration.scheduler import Scheduler
from study.orchestration.signals import CancelToken
from study.planning.cost import Speed
from study.planning.plan import Decision
from study.records import RunRecord, RunState
from study.spec import LrPolicy, Precision, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.run import Workshop
from study.training.runtime import detect, one_thread

MODEL = GOOGLENET
#: Scratch and, where there are weights, pretrained; frozen and full with one rate.
ARMS = tuple(arm for arm in arms((MODEL,)) if arm.lr_policy is not LrPolicy.DISCRIMINATIVE)
LEAST = 192
STUDY = StudySpec(models=(MODEL,), precision=Precision.FP32)
SPEED = Speed(train=300, inference=900, build=0.3)


def decision(**changes: Any) -> Decision:
    return replace(
        Decision(least_rung=LEAST, trial_rung=LEAST, batch_size=64, rung=2 * LEAST, seeds=1, trials=1),
        **changes,
    )


class Study:
    """A study in a folder; gone on with where there is one."""

    def __init__(self, context: StudyContext) -> None:
        self.context = context
        self.lifecycle = RunLifecycle(context=context)
        self.scheduler = Scheduler(
            executor=context.executor,
            ledger=context.ledger,
            clock=context.clock,
            console=context.console,
            token=context.token,
        )

    @property
    def work(self) -> tuple[RunLifecycle, Scheduler]:
        return self.lifecycle, self.scheduler

    @property
    def records(self) -> tuple[RunRecord, ...]:
        return self.context.ledger.records()

    def events(self, kind: str) -> list[str]:
        return [event["detail"] for event in self.context.ledger.events() if event["kind"] == kind]


@contextmanager
def opened(
    folder: Path,
    fashion: LabelledImages,
    *,
    workers: int = 1,
    budget: float = 3_600.0,
    weights: Weights | None = None,
    executor: Executor | None = None,
    study: StudySpec = STUDY,
    clock: Any = time.monotonic,
    checkpoint_seconds: float = 60.0,
    only_small: bool = True,
    **changes: Any,
) -> Iterator[Study]:
    """Open it with so many workers, or an executor of the test's; `changes`: of its decision.

    Args:
        weights: a file of pre-trained weights; without one, arms that need some are left out.
        clock: of the deadline.
    """
    runtime = one_thread(detect("cpu", "fp32"))
    ledger = Ledger(folder / "ledger.sqlite")
    note_chance(ledger)
    deadline = StudyClock.opened(ledger, Deadline(budget=budget, started=clock(), clock=clock), str(folder))
    made = executor or LocalExecutor(
        Bench(study=study, runtime=runtime, folder=folder, checkpoint_seconds=checkpoint_seconds),
        workers=workers,
    )
    plan = PlanState(study=study, clock=deadline, workers=made.capacity, speeds={MODEL: SPEED})
    plan.decisions[MODEL] = decision(**changes)
    specs = RunSpecs(study=study, ledger=ledger)
    if weights is not None:
        specs.weights[MODEL] = WeightFile.of(weights)
    specs.reasons |= {
        arm.name: "not in this test"
        for arm in arms((MODEL,))
        if (only_small and arm not in ARMS) or (weights is None and arm.init.value == "pretrained")
    }
    try:
        with Console(deadline.deadline, made.capacity) as console:
            opened_study = Study(
                StudyContext(
                    study=study,
                    options=Options(results_dir=folder, report_dir=folder / "out"),
                    ledger=ledger,
                    clock=deadline,
                    plan=plan,
                    specs=specs,
                    console=console,
                    token=CancelToken(),
                    runtime=runtime,
                    champion_threads=1,
                    executor=made,
                    shop=Workshop(images=fashion, runtime=runtime, weights={}, folder=folder),
                )
            )
            yield opened_study
            opened_study.lifecycle.tables.write_pending(at_once=True)  # as at the end of a phase
    finally:
        made.close()
        ledger.close()


def measured(record: RunRecord) -> RunRecord:
    """A record without what time it took and how much memory."""
    return replace(
        record,
        train_seconds=0,
        step_seconds=0,
        judging_seconds=0,
        cached_seconds=0,
        wall_seconds=0,
        images_per_second=None,
        peak_memory_mb=None,
        history=tuple(replace(point, seconds=0) for point in record.history),
    )


class Answering:
    """An executor that trains nothing: `answer` says what becomes of a task, at once."""

    def __init__(self, answer: Callable[[Any], Any], capacity: int = 1) -> None:
        self.capacity, self._answer = capacity, answer
        self.specs: list[RunSpec] = []

    def submit(self, task: Any, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        future: Future[Any] = Future()
        self.specs += [task.spec] if isinstance(task, Train) else []
        future.set_result(self._answer(task))
        return future

    def news(self) -> list[Noted | Shown]:
        return []

    def close(self) -> None:
        """Nothing was started."""


def ran(task: Any, state: RunState = RunState.FINISHED, **values: Any) -> Ran:
    """A run's answer; the higher the rung, the better it is on validation."""
    spec = task.spec
    known: dict[str, Any] = {}
    if state is RunState.FINISHED:
        known = {"samples_seen": spec.rung, "val_accuracy": 0.5 + spec.rung / 1e7}
    return Ran(record=RunRecord(spec=spec, state=state, **{**known, **values}))
