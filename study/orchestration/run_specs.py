"""Derives the specs of runs from the settings, the weights and the committed records."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from study.models.weights import WeightFile
from study.networks import ModelName
from study.planning.plan import LEAST_RUNG, Reached, arms_of, climb, run_spec
from study.records import RunRecord, RunState
from study.spec import Arm, HyperParams, Init, Purpose, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.defaults import default_hyper
from study.tuning import best


@dataclass(kw_only=True)
class RunSpecs:
    """Creates specs of runs and answers what the ledger knows about them.

    Attributes:
        study: the settings of the study.
        ledger: the committed runs.
        weights: files of pre-trained weights by network.
        reasons: why an arm cannot be run, by its name.
        left_out: networks that are not studied because their shortest rung does not fit.
    """

    study: StudySpec
    ledger: Ledger
    weights: dict[str, WeightFile] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    left_out: set[ModelName] = field(default_factory=set)
    _indexed: tuple[RunRecord, ...] = field(default=(), init=False)
    _trainings: dict[str, list[RunRecord]] = field(default_factory=dict, init=False)
    _by_arm: dict[tuple[Arm, Purpose], list[RunRecord]] = field(default_factory=dict, init=False)

    @property
    def models(self) -> tuple[ModelName, ...]:
        return tuple(model for model in self.study.models if model not in self.left_out)

    def arms(self, models: tuple[ModelName, ...] | None = None) -> tuple[Arm, ...]:
        """Returns the arms that can be run."""
        return arms_of(self.models if models is None else models, self.reasons)

    def inits(self, model: ModelName) -> tuple[Init, ...]:
        return tuple(Init) if model in self.weights else (Init.SCRATCH,)

    def done(self, spec: RunSpec) -> bool:
        """Whether a run has an outcome at its rung. An interrupted run has none: it can continue."""
        record = self.ledger.record(*spec.key)
        return record is not None and record.state is not RunState.INTERRUPTED

    def reached(self, spec: RunSpec) -> int:
        """Returns the highest rung at which a training has been evaluated; 0 if there is none."""
        return max((record.spec.rung for record in self._training(spec) if record.finished), default=0)

    def failed(self, spec: RunSpec) -> bool:
        """Whether a training has failed, so that it does not continue."""
        return any(record.state is RunState.FAILED for record in self._training(spec))

    # ---- trials
    def trials(self, arm: Arm) -> tuple[RunRecord, ...]:
        """Returns the arm's trials that have an outcome."""
        return tuple(r for r in self._of(arm, Purpose.TRIAL) if r.state is not RunState.INTERRUPTED)

    def tuned(self, arm: Arm, number: int) -> bool:
        return any(record.spec.trial == number for record in self.trials(arm))

    def begun(self, arm: Arm, number: int) -> HyperParams | None:
        """Returns the hyperparameters with which an interrupted trial continues; None without one."""
        return next(
            (
                r.spec.hyper
                for r in self._of(arm, Purpose.TRIAL)
                if r.state is RunState.INTERRUPTED and r.spec.trial == number
            ),
            None,
        )

    def trial(self, arm: Arm, number: int, rung: int, hyper: HyperParams | None = None) -> RunSpec:
        return self._spec(arm, Purpose.TRIAL, number, rung, hyper)

    # ---- final runs
    def final(self, arm: Arm, number: int, rung: int, *, default: bool = False) -> RunSpec:
        """Returns the final run with the `number`-th seed, and tuned or default hyperparameters."""
        return self._spec(arm, Purpose.FINAL, number, rung, None if default else self.chosen(arm))

    @property
    def tuning_closed(self) -> bool:
        """Whether final runs exist that depend on tuning, so that no trial may change its choice."""
        return any(
            record.spec.seed % 100_000 > 1
            or record.spec.rung > LEAST_RUNG[record.spec.arm.model]
            or record.spec.hyper != default_hyper(record.spec.arm)
            for record in self.ledger.records()
            if record.spec.purpose is Purpose.FINAL
        )

    def chosen(self, arm: Arm) -> HyperParams | None:
        """Returns the hyperparameters of the trial that is best on validation; None means the default."""
        found = best(self.trials(arm))
        return found.spec.hyper if found else None

    def finals(self) -> tuple[RunRecord, ...]:
        """Returns the finished final runs at every rung."""
        return tuple(
            record
            for record in self.ledger.records()
            if record.spec.purpose is Purpose.FINAL and record.finished
        )

    def way_up(
        self, arm: Arm, number: int, least: int, most: int, *, default: bool = False
    ) -> Iterator[tuple[RunSpec, int]]:
        """Yields the remaining runs of a training up to a rung, see `climb`; none if it has failed."""
        spec = self.final(arm, number, most, default=default)
        if self.failed(spec):
            return
        yield from climb(spec, least, most, self.reached(spec))

    def reached_of(self, model: ModelName, least: int) -> tuple[int, int]:
        """Returns the rung that all arms of a network have reached, and with how many seeds each.

        Failed arms do not count.
        """
        arms = self.arms((model,))
        if not arms:
            return 0, 0
        seeds = 0
        while all(self._got(arm, seeds, least) for arm in arms):
            seeds += 1
        if not seeds:
            return 0, 0
        return min(self._got(arm, number, least) for arm in arms for number in range(seeds)), seeds

    def _got(self, arm: Arm, number: int, least: int) -> int:
        spec = self.final(arm, number, least)
        return 1 << 40 if self.failed(spec) else self.reached(spec)

    def reached_by_all(self, least: dict[ModelName, int]) -> Reached:
        """Returns rung and number of seeds of each network but those whose arms have all failed."""

        def goes_on(model: ModelName) -> bool:
            arms = self.arms((model,))
            return not arms or any(not self.failed(self.final(arm, 0, least[model])) for arm in arms)

        return {model: self.reached_of(model, least[model]) for model in self.models if goes_on(model)}

    def _training(self, spec: RunSpec) -> list[RunRecord]:
        """Returns the records of a run's training at all rungs."""
        self._index()
        return self._trainings.get(spec.run_id, [])

    def _of(self, arm: Arm, purpose: Purpose) -> list[RunRecord]:
        self._index()
        return self._by_arm.get((arm, purpose), [])

    def _index(self) -> None:
        """Groups the records by training and by arm, anew after each commit."""
        records = self.ledger.records()
        if records is self._indexed:
            return
        self._indexed, self._trainings, self._by_arm = records, {}, {}
        for record in records:
            spec = record.spec
            self._trainings.setdefault(spec.run_id, []).append(record)
            self._by_arm.setdefault((spec.arm, spec.purpose), []).append(record)

    def _spec(
        self, arm: Arm, purpose: Purpose, number: int, rung: int, hyper: HyperParams | None
    ) -> RunSpec:
        weights = self.weights.get(arm.model) if arm.init is Init.PRETRAINED else None
        source = (weights.source, weights.sha256) if weights else ("none", "")
        return run_spec(
            arm, self.study, purpose=purpose, number=number, rung=rung, hyper=hyper, source=source
        )
