"""The messages between the coordinator and its workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from study.orchestration.executors.protocol import Task
from study.records import EvaluationPoint


@dataclass(frozen=True, kw_only=True)
class Order:
    """A task for a worker.

    Attributes:
        task: the work.
        seconds: time that the task may take.
    """

    task: Task
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The worker has set itself up."""


@dataclass(frozen=True, kw_only=True)
class Point:
    point: EvaluationPoint


@dataclass(frozen=True, kw_only=True)
class Event:
    kind: str
    detail: str
    model: str


@dataclass(frozen=True, kw_only=True)
class Done:
    result: Any


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A file could not be written to the results directory, so there is no result and the study stops."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The worker could not be set up, or the task raised an unexpected error."""

    reason: str


Message: TypeAlias = Ready | Point | Event | Done | Refused | Broken
