"""The plan of a study in motion: predicted against actual seconds, and what still fits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from study.budget import Deadline, format_seconds
from study.errors import UsageError
from study.orchestration.setup import Options
from study.planning.cost import LEAST_TAIL, MOST_TAIL, Speed, predicted_seconds
from study.planning.plan import Decision, decide, extend
from study.planning.side import LEAST_SAMPLES, SHARE, SHORTENED
from study.spec import Experiment, Init, ModelName, Purpose, RunSpec, StudySpec
from study.store.ledger import Ledger

#: The share of the seconds left that a plan fills; the rest absorbs what runs cost beyond it.
FILL = 0.95
#: The latest runs of a kind tell how fast the machine is by now; what it was an hour ago counts no more.
RECENT = 9
#: Side experiments come after tuning with so many trials; with less time the arms come first.
TRIALS_BEFORE_SIDE = 4
RESERVE_SHARE, LEAST_RESERVE = 0.03, 45.0
#: Seconds between two notes of the time used, where many steps offer themselves.
EVERY = 2.0
Answer = TypeVar("Answer")


@dataclass(kw_only=True)
class Course:
    """Decisions, phases and one row for every run that was tried; kept in the ledger.

    draft_seconds: set aside for reports while the study goes on. grown: the budget is larger than that of
    the last plan of side experiments. extension: seconds of --extend that are not used up yet.
    """

    study: StudySpec
    ledger: Ledger
    deadline: Deadline
    work: Deadline
    reserve: float
    speeds: dict[str, Speed] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    side_seconds: float = 0.0
    witness_seconds: float = 0.0
    draft_seconds: float = 0.0
    replanned: bool = False
    grown: bool = False
    extension: float = 0.0
    phases: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    _noted: float = field(default=-math.inf, init=False)

    @classmethod
    def opened(
        cls, study: StudySpec, ledger: Ledger, deadline: Deadline, options: Options
    ) -> Course:  # fmt: skip
        """A new one, or that of a stopped study with the seconds that it has used.

        Raises:
            UsageError: the budget is used.
        """
        used, budget = float(ledger.fact("used_seconds", 0.0)), deadline.budget
        deadline = Deadline(
            budget=budget, started=deadline.started, used_before=used, clock=deadline.clock
        )
        reserve = min(max(LEAST_RESERVE, RESERVE_SHARE * budget), budget / 3)
        course = cls(study=study, ledger=ledger, deadline=deadline, work=deadline.minus(reserve),
                     reserve=reserve, extension=options.extension)  # fmt: skip
        if course.work.passed():
            raise UsageError(
                f"the study in {options.results_dir} has used {format_seconds(used)} of its "
                "budget; give a larger --budget to go on, --fresh to start anew, or only rebuild its "
                "report: run_study.py report"
            )
        course.take_up()
        course.save()  # `status` and a later start know the budget before there is a plan
        return course

    def take_up(self) -> None:
        """Go on where a stopped study was, with the speeds to which its runs were compared."""
        stored = self.ledger.fact("plan", {})
        self.speeds |= {name: Speed(**speed) for name, speed in stored.get("speeds", {}).items()}
        self.decisions |= {name: Decision(**plan) for name, plan in stored.get("decisions", {}).items()}
        self.rows = list(stored.get("rows", []))
        self.phases = list(stored.get("phases", []))
        self.side_seconds = stored.get("side_seconds", 0.0)
        self.witness_seconds = stored.get("witness_seconds", 0.0)
        self.replanned = stored.get("replanned", False)
        larger = self.deadline.budget > stored.get("budget_seconds", self.deadline.budget)
        self.grown = larger or stored.get("grown", False)  # a study stopped before it planned anew
        self.extension = self.extension or stored.get("extension_seconds", 0.0)

    @property
    def decided(self) -> bool:
        """Whether the plan was made, now or before the study was stopped."""
        return bool(self.decisions)

    @property
    def side_used(self) -> float:
        """Seconds of side runs so far, also of those before the study was stopped."""
        return sum(row["actual_seconds"] or 0.0 for row in self.rows if row["phase"] == Purpose.SIDE.value)

    def decide(self, inits: dict[ModelName, tuple[Init, ...]]) -> None:
        """Every network gets an equal share of the seconds; a stored decision stands."""
        share = FILL * (self.work.left() - self.draft_seconds) / len(self.study.models)
        for model in self.study.models:
            if model.value not in self.decisions:
                self.decisions[model.value] = decide(
                    model, self.study, self.expected, share, inits[model]
                )
        self.save()

    def replan(
        self, inits: dict[ModelName, tuple[Init, ...]], side_round: Callable[[], list[RunSpec]],
        witness: Callable[[], float],
    ) -> None:  # fmt: skip
        """After tuning, once: final runs get as many samples as the seconds left can pay.

        Side experiments get a share of the seconds if a whole round of them fits it and the arms
        are tuned; `side_round` gives one round under the decisions as they are. The ImageNet witness
        takes its seconds out of that share, and none where a round would not fit beside it. When the
        budget has grown they get their share of what is left then.
        """
        left = max(0.0, self.work.left())  # a negative share would be stored, and refused for good
        if not self.replanned or self.grown:
            self.side_seconds = self._plan_side(SHARE * left, side_round, witness)
            if self.side_seconds:
                self.side_seconds += self.side_used
        if not self.replanned:
            share = FILL * (left - self.side_seconds) / len(self.study.models)
            for model in self.study.models:
                plan = self.decisions[model.value]
                if plan.trials:
                    now = extend(model, self.study, self.expected, share, inits[model], plan)
                    self.decisions[model.value] = now
                    if now.seeds < plan.seeds or now.samples < plan.samples // 2:
                        self.ledger.add_event("finals_reduced", f"{now.seeds} of {plan.seeds} seeds, "
                                              f"{now.samples:,} samples instead of {plan.samples:,}",
                                              model.value)  # fmt: skip
            self.replanned = True  # kept with the decisions in one commit
        self.grown = False
        self.save()

    def _plan_side(
        self, seconds: float, side_round: Callable[[], list[RunSpec]], witness: Callable[[], float]
    ) -> float:
        """The seconds of side experiments and witness together; 0 where no round of runs fits."""
        self.witness_seconds = 0.0
        if min(plan.trials for plan in self.decisions.values()) < TRIALS_BEFORE_SIDE:
            return 0.0
        aside = witness()
        if any(plan.side_samples for plan in self.decisions.values()):  # their length stands
            self.witness_seconds = aside if aside <= seconds else 0.0
            return seconds
        if aside and self._fit_side(seconds - aside, side_round):
            self.witness_seconds = aside
            return seconds
        return seconds if self._fit_side(seconds, side_round) else 0.0

    def _fit_side(self, seconds: float, side_round: Callable[[], list[RunSpec]]) -> bool:
        """Give the decisions the longest side runs of which a round fits; none where none does.

        Runs of the adaptation experiment are not counted: they are made where the others leave room.
        """
        trials = {model: plan.trial_samples for model, plan in self.decisions.items()}
        for divisor in SHORTENED if min(trials.values()) >= LEAST_SAMPLES else ():
            self.decisions = {
                model: replace(plan, side_samples=max(trials[model] // divisor, LEAST_SAMPLES))
                for model, plan in self.decisions.items()
            }
            counted = (s for s in side_round() if s.experiment is not Experiment.ADAPTATION)
            if 0 < self.cost(counted) <= seconds:
                return True
        self.decisions = {m: replace(plan, side_samples=0) for m, plan in self.decisions.items()}
        return False

    def told(self) -> str:
        """The plan of the final runs in a line."""
        parts = [f"{model} {plan.seeds} seeds of {plan.samples:,} samples"
                 for model, plan in self.decisions.items()]  # fmt: skip
        side = format_seconds(self.side_seconds) if self.side_seconds else "none"
        return f"final runs: {', '.join(parts)}; side experiments: {side}"

    def expected(self, spec: RunSpec) -> float:
        """Predicted seconds (p50) of a run, corrected by the runs of its kind so far."""
        return predicted_seconds(spec, self.speeds[spec.arm.model.value]) * self._ratio(spec)

    def tail(self, spec: RunSpec) -> float:
        """p95 over p50 of a run: at first that of a training step, later of the runs seen."""
        ratios = self._ratios(spec)
        if len(ratios) < 3:
            return self.speeds[spec.arm.model.value].tail
        return min(max(ratios[-1] / ratios[len(ratios) // 2], LEAST_TAIL), MOST_TAIL)

    def cost(self, specs: Iterable[RunSpec]) -> float:
        """Predicted seconds of runs, with what they may cost beyond it."""
        return sum(self.expected(spec) for spec in specs) / FILL

    def affordable(self, rounds: dict[ModelName, list[RunSpec]]) -> list[ModelName]:
        """The networks whose whole rounds fit what is left, taken in order."""
        left, chosen = self.work.left(), []
        for model, specs in rounds.items():
            cost = self.cost(specs)
            if cost <= left:
                left -= cost
                chosen.append(model)
        return chosen

    def row(self, spec: RunSpec, done: int = 0) -> dict[str, Any]:
        """The row of a run, or of what is left after `done` samples, before it starts: skipped."""
        unscaled = predicted_seconds(spec, self.speeds[spec.arm.model.value], done)
        expected = unscaled * self._ratio(spec)
        return {
            "run_id": spec.run_id, "phase": spec.purpose.value, "arm": spec.arm.name,
            "model": spec.arm.model.value, "init": spec.arm.init.value,
            "scope": spec.arm.scope.value, "predicted_seconds": expected,
            "predicted_p95_seconds": expected * self.tail(spec),
            "unscaled_seconds": unscaled,
            "actual_seconds": None, "state": "skipped", "reason": "",
        }  # fmt: skip

    def note_phase(self, name: str, predicted: float | None, began: float) -> None:
        """Add a phase that began at `began` (monotonic seconds) and ends now."""
        self.phases.append({"phase": name, "predicted_seconds": predicted,
                            "actual_seconds": time.monotonic() - began})  # fmt: skip
        self.note_used(every=0.0)

    def note_used(self, every: float = EVERY) -> None:
        """Seconds used so far into the ledger, for a study that is killed; once in `every` seconds."""
        if time.monotonic() - self._noted >= every:
            self.ledger.set_fact("used_seconds", self.deadline.used())
            self._noted = time.monotonic()

    def noting(self, question: Callable[[], Answer]) -> Callable[[], Answer]:
        """The same question; whoever asks it all the time has the seconds used noted on the way."""

        def asked() -> Answer:
            self.note_used()
            return question()

        return asked

    def save(self) -> None:
        """Into the ledger; plan.json is written from there."""
        self.ledger.set_fact("plan", {
            "budget_seconds": self.deadline.budget,
            "used_seconds": self.deadline.used(),
            "reserve_seconds": self.reserve,
            "side_seconds": self.side_seconds,
            "witness_seconds": self.witness_seconds,
            "replanned": self.replanned,
            "grown": self.grown,
            "extension_seconds": self.extension,
            "speeds": {model: speed.to_dict() for model, speed in self.speeds.items()},
            "decisions": {model: plan.to_dict() for model, plan in self.decisions.items()},
            "phases": self.phases,
            "rows": self.rows,
        })  # fmt: skip

    def _ratio(self, spec: RunSpec) -> float:
        ratios = self._ratios(spec)
        return ratios[len(ratios) // 2] if ratios else 1.0

    def _ratios(self, spec: RunSpec) -> list[float]:
        """Sorted actual over predicted seconds of the last finished runs, as near in kind as there are.

        Of other phases also the seconds that kept features saved count: the first run of a phase has none.
        """
        done = [
            row for row in self.rows
            if row["state"] == "finished" and row["model"] == spec.arm.model.value
            and row["scope"] == spec.arm.scope.value
        ]  # fmt: skip
        same = [row for row in done if row["init"] == spec.arm.init.value]
        for kind in (
            [row for row in same if row["phase"] == spec.purpose.value],
            [row for row in done if row["phase"] == spec.purpose.value],
            same,
            done,
        ):
            if kind:
                return sorted(self._seconds(row, spec) / row["unscaled_seconds"] for row in kind[-RECENT:])
        return []

    @staticmethod
    def _seconds(row: dict[str, Any], spec: RunSpec) -> float:
        seconds: float = row["actual_seconds"]
        return seconds if row["phase"] == spec.purpose.value else row.get("uncached_seconds") or seconds
