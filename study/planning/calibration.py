"""Predictions that learn: seconds of a run by the machine's speeds, corrected by the runs so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from study.planning.cost import LEAST_TAIL, MOST_TAIL, Speed, predicted_seconds
from study.records import RunState
from study.spec import RunSpec

#: The latest runs of a kind tell how fast the machine is by now; what it was an hour ago counts no more.
RECENT = 9

Row = dict[str, Any]


class Calibration:
    """Expected seconds of runs. Rows are those of plan.json: what was predicted, what it took."""

    def __init__(self, speeds: dict[str, Speed], rows: list[Row]) -> None:
        """Both are looked at whenever something is asked, and may grow."""
        self.speeds, self.rows = speeds, rows

    def expected(self, spec: RunSpec, done: int = 0) -> float:
        """Predicted seconds (p50) of a judgement, see `predicted_seconds`."""
        ratios = self._ratios(spec)
        ratio = ratios[len(ratios) // 2] if ratios else 1.0
        return self.unscaled(spec, done) * ratio

    def unscaled(self, spec: RunSpec, done: int = 0) -> float:
        """The same by the measured speeds alone."""
        return predicted_seconds(spec, self.speeds[spec.arm.model.value], done)

    def tail(self, spec: RunSpec) -> float:
        """p95 over p50 of a run: at first that of a training step, later of the runs seen."""
        ratios = self._ratios(spec)
        if len(ratios) < 3:
            return self.speeds[spec.arm.model.value].tail
        return min(max(ratios[-1] / ratios[len(ratios) // 2], LEAST_TAIL), MOST_TAIL)

    def row(self, spec: RunSpec, done: int = 0) -> Row:
        """The row of a judgement before it starts: skipped."""
        expected = self.expected(spec, done)
        return {
            "run_id": spec.run_id, "rung": spec.rung, "phase": spec.purpose.value, "arm": spec.arm.name,
            "model": spec.arm.model.value, "init": spec.arm.init.value, "scope": spec.arm.scope.value,
            "predicted_seconds": expected, "predicted_p95_seconds": expected * self.tail(spec),
            "unscaled_seconds": self.unscaled(spec, done), "actual_seconds": None,
            "state": RunState.SKIPPED.value, "reason": "",
        }  # fmt: skip

    def _ratios(self, spec: RunSpec) -> list[float]:
        """Sorted actual over predicted seconds of the last finished runs, as near in kind as there are."""
        done = [
            row for row in self.rows
            if row["state"] == RunState.FINISHED.value and row["model"] == spec.arm.model.value
            and row["scope"] == spec.arm.scope.value
        ]  # fmt: skip
        for kind in ([row for row in done if row["init"] == spec.arm.init.value], done):
            if kind:
                return sorted(_ratio(row) for row in kind[-RECENT:])
        return []


def _ratio(row: Row) -> float:
    return float(row["actual_seconds"] / row["unscaled_seconds"])


def total(costs: Iterable[float], workers: int) -> float:
    """Seconds that so many workers take for runs side by side: the last one ends alone."""
    known = sorted(costs)
    if not known:
        return 0.0
    return max(known[-1], sum(known) / workers + known[-1] * (workers - 1) / workers / 2)
