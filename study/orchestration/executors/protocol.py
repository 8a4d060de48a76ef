"""What any executor offers; tests/orchestration/test_executors.py is the contract it must pass."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from study.budget import Deadline
from study.orchestration.signals import CancelToken
from study.records import EvaluationPoint, RunState
from study.spec import StudySpec
from study.training.checkpoint import EVERY
from study.training.runtime import Runtime
from study.training.workshop import Workshop


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a worker needs to set itself up; small, and can be sent to another process.

    Attributes:
        runtime: device, precision and threads that a worker computes with, unless its task says more.
        object_index: test object of which every judged network leaves its answer.
        checkpoint_seconds: see `study.training.checkpoint`.
    """

    study: StudySpec
    runtime: Runtime
    folder: Path
    data_dir: Path | None = None
    object_index: int = 0
    checkpoint_seconds: float = EVERY


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a task is carried out: what it may use there.

    Attributes:
        shop: data, runtime and folder; its weights are those that the task names.
        check: True where the task has to end at its next step; called at every step.
        limit: when the task has to have ended.
        tell: (kind, detail, model) of an event beside the result.
        show: a point of a curve, for the terminal.
    """

    shop: Workshop
    bench: Bench
    check: Callable[[], bool]
    limit: Deadline
    tell: Callable[[str, str, str], None]
    show: Callable[[EvaluationPoint], None]


class Lost(Exception):
    """The worker's process ended or hangs, and so for the second time; the text says how."""


class Task(Protocol):
    """A piece of work that is sent to a worker: a frozen dataclass of plain values."""

    @property
    def label(self) -> str:
        """What the terminal and `status` call it."""

    @property
    def threads(self) -> int | None:
        """Threads that it computes with; None leaves it to the worker's runtime."""

    def carry_out(self, site: Site) -> Any:
        """Do it there. Raises StoreError where the results directory does not take what it leaves."""

    def lost(
        self, state: RunState, reason: str, points: tuple[EvaluationPoint, ...], seconds: float
    ) -> Any:
        """The result of a task whose process is gone, or raises `Lost`.

        Args:
            state: `failed`, or `interrupted` where its time was up or the study stops.
            points: of its curve, as far as they were shown.
            seconds: that it took.
        """


class Executor(Protocol):
    """Carries tasks out beside this process."""

    capacity: int
    """Tasks that are carried out at the same time."""

    def submit(self, task: Task, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        """Hand a task over; its future is done before `limit` has passed by more than a grace.

        A task whose process is lost is tried once more. The future raises StoreError where the
        results directory does not take what the task leaves.

        Args:
            limit: the task is interrupted when it has passed.
            token: asked for, it interrupts the task at its next step.
        """

    def news(self) -> list[Noted | Shown]:
        """What happened beside the results since the last call, in order; for the thread that waits."""

    def close(self) -> None:
        """End what was started; tasks in progress are lost."""


@dataclass(frozen=True, kw_only=True)
class Noted:
    """An event beside a task's result, with its network."""

    kind: str
    detail: str
    model: str | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A point of the curve of the task at work in a worker."""

    worker: int
    label: str
    point: EvaluationPoint | None
