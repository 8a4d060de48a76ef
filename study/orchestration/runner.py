"""The course of a study: what is run, in which order, until the budget is used."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from study.budget import Deadline, format_seconds
from study.errors import UsageError, WeightsError
from study.explain.artifacts import write_dataset
from study.matrix import arms
from study.models.describe import architecture
from study.orchestration import sources
from study.orchestration.course import Course
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.files import write_results
from study.orchestration.keeping import Keeper
from study.orchestration.reporting import render
from study.orchestration.screen import Screen
from study.orchestration.setup import Options, environment, open_ledger, read_data
from study.planning.cost import measure
from study.planning.plan import Decision, run_spec
from study.planning.side import side_runs
from study.records import EvaluationPoint, Reason, RunState
from study.spec import Arm, Experiment, HyperParams, Init, ModelName, Purpose, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.loop import Pruned
from study.training.run import Outcome, Workshop
from study.training.runtime import Runtime
from study.tuning import Search

PRETRAINING_SHARE = 0.2
RESERVE_SHARE, LEAST_RESERVE = 0.03, 45.0
#: The share of the reserve that explanations may use; the report needs the rest.
EXPLANATION_SHARE = 1 / 3
PLAN_BATCH = 64


@dataclass(kw_only=True, repr=False)
class Runner:
    """One study from opening to report; `execute` is the only entry."""

    study: StudySpec
    options: Options
    deadline: Deadline
    runtime: Runtime
    stopped: bool = False
    ledger: Ledger = field(init=False)
    screen: Screen = field(init=False)
    shop: Workshop = field(init=False)
    executor: LocalExecutor = field(init=False)
    keeper: Keeper = field(init=False)
    folder: Path = field(init=False)
    work: Deadline = field(init=False)
    course: Course = field(init=False)
    entries: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def execute(self) -> None:
        """Run the study; afterwards results/ and report_out/ are complete and the lock is free."""
        before = {number: signal.signal(number, self._on_signal)
                  for number in (signal.SIGINT, signal.SIGTERM)}  # fmt: skip
        try:
            self._execute()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _execute(self) -> None:
        lock, self.ledger = open_ledger(self.study, self.options)
        used = float(self.ledger.fact("used_seconds", 0.0))
        self.deadline = Deadline(
            budget=self.deadline.budget, started=self.deadline.started, used_before=used
        )
        reserve = min(
            max(LEAST_RESERVE, RESERVE_SHARE * self.deadline.budget), self.deadline.budget / 3
        )
        self.work = self.deadline.minus(reserve)
        self.course = Course(study=self.study, ledger=self.ledger, deadline=self.deadline,
                             work=self.work, reserve=reserve)  # fmt: skip
        try:
            self._take_up(used)
            with Screen(self.deadline) as self.screen:
                self._prepare()
                self._phase("pretraining", PRETRAINING_SHARE * self.deadline.budget, self._weights)
                self._plan()
                if self.options.dry_run:
                    return
                self._phase("matrix", None, self._matrix)
                self._phase("tuning", None, self._tuning)
                self.course.replan(self._inits(), lambda: self._side_round(0))
                if any(plan.trials for plan in self.course.decisions.values()):
                    self.screen.say(self.course.told())
                self._phase("final", None, self._finals)
                self._phase("side", None, self._side)
                self._phase("further", None, self._further)
                self._finish()
        finally:
            self.ledger.set_fact("used_seconds", self.deadline.used())
            self.ledger.close()
            lock.release()

    def _take_up(self, used: float) -> None:
        """Go on where a stopped study was: its plan rows and phases are kept."""
        if self.work.passed():
            raise UsageError(
                f"the study in {self.options.results_dir} has used {format_seconds(used)} of its "
                "budget; give a larger --budget to go on, or --fresh to start anew"
            )
        self.course.take_up()

    # ---- phases
    def _prepare(self) -> None:
        began = time.monotonic()
        fashion, parts = read_data(self.study, self.options)
        self.shop = Workshop(fashion=fashion, split=parts, runtime=self.runtime, weights={})
        self.executor = LocalExecutor(self.shop)
        self.folder = self.options.results_dir
        self.keeper = Keeper(folder=self.folder, ledger=self.ledger, shop=self.shop)
        if self.ledger.fact("environment") is None:
            self.ledger.set_fact(
                "environment", environment(self.study, self.runtime, fashion, parts)
            )
        self.screen.say(
            f"{self.runtime.device_name}, {self.runtime.threads} threads, "
            f"{self.runtime.precision} · FashionMNIST from {fashion.source} · "
            f"budget {format_seconds(self.deadline.budget)}"
            + (f", {format_seconds(self.deadline.used_before)} used before"
               if self.deadline.used_before else "")
        )  # fmt: skip
        if self.ledger.fact("architecture") is None:
            self.ledger.set_fact("architecture", {
                model.value: architecture(
                    model, resolution=self.study.resolution, fold=self.study.fold)
                for model in self.study.models
            })  # fmt: skip
        for model in self.study.models:
            self.course.speeds[model.value] = measure(
                model, self.study.resolution, PLAN_BATCH, self.runtime
            )
        self.course.note_phase("setup", None, began)

    def _weights(self) -> None:
        share = PRETRAINING_SHARE * self.work.left() / len(self.study.models)
        for model in self.study.models:
            found, entry = self._source_of(model, share)
            self.entries[model.value] = entry
            if found is not None:
                self.shop.weights[model.value] = found
            else:
                reason = entry["reason"]
                self.ledger.add_event("pretext_failed", entry["detail"], model.value)
                self.screen.say(f"{model}: {reason} ({entry['detail']})")
                for arm in arms((model,)):
                    if arm.init is Init.PRETRAINED:
                        self.reasons[arm.name] = reason
        self.ledger.set_fact("pretraining", self.entries)
        write_dataset(
            self.shop, self.folder / "artifacts", self.study.resolution, self.study.seed,
            fractals=any(weights.source == "fractal" for weights in self.shop.weights.values()),
        )  # fmt: skip
        facts = self.ledger.fact("environment")
        facts["weights"] = {
            model: {"source": weights.source, "sha256": weights.sha256,
                    "path_name": weights.path.rsplit("/", 1)[-1], "detail": ""}
            for model, weights in self.shop.weights.items()
        }  # fmt: skip
        self.ledger.set_fact("environment", facts)

    def _source_of(self, model: ModelName, share: float) -> sources.Found:
        if self.options.init_checkpoint is not None:
            own = sources.checkpoint(model, self.options.init_checkpoint)
            if own is not None:
                return own
        try:
            return sources.imagenet(model, self.options.weights_dir, self.options.offline)
        except WeightsError as error:
            reason = str(error)
            if self.options.weights_dir is not None and "altered" in reason:
                raise
        self.ledger.add_event("weights_unreachable", reason, model.value)
        self.screen.say(
            f"{model}: no ImageNet weights ({reason}); pre-training on formula-made fractals "
            f"instead, {format_seconds(share)}"
        )
        limit = self.work.within(share * 1.2)
        return sources.fractal(
            model, share, self.course.speeds[model.value].train, reason,
            cache_dir=self.folder / "checkpoints", seed=self.study.seed,
            runtime=self.runtime, stop=lambda: self.stopped or limit.passed(),
            on_progress=lambda point: self.screen.tick(
                f"pre-training {model}: pretext accuracy {point.accuracy:.3f}"),
        )  # fmt: skip

    def _plan(self) -> None:
        self.course.decide(self._inits())
        self.screen.show_plan(self.course.decisions)

    def _matrix(self) -> None:
        """Every arm once with its default hyperparameters, before any arm is tuned."""
        for arm in self._arms():
            if self._decision(arm).trials:
                self._trial(arm, 0)
            else:
                self._run(self._final_spec(arm, 0))

    def _tuning(self) -> None:
        for number in range(1, max(plan.trials for plan in self.course.decisions.values())):
            for arm in self._arms():
                if number < self._decision(arm).trials:
                    self._trial(arm, number)

    def _finals(self) -> None:
        """The planned seeds, in rounds over the arms."""
        for number in range(max(plan.seeds for plan in self.course.decisions.values())):
            for arm in self._arms():
                if number < self._decision(arm).seeds:
                    self._run(self._final_spec(arm, number))

    def _side(self) -> None:
        """Rounds of side experiments within their share, as many as there are planned seeds."""
        limit = self.work.within(self.course.side_seconds)
        for number in range(max(plan.seeds for plan in self.course.decisions.values())):
            for spec in self._side_round(number):
                self._run(spec, limit=limit)

    def _further(self) -> None:
        """Further seeds while whole rounds fit: the arms of a network keep equal numbers."""
        going = list(self.study.models)
        for number in count(min(plan.seeds for plan in self.course.decisions.values())):
            if self.stopped or number == self.study.max_seeds:
                return
            rounds = {
                model: [self._final_spec(arm, number) for arm in self._arms() if arm.model is model]
                for model in going
                if number >= self.course.decisions[model.value].seeds
            }
            fits = self.course.affordable(rounds)
            going = [model for model in going if model not in rounds or model in fits]
            if not going:
                return
            for arm in self._arms():
                spec = self._final_spec(arm, number)
                if arm.model in fits:
                    self._run(spec)
                    if self.ledger.record(spec.run_id) is None:  # refused: its p95 did not fit
                        going = [model for model in going if model is not arm.model]

    def _finish(self) -> None:
        began = time.monotonic()
        self.keeper.write_pictures(self.options.object_index)
        limit = self.deadline.minus((1 - EXPLANATION_SHARE) * self.course.reserve)
        self.keeper.write_explanations(
            self.options.object_index, lambda: self.stopped or limit.passed()
        )
        facts = self.ledger.fact("environment")
        facts["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.ledger.set_fact("environment", facts)
        self.course.save()
        write_results(self.ledger, self.study, self.folder, self.reasons)
        self.screen.show_results(self.ledger.records())
        render(self.options, self.deadline.left() - 1, self.screen.say)
        self.course.note_phase("report", self.course.reserve, began)
        self.ledger.set_fact("used_seconds", self.deadline.used())
        self.course.save()
        write_results(self.ledger, self.study, self.folder, self.reasons)
        self.screen.say(f"used {format_seconds(self.deadline.used())} "
                        f"of {format_seconds(self.deadline.budget)}")  # fmt: skip

    # ---- runs
    def _trial(self, arm: Arm, number: int) -> bool:
        known = tuple(r for r in self.ledger.records()
                      if r.spec.arm == arm and r.spec.purpose is Purpose.TRIAL)  # fmt: skip
        if any(record.spec.trial == number for record in known):
            return True
        search = Search(self.folder / "optuna.db", arm, seed=self.study.seed, known=known)
        spec = self._spec(arm, Purpose.TRIAL, number, search.ask(number))
        points = count()

        def judge(point: EvaluationPoint) -> None:
            if number > 0 and search.should_prune(point.val_accuracy, next(points)):
                raise Pruned

        outcome = self._run(spec, judge)
        if outcome is not None:
            search.tell(outcome.record)
        return outcome is not None

    def _run(
        self, spec: RunSpec, judge: Callable[[EvaluationPoint], None] = lambda point: None,
        limit: Deadline | None = None,
    ) -> Outcome | None:  # fmt: skip
        """Carry out and commit, if its predicted p95 fits what is left and it is not done yet."""
        if self.ledger.record(spec.run_id) is not None:
            return None
        limit = limit or self.work
        row = self.course.row(spec)
        if self.stopped or limit.left() < row["predicted_p95_seconds"]:
            row["reason"] = (Reason.DEADLINE if self.stopped else Reason.BUDGET).value
            self.course.rows.append(row)
            return None
        began = time.monotonic()

        def on_evaluation(point: EvaluationPoint) -> None:
            self.screen.tick(f"{spec.run_id}: validation {point.val_accuracy:.4f}")
            self.ledger.set_fact("used_seconds", self.deadline.used())
            judge(point)

        self.screen.tick(spec.run_id)
        outcome = self.executor.submit(
            spec, stop=lambda: self.stopped or limit.passed(), on_evaluation=on_evaluation
        )
        record = outcome.record
        self.keeper.keep(outcome)
        self.ledger.commit(record)
        if record.state is RunState.FAILED:
            self.ledger.add_event("run_failed", record.reason, spec.arm.model.value)
        write_results(self.ledger, self.study, self.folder, self.reasons)
        # The seconds of a run are all that passed for it: keeping its files is part of its cost.
        seconds = time.monotonic() - began
        self.course.rows.append(
            row | {"actual_seconds": seconds, "state": record.state.value, "reason": record.reason}
        )
        self.course.save()
        self.ledger.set_fact("used_seconds", self.deadline.used())
        self.screen.run_done(record, seconds)
        return outcome

    # ---- small things
    def _arms(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in arms(self.study.models) if arm.name not in self.reasons)

    def _inits(self) -> dict[ModelName, tuple[Init, ...]]:
        return {
            model: tuple(Init) if model.value in self.shop.weights else (Init.SCRATCH,)
            for model in self.study.models
        }

    def _decision(self, arm: Arm) -> Decision:
        return self.course.decisions[arm.model.value]

    def _spec(
        self, arm: Arm, purpose: Purpose, number: int, hyper: HyperParams | None,
        decision: Decision | None = None,
    ) -> RunSpec:  # fmt: skip
        weights = self.shop.weights.get(arm.model.value) if arm.init is Init.PRETRAINED else None
        source = (weights.source, weights.sha256) if weights else ("none", "")
        return run_spec(arm, decision or self._decision(arm), self.study, purpose=purpose, number=number,
                        hyper=hyper, source=source)  # fmt: skip

    def _final_spec(self, arm: Arm, number: int) -> RunSpec:
        return self._spec(arm, Purpose.FINAL, number, self._chosen(arm))

    def _side_round(self, number: int) -> list[RunSpec]:
        """The side runs of all networks with one seed; a network's own number of seeds ends it."""

        def final_run(arm: Arm, planned: Decision) -> RunSpec:
            return self._spec(arm, Purpose.FINAL, number, self._chosen(arm), planned)

        inits = self._inits()
        found = [
            spec
            for model in self.study.models
            if number < self.course.decisions[model.value].seeds
            for spec in side_runs(model, self.course.decisions[model.value], inits[model], final_run)
        ]
        return sorted(found, key=lambda spec: spec.experiment is Experiment.DEPTH)

    def _chosen(self, arm: Arm) -> HyperParams | None:
        """The hyperparameters of the best finished trial on validation; None means the default."""
        trials = [r for r in self.ledger.records() if r.spec.arm == arm
                  and r.spec.purpose is Purpose.TRIAL and r.state is RunState.FINISHED]  # fmt: skip
        best = max(trials, key=lambda record: record.val_accuracy or 0.0, default=None)
        return best.spec.hyper if best else None

    def _phase(self, name: str, predicted: float | None, work: Callable[[], None]) -> None:
        began, before = time.monotonic(), len(self.course.rows)
        work()
        if predicted is None and len(self.course.rows) == before:
            return  # nothing was to be done
        if predicted is None:
            ran = [row for row in self.course.rows[before:] if row["actual_seconds"] is not None]
            predicted = sum(row["predicted_seconds"] for row in ran)
        self.course.note_phase(name, predicted, began)

    def _on_signal(self, number: int, frame: object) -> None:
        if self.stopped:
            raise SystemExit(130)
        self.stopped = True


