"""What a worker answers to its coordinator; plain values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from study.orchestration.executors.protocol import Task
from study.records import EvaluationPoint


@dataclass(frozen=True, kw_only=True)
class Order:
    """seconds: what is left for the task, known when it is sent."""

    task: Task
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The worker is set up."""


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
    """The results directory does not take what the task leaves; there is no result, the study stops."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The worker cannot be set up, or the task failed in a way that it does not know itself."""

    reason: str
