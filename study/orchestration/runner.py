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
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.files import write_results
from study.orchestration.keeping import Keeper
from study.orchestration.reporting import render
from study.orchestration.screen import Screen
from study.orchestration.setup import Options, environment, open_ledger, read_data
from study.planning.cost import TAIL, Speed, measure, predicted_seconds
from study.planning.plan import Decision, decide, extend, run_spec
from study.records import EvaluationPoint, Reason, RunState
from study.spec import Arm, HyperParams, Init, ModelName, Purpose, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.loop import Pruned
from study.training.run import Outcome, Workshop
from study.training.runtime import Runtime
from study.tuning import Search

PRETRAINING_SHARE = 0.2
RESERVE_SHARE, LEAST_RESERVE = 0.03, 45.0
PLAN_BATCH = 64


@dataclass(kw_only=True)
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
    reserve: float = 0.0
    decisions: dict[str, Decision] = field(default_factory=dict)
    speeds: dict[str, Speed] = field(default_factory=dict)
    entries: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    phases: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def execute(self) -> None:
        """Run the study; afterwards results/ and report_out/ are complete and the lock is free."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        lock, self.ledger = open_ledger(self.study, self.options)
        used = float(self.ledger.fact("used_seconds", 0.0))
        self.deadline = Deadline(
            budget=self.deadline.budget, started=self.deadline.started, used_before=used
        )
        reserve = max(LEAST_RESERVE, RESERVE_SHARE * self.deadline.budget)
        self.reserve = min(reserve, self.deadline.budget / 3)
        self.work = self.deadline.minus(self.reserve)
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
                self._replan()
                self._phase("final", None, self._finals)
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
        stored = self.ledger.fact("plan", {})
        self.rows = list(stored.get("rows", []))
        self.phases = list(stored.get("phases", []))

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
            self.speeds[model.value] = measure(
                model, self.study.resolution, PLAN_BATCH, self.runtime
            )
        self._note_phase("setup", None, began)

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
            fractals=any(entry["source"] == "fractal" for entry in self.entries.values()),
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
            model, share, self.speeds[model.value].train, reason,
            cache_dir=self.folder / "checkpoints", seed=self.study.seed,
            precision=self.runtime.precision, stop=lambda: self.stopped or limit.passed(),
            on_progress=lambda point: self.screen.tick(
                f"pre-training {model}: pretext accuracy {point.accuracy:.3f}"),
        )  # fmt: skip

    def _plan(self) -> None:
        stored = self.ledger.fact("decisions", {})
        share = self.work.left() / len(self.study.models)
        for model in self.study.models:
            if model.value in stored:
                self.decisions[model.value] = Decision(**stored[model.value])
            else:
                self.decisions[model.value] = decide(
                    model, self.study, self.speeds[model.value], share, self._inits(model)
                )
        self.ledger.set_fact(
            "decisions", {model: plan.to_dict() for model, plan in self.decisions.items()}
        )
        self.screen.show_plan(self.decisions)
        self._save_plan()

    def _matrix(self) -> None:
        """Every arm once with its default hyperparameters, before any arm is tuned."""
        for arm in self._arms():
            if self._decision(arm).trials:
                self._trial(arm, 0)
            else:
                self._final(arm, 0)

    def _tuning(self) -> None:
        for number in range(1, max(plan.trials for plan in self.decisions.values())):
            for arm in self._arms():
                if number < self._decision(arm).trials:
                    self._trial(arm, number)

    def _replan(self) -> None:
        """After tuning: final runs get as many samples as the seconds left can pay."""
        share = self.work.left() / len(self.study.models)
        for model in self.study.models:
            plan = self.decisions[model.value]
            if plan.trials and not self.ledger.fact("replanned", False):
                self.decisions[model.value] = extend(
                    model, self.study, self.speeds[model.value], share / self._drift(model),
                    self._inits(model), plan,
                )  # fmt: skip
        self.ledger.set_fact("replanned", True)
        self.ledger.set_fact(
            "decisions", {model: plan.to_dict() for model, plan in self.decisions.items()}
        )
        self._save_plan()

    def _drift(self, model: ModelName) -> float:
        """Actual over predicted seconds of this network's runs so far (median); 1 before any."""
        ratios = sorted(
            row["actual_seconds"] / row["unscaled_seconds"]
            for row in self.rows
            if row["actual_seconds"] and row["state"] == "finished" and row["model"] == model.value
        )
        return ratios[len(ratios) // 2] if len(ratios) >= 3 else 1.0

    def _finals(self) -> None:
        """Seeds in rounds over the arms; what time is left becomes further seeds."""
        going = set(self.study.models)
        for number in count():
            limit = self.study.max_seeds
            if not going or (limit is not None and number >= limit):
                return
            short: set[ModelName] = set()
            for arm in self._arms():
                # A network whose round cannot be completed gets no further seeds: arms of one
                # contrast keep equal numbers of them.
                if arm.model in going and not self._final(arm, number):
                    short.add(arm.model)
                    if number:
                        going.discard(arm.model)
            going -= short

    def _finish(self) -> None:
        self.keeper.write_pictures(self.options.object_index)
        facts = self.ledger.fact("environment")
        facts["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.ledger.set_fact("environment", facts)
        self._save_plan()
        write_results(self.ledger, self.study, self.folder, self.reasons)
        self.screen.show_results(self.ledger.records())
        began = time.monotonic()
        render(self.options, self.deadline.left() - 1, self.screen.say)
        self._note_phase("report", self.reserve, began)
        self.ledger.set_fact("used_seconds", self.deadline.used())
        self._save_plan()
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

    def _final(self, arm: Arm, number: int) -> bool:
        spec = self._spec(arm, Purpose.FINAL, number, self._chosen(arm))
        if self.ledger.record(spec.run_id) is not None:
            return True
        return self._run(spec, lambda point: None) is not None

    def _run(
        self, spec: RunSpec, judge: Callable[[EvaluationPoint], None]
    ) -> Outcome | None:
        """Carry out and commit, if its predicted p95 fits what is left."""
        expected = self._drift(spec.arm.model) * predicted_seconds(
            spec, self.speeds[spec.arm.model.value]
        )
        row: dict[str, Any] = {
            "run_id": spec.run_id, "phase": spec.purpose.value, "arm": spec.arm.name,
            "model": spec.arm.model.value, "predicted_seconds": expected,
            "predicted_p95_seconds": expected * TAIL,
            "unscaled_seconds": expected / self._drift(spec.arm.model),
            "actual_seconds": None, "state": "skipped", "reason": "",
        }  # fmt: skip
        if self.stopped or self.work.left() < expected:
            row["reason"] = Reason.DEADLINE.value if self.stopped else Reason.BUDGET.value
            self.rows.append(row)
            return None

        def on_evaluation(point: EvaluationPoint) -> None:
            self.screen.tick(f"{spec.run_id}: validation {point.val_accuracy:.4f}")
            judge(point)

        self.screen.tick(spec.run_id)
        outcome = self.executor.submit(
            spec, stop=lambda: self.stopped or self.work.passed(), on_evaluation=on_evaluation
        )
        record = outcome.record
        self.keeper.keep(outcome)
        self.ledger.commit(record)
        self.ledger.set_fact("used_seconds", self.deadline.used())
        if record.state is RunState.FAILED:
            self.ledger.add_event("run_failed", record.reason, spec.arm.model.value)
        self.rows.append(
            row | {"actual_seconds": record.wall_seconds, "state": record.state.value,
                   "reason": record.reason}
        )  # fmt: skip
        write_results(self.ledger, self.study, self.folder, self.reasons)
        self.screen.run_done(record, record.wall_seconds)
        return outcome

    # ---- small things
    def _arms(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in arms(self.study.models) if arm.name not in self.reasons)

    def _inits(self, model: ModelName) -> tuple[Init, ...]:
        has = model.value in self.shop.weights
        return tuple(Init) if has else (Init.SCRATCH,)

    def _decision(self, arm: Arm) -> Decision:
        return self.decisions[arm.model.value]

    def _spec(self, arm: Arm, purpose: Purpose, number: int, hyper: HyperParams | None) -> RunSpec:
        weights = self.shop.weights.get(arm.model.value) if arm.init is Init.PRETRAINED else None
        source = (weights.source, weights.sha256) if weights else ("none", "")
        return run_spec(arm, self._decision(arm), self.study, purpose=purpose, number=number,
                        hyper=hyper, source=source)  # fmt: skip

    def _chosen(self, arm: Arm) -> HyperParams | None:
        """The hyperparameters of the best finished trial on validation; None means the default."""
        trials = [r for r in self.ledger.records() if r.spec.arm == arm
                  and r.spec.purpose is Purpose.TRIAL and r.state is RunState.FINISHED]  # fmt: skip
        best = max(trials, key=lambda record: record.val_accuracy or 0.0, default=None)
        return best.spec.hyper if best else None

    def _phase(self, name: str, predicted: float | None, work: Callable[[], None]) -> None:
        began, before = time.monotonic(), len(self.rows)
        work()
        if predicted is None:
            ran = [row for row in self.rows[before:] if row["actual_seconds"] is not None]
            predicted = sum(row["predicted_seconds"] for row in ran)
        self._note_phase(name, predicted, began)

    def _note_phase(self, name: str, predicted: float | None, began: float) -> None:
        self.phases.append({"phase": name, "predicted_seconds": predicted,
                            "actual_seconds": time.monotonic() - began})  # fmt: skip

    def _save_plan(self) -> None:
        self.ledger.set_fact("plan", {
            "budget_seconds": self.deadline.budget,
            "used_seconds": self.deadline.used(),
            "reserve_seconds": self.reserve,
            "decisions": {model: plan.to_dict() for model, plan in self.decisions.items()},
            "phases": self.phases,
            "rows": self.rows,
        })  # fmt: skip

    def _on_signal(self, number: int, frame: object) -> None:
        if self.stopped:
            raise SystemExit(130)
        self.stopped = True


