"""The plan of a running study: its decisions, and predicted and actual seconds of every run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from study.orchestration.clock import StudyClock
from study.planning.calibration import Calibration, Row
from study.planning.cost import Speed
from study.planning.plan import Decision
from study.spec import StudySpec


@dataclass(kw_only=True)
class PlanState:
    """The plan, stored in the ledger as the fact ``plan`` and written from there to plan.json.

    Attributes:
        study: the settings of the study.
        clock: its clock.
        workers: number of runs in parallel.
        speeds: measured speed of each network.
        measured_on: device and number of workers with which they were measured.
        decisions: what is planned for each network.
        champion_seconds: seconds reserved for the champion.
        side_seconds: seconds reserved for side experiments.
        step_seconds: seconds inside optimizer steps times threads, summed over all workers, pre-training
            and champion included.
        grown: whether the budget is larger than that of the last plan.
        extension: seconds of --extend that are not used yet.
        left_out: what a larger budget would add: ``what``, and ``needs_seconds`` of total budget.
        phases: predicted and actual seconds of each phase.
        rows: predicted and actual seconds of each run.
        calibration: predicts seconds from `speeds` and `rows`.
    """

    study: StudySpec
    clock: StudyClock
    workers: int = 1
    speeds: dict[str, Speed] = field(default_factory=dict)
    measured_on: str = ""
    decisions: dict[str, Decision] = field(default_factory=dict)
    champion_seconds: float = 0.0
    side_seconds: float = 0.0
    step_seconds: float = 0.0
    grown: bool = False
    extension: float = 0.0
    left_out: list[dict[str, Any]] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    calibration: Calibration = field(init=False)

    def __post_init__(self) -> None:
        self.take_up()
        self.calibration = Calibration(self.speeds, self.rows)

    def take_up(self) -> None:
        """Restores the stored plan of an earlier start, if there is one."""
        stored = self.clock.ledger.fact("plan", {})
        self.speeds |= {name: Speed(**speed) for name, speed in stored.get("speeds", {}).items()}
        self.measured_on = stored.get("measured_on", "")
        self.decisions |= {name: Decision(**plan) for name, plan in stored.get("decisions", {}).items()}
        self.rows += stored.get("rows", [])
        self.phases += stored.get("phases", [])
        self.left_out += stored.get("left_out", [])
        self.champion_seconds = stored.get("champion_seconds", 0.0)
        self.side_seconds = stored.get("side_seconds", 0.0)
        self.step_seconds = stored.get("step_seconds", 0.0)
        budget = self.clock.deadline.budget
        self.grown = budget > stored.get("budget_seconds", budget) or stored.get("grown", False)
        self.extension = self.extension or stored.get("extension_seconds", 0.0)

    @property
    def decided(self) -> bool:
        """Whether a plan exists, made by this start or by an earlier one."""
        return any(decision.rung for decision in self.decisions.values())

    def note_phase(self, name: str, predicted: float | None, began: float) -> None:
        """Records a phase that started at `began` (`time.monotonic`, seconds) and ends now."""
        self.phases.append(
            {"phase": name, "predicted_seconds": predicted, "actual_seconds": time.monotonic() - began}
        )
        self.clock.note_used(every=0.0)

    def save(self) -> None:
        """Writes the plan to the ledger."""
        used = self.clock.deadline.used()
        self.clock.ledger.set_fact(
            "plan",
            {
                "budget_seconds": self.clock.deadline.budget,
                "used_seconds": used,
                "reserve_seconds": self.clock.reserve,
                "champion_seconds": self.champion_seconds,
                "side_seconds": self.side_seconds,
                "extension_seconds": self.extension,
                "grown": self.grown,
                "workers": self.workers,
                "step_seconds": self.step_seconds,
                "worker_seconds": self.workers * used,
                "speeds": {model: speed.to_dict() for model, speed in self.speeds.items()},
                "measured_on": self.measured_on,
                "decisions": {model: plan.to_dict() for model, plan in self.decisions.items()},
                "left_out": self.left_out,
                "phases": self.phases,
                "rows": self.rows,
            },
        )
