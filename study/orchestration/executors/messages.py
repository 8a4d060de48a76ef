"""What the coordinator and a worker say to each other; plain values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from study.records import EvaluationPoint, RunRecord
from study.spec import RunSpec


class Reply(Enum):
    """The coordinator's answer to an evaluation point."""

    GO_ON = "go on"
    PRUNE = "prune"


@dataclass(frozen=True, kw_only=True)
class Run:
    """seconds: what is left for the run, known when it is sent."""

    spec: RunSpec
    finals: tuple[RunRecord, ...]
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Picture:
    index: int
    finals: tuple[RunRecord, ...]
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The worker is set up."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    point: EvaluationPoint


@dataclass(frozen=True, kw_only=True)
class Noted:
    """An event beside a run's record, with its network."""

    kind: str
    detail: str
    model: str


@dataclass(frozen=True, kw_only=True)
class Ran:
    record: RunRecord


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The results directory does not take what the run leaves; no record, and the study stops."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Pictured:
    events: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The worker cannot be set up, or pictures failed; a run that fails is a record instead."""

    reason: str
