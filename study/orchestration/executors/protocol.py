"""What any executor offers; tests/orchestration/test_executors.py is the contract it must pass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from study.budget import Deadline
from study.records import EvaluationPoint, RunRecord
from study.spec import RunSpec, StudySpec
from study.training.checkpoint import EVERY
from study.training.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What a worker needs to set itself up; small, and can be sent to another process.

    weights: path and init source of each network's pre-trained weights. checkpoint_seconds: see
    `study.training.checkpoint`.
    """

    study: StudySpec
    runtime: Runtime
    folder: Path
    data_dir: Path | None = None
    weights: dict[str, tuple[Path, str]]
    checkpoint_seconds: float = EVERY


class Executor(Protocol):
    """Carries runs out, one record for each spec; what goes wrong is a state of the record."""

    capacity: int

    def submit(
        self,
        spec: RunSpec,
        *,
        finals: tuple[RunRecord, ...],
        limit: Deadline,
        stop: Callable[[], bool],
        on_evaluation: Callable[[EvaluationPoint], None],
    ) -> RunRecord:
        """Train, judge and keep a run; returns before `limit` has passed by more than a grace.

        A run of which there is a checkpoint goes on from there; one that is interrupted leaves one.

        Args:
            finals: the finished final runs so far; the files of the best of each kind are kept.
            limit: the run is interrupted when it has passed.
            stop: True interrupts the run at its next step.
            on_evaluation: sees each evaluation point, those before a checkpoint too, and the same
                ones again where a run is tried once more; raising `Pruned` gives the run up.

        Raises:
            StoreError: the results directory does not take what the run leaves.
        """

    def picture(
        self, index: int, *, finals: tuple[RunRecord, ...], limit: Deadline, stop: Callable[[], bool]
    ) -> tuple[tuple[str, str, str], ...]:
        """Leave the arrays behind the report's pictures; `index` is the chosen test object.

        Returns:
            Events (kind, detail, model) of what could not be made.
        """

    def close(self) -> None:
        """End what was started; a run in progress is lost."""
