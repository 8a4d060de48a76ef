"""Which runs make up the rounds of a phase: specs from decisions, weights and committed records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from study.matrix import arms
from study.models import Weights
from study.orchestration.course import Course
from study.planning.plan import Decision, run_spec
from study.planning.side import by_importance, side_runs
from study.records import RunRecord, RunState
from study.spec import (
    TRAIN_IMAGES,
    Arm,
    HyperParams,
    Init,
    ModelName,
    Purpose,
    RunSpec,
    StudySpec,
)
from study.store.ledger import Ledger


@dataclass(kw_only=True)
class Rounds:
    """reasons: why an arm cannot be run, by its name; weights: pre-trained weights by network."""

    study: StudySpec
    ledger: Ledger
    course: Course
    weights: dict[str, Weights]
    reasons: dict[str, str] = field(default_factory=dict)

    def arms(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in arms(self.study.models) if arm.name not in self.reasons)

    def inits(self) -> dict[ModelName, tuple[Init, ...]]:
        return {
            model: tuple(Init) if model.value in self.weights else (Init.SCRATCH,)
            for model in self.study.models
        }

    def decision(self, arm: Arm) -> Decision:
        return self.course.decisions[arm.model.value]

    @property
    def most_trials(self) -> int:
        return max(plan.trials for plan in self.course.decisions.values())

    @property
    def most_seeds(self) -> int:
        return max(plan.seeds for plan in self.course.decisions.values())

    @property
    def fewest_seeds(self) -> int:
        return min(plan.seeds for plan in self.course.decisions.values())

    def trial(self, arm: Arm, number: int, hyper: HyperParams | None = None) -> RunSpec:
        return self._spec(arm, Purpose.TRIAL, number, hyper)

    def tuned(self, arm: Arm, number: int) -> bool:
        """Whether the trial of that number has its outcome, or final runs have settled the arm."""
        return self.is_chosen(arm) or any(r.spec.trial == number for r in self.known_trials(arm))

    def kept(self, seeds: int) -> list[RunSpec]:
        """The final runs that tuning leaves time for: at most `seeds` a network, of half the samples."""
        found = []
        for arm in self.arms():
            plan = self.decision(arm)
            half = plan.samples // 2
            least = replace(plan, samples=half, train_images=min(TRAIN_IMAGES, half))
            found += [self.final(arm, number, least) for number in range(min(seeds, plan.seeds))]
        return found

    def done(self, run_id: str) -> bool:
        """Whether a run has its outcome; an interrupted one can be taken up again."""
        record = self.ledger.record(run_id)
        return record is not None and record.state is not RunState.INTERRUPTED

    def known_trials(self, arm: Arm) -> tuple[RunRecord, ...]:
        """The arm's trials that have their outcome."""
        return tuple(r for r in self._of(arm, Purpose.TRIAL) if r.state is not RunState.INTERRUPTED)

    def begun(self, arm: Arm, number: int) -> HyperParams | None:
        """What an interrupted trial was begun with: it goes on with the same."""
        return next((r.spec.hyper for r in self._of(arm, Purpose.TRIAL)
                     if r.state is RunState.INTERRUPTED and r.spec.trial == number), None)  # fmt: skip

    def is_chosen(self, arm: Arm) -> bool:
        """Whether final runs of the arm have fixed its hyperparameters; no trial may change them."""
        return any(self._of(arm, Purpose.FINAL))

    def finals(self) -> tuple[RunRecord, ...]:
        """The finished final runs so far."""
        return tuple(
            record for record in self.ledger.records()
            if record.spec.purpose is Purpose.FINAL and record.state is RunState.FINISHED
        )  # fmt: skip

    def final(self, arm: Arm, number: int, decision: Decision | None = None) -> RunSpec:
        """The final run of an arm with the number-th seed and its chosen hyperparameters."""
        return self._spec(arm, Purpose.FINAL, number, self._chosen(arm), decision)

    def further(self, number: int, going: list[ModelName]) -> dict[ModelName, list[RunSpec]]:
        """Beyond the plan: what is left of the final runs with the number-th seed, by network."""
        return {
            model: [
                spec for arm in self.arms() if arm.model is model
                if not self.done((spec := self.final(arm, number)).run_id)
            ]
            for model in going
            if number >= self.course.decisions[model.value].seeds
        }  # fmt: skip

    def all_failed(self, model: ModelName, number: int) -> bool:
        """Whether every final run of a network with the number-th seed failed: so would the next ones."""
        found = [self.ledger.record(self.final(arm, number).run_id)
                 for arm in self.arms() if arm.model is model]  # fmt: skip
        return all(record is not None and record.state is RunState.FAILED for record in found)

    def side(self, number: int) -> list[RunSpec]:
        """The side runs of all networks with one seed; a network's own number of seeds ends it."""
        inits = self.inits()
        found = [
            spec
            for model in self.study.models
            if number < self.course.decisions[model.value].seeds
            for spec in side_runs(
                model, self.course.decisions[model.value], inits[model],
                lambda arm, planned: self.final(arm, number, planned), self.weights,
            )
        ]  # fmt: skip
        return by_importance(found)

    def _of(self, arm: Arm, purpose: Purpose) -> Iterator[RunRecord]:
        return (record for record in self.ledger.records()
                if record.spec.arm == arm and record.spec.purpose is purpose)  # fmt: skip

    def _spec(
        self, arm: Arm, purpose: Purpose, number: int, hyper: HyperParams | None,
        decision: Decision | None = None,
    ) -> RunSpec:  # fmt: skip
        weights = self.weights.get(arm.model.value) if arm.init is Init.PRETRAINED else None
        source = (weights.source, weights.sha256) if weights else ("none", "")
        return run_spec(arm, decision or self.decision(arm), self.study, purpose=purpose, number=number,
                        hyper=hyper, source=source)  # fmt: skip

    def _chosen(self, arm: Arm) -> HyperParams | None:
        """The hyperparameters of the best finished trial on validation; None means the default."""
        done = [r for r in self.known_trials(arm) if r.state is RunState.FINISHED]
        best = max(done, key=lambda record: record.val_accuracy or 0.0, default=None)
        return best.spec.hyper if best else None
