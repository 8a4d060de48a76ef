"""The interface of executors; tests/orchestration/test_executors.py tests that an executor keeps it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from study.budget import Deadline
from study.datasets import DatasetDescriptor
from study.orchestration.signals import CancelToken
from study.records import EvaluationPoint, RunState
from study.spec import StudySpec
from study.training.checkpoint import EVERY
from study.training.runtime import Runtime
from study.training.workshop import Workshop


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a worker needs to set itself up. It is small and can be sent to another process.

    Attributes:
        study: the settings of the study.
        runtime: device, precision and threads of a worker, unless its task asks for more threads.
        folder: the results directory.
        data_dir: folder or archive with the data set; None searches the usual places.
        object_index: index of the test object that every evaluated network classifies for the report.
        checkpoint_seconds: see `study.training.checkpoint`.
        data: the study's data set, which a worker does not know if it is a person's own.
    """

    study: StudySpec
    runtime: Runtime
    folder: Path
    data_dir: Path | None = None
    object_index: int = 0
    checkpoint_seconds: float = EVERY
    data: DatasetDescriptor = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", self.study.data)


@dataclass(frozen=True, kw_only=True)
class Site:
    """What a task can use while it runs.

    Attributes:
        shop: data, runtime, folder and weights.
        bench: what the worker was set up with.
        check: returns whether the task must end; a task calls it at every step.
        limit: deadline of the task.
        tell: reports an event (kind, detail, model).
        show: reports a point of the curve, for the terminal.
    """

    shop: Workshop
    bench: Bench
    check: Callable[[], bool]
    limit: Deadline
    tell: Callable[[str, str, str], None]
    show: Callable[[EvaluationPoint], None]


#: Path and init source of pre-trained weights, by network.
WeightFiles = dict[str, tuple[str, str]]


class Lost(Exception):
    """The worker of a task died or hung, at every attempt; the text says how."""


class Task(Protocol):
    """Work that is sent to a worker, as a frozen dataclass of plain values."""

    @property
    def label(self) -> str:
        """The name that the terminal and `status` show."""

    @property
    def threads(self) -> int | None:
        """Number of threads; None takes that of the worker's runtime."""

    @property
    def at_home(self) -> bool:
        """Whether the task needs the results directory and so must run on the coordinator's machine."""

    def weight_files(self) -> WeightFiles:
        """Returns the files of pre-trained weights that the task needs."""

    def with_weights(self, weights: WeightFiles) -> Task:
        """Returns the same task for weights files at other paths."""

    def reads(self, results: Path) -> list[Path]:
        """Returns the existing files of the results directory that the task continues from."""

    def carry_out(self, site: Site) -> Any:
        """Runs the task. Raises StoreError if a file cannot be written to the results directory."""

    def lost(
        self, state: RunState, reason: str, points: tuple[EvaluationPoint, ...], seconds: float
    ) -> Any:
        """Returns the result of a task that did not complete, or raises `Lost`.

        Args:
            state: `failed`, or `interrupted` if its time was over or the study stops.
            reason: in words.
            points: the points of its curve that were reported.
            seconds: time from its start.
        """


class Executor(Protocol):
    """Runs tasks outside of this process."""

    @property
    def capacity(self) -> int:
        """Number of tasks that can run at the same time. It changes when machines join or leave."""

    def submit(self, task: Task, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        """Submits a task. Its future completes within a grace period after `limit`.

        A task whose worker dies is tried once more. The future raises StoreError if a file cannot be
        written to the results directory.

        Args:
            task: the work.
            limit: deadline, at which the task is interrupted.
            token: interrupts the task at its next step when a stop is requested.
        """

    def news(self) -> list[Noted | Shown]:
        """Returns the events and curve points since the previous call, in order."""

    def close(self) -> None:
        """Ends all workers. Tasks in progress are lost."""


@dataclass(frozen=True, kw_only=True)
class Noted:
    """An event that a task or its watcher reports, with the network it concerns."""

    kind: str
    detail: str
    model: str | None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The task of a worker and the newest point of its curve."""

    worker: int
    label: str
    point: EvaluationPoint | None
