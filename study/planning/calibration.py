"""Predicts the seconds of runs from measured speeds and corrects the prediction by finished runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from study.planning.cost import LEAST_TAIL, MOST_TAIL, Speed, predicted_seconds
from study.records import RunState
from study.spec import RunSpec

#: Only the latest runs of a kind count, because the speed of the machine may change.
RECENT = 9

Row = dict[str, Any]


class Calibration:
    """Predicts seconds of runs from speeds and from the predicted and actual seconds of earlier runs."""

    def __init__(self, speeds: dict[str, Speed], rows: list[Row]) -> None:
        """Creates the calibration. Later changes of both arguments take effect."""
        self.speeds, self.rows = speeds, rows

    def expected(self, spec: RunSpec, done: int = 0) -> float:
        """Predicts the median seconds of a run, see `predicted_seconds`."""
        ratios = self._ratios(spec)
        ratio = ratios[len(ratios) // 2] if ratios else 1.0
        return self.unscaled(spec, done) * ratio

    def unscaled(self, spec: RunSpec, done: int = 0) -> float:
        """Predicts the median seconds from measured speeds alone."""
        return predicted_seconds(spec, self.speeds[spec.arm.model], done)

    def tail(self, spec: RunSpec) -> float:
        """Returns the ratio of p95 to p50: of a training step, or of runs once three have finished."""
        ratios = self._ratios(spec)
        if len(ratios) < 3:
            return self.speeds[spec.arm.model].tail
        return min(max(ratios[-1] / ratios[len(ratios) // 2], LEAST_TAIL), MOST_TAIL)

    def row(self, spec: RunSpec, done: int = 0) -> Row:
        """Returns the row of plan.json for a run that has not started."""
        expected = self.expected(spec, done)
        return {
            "run_id": spec.run_id,
            "rung": spec.rung,
            "phase": spec.purpose.value,
            "arm": spec.arm.name,
            "model": spec.arm.model,
            "init": spec.arm.init.value,
            "scope": spec.arm.scope.value,
            "predicted_seconds": expected,
            "predicted_p95_seconds": expected * self.tail(spec),
            "unscaled_seconds": self.unscaled(spec, done),
            "actual_seconds": None,
            "state": RunState.SKIPPED.value,
            "reason": "",
        }

    def _ratios(self, spec: RunSpec) -> list[float]:
        """Returns the sorted ratios of actual to predicted seconds of the last runs of the closest kind."""
        done = [
            row
            for row in self.rows
            if row["state"] == RunState.FINISHED.value
            and row["model"] == spec.arm.model
            and row["scope"] == spec.arm.scope.value
        ]
        for kind in ([row for row in done if row["init"] == spec.arm.init.value], done):
            if kind:
                return sorted(_ratio(row) for row in kind[-RECENT:])
        return []


def _ratio(row: Row) -> float:
    return float(row["actual_seconds"] / row["unscaled_seconds"])


def total(trainings: Iterable[Iterable[float]], workers: int) -> float:
    """Predicts the seconds that `workers` take for some trainings.

    The runs of a training follow one another, so all of them take at least as long as the longest training.
    Near the end some workers are idle.

    Args:
        trainings: the seconds of the runs of each training.
        workers: number of workers.
    """
    known = [runs for training in trainings if (runs := list(training))]
    if not known:
        return 0.0
    longest_run, work = max(map(max, known)), sum(map(sum, known))
    return max(max(map(sum, known)), work / workers + longest_run * (workers - 1) / workers / 2)
