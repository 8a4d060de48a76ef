"""The course of a study: its phases in order, until the budget is used."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from study.budget import Deadline, format_seconds
from study.errors import UsageError
from study.explain.artifacts import write_dataset
from study.models.describe import architecture
from study.orchestration.carrying import Carrier
from study.orchestration.course import Course
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench
from study.orchestration.files import write_results
from study.orchestration.obtaining import Obtainer
from study.orchestration.reporting import render
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.setup import Options, environment, open_ledger, read_data
from study.orchestration.stopping import Stop
from study.orchestration.witnessing import Witnessing
from study.planning.cost import measure
from study.spec import StudySpec
from study.store.ledger import Ledger
from study.training.run import Workshop
from study.training.runtime import Runtime

PRETRAINING_SHARE = 0.2
RESERVE_SHARE, LEAST_RESERVE = 0.03, 45.0
#: The share of the reserve that pictures of networks may take; the report needs the rest.
PICTURES_SHARE = 1 / 3
PLAN_BATCH = 64


@dataclass(kw_only=True, repr=False)
class Runner:
    """One study from opening to report; `execute` is the only entry."""

    study: StudySpec
    options: Options
    deadline: Deadline
    runtime: Runtime
    stop: Stop = field(default_factory=Stop)
    ledger: Ledger = field(init=False)
    screen: Screen = field(init=False)
    shop: Workshop = field(init=False)
    course: Course = field(init=False)
    rounds: Rounds = field(init=False)
    carrier: Carrier = field(init=False)
    executor: LocalExecutor | None = None

    def execute(self) -> None:
        """Run the study; afterwards results/ and report_out/ are complete and the lock is free."""
        with self.stop:
            lock, self.ledger = open_ledger(self.study, self.options)
            try:
                self._open()
                with Screen(self.deadline) as self.screen:
                    self._phases()
            finally:
                if self.executor is not None:
                    self.executor.close()
                self.ledger.set_fact("used_seconds", self.deadline.used())
                self.ledger.close()
                lock.release()

    def _open(self) -> None:
        """Go on where a stopped study was: its seconds, plan rows and phases are kept."""
        used = float(self.ledger.fact("used_seconds", 0.0))
        self.deadline = Deadline(
            budget=self.deadline.budget, started=self.deadline.started, used_before=used
        )
        reserve = min(
            max(LEAST_RESERVE, RESERVE_SHARE * self.deadline.budget), self.deadline.budget / 3
        )
        self.course = Course(study=self.study, ledger=self.ledger, deadline=self.deadline,
                             work=self.deadline.minus(reserve), reserve=reserve)  # fmt: skip
        if self.course.work.passed():
            raise UsageError(
                f"the study in {self.options.results_dir} has used {format_seconds(used)} of its "
                "budget; give a larger --budget to go on, or --fresh to start anew"
            )
        self.course.take_up()

    def _phases(self) -> None:
        self._prepare()
        self._phase("pretraining", PRETRAINING_SHARE * self.deadline.budget, self._weights)
        self.course.decide(self.rounds.inits())
        self.screen.show_plan(self.course.decisions)
        if self.options.dry_run:
            return
        self._phase("matrix", None, self._matrix)
        self._phase("tuning", None, self._tuning)
        witnessing = Witnessing(ledger=self.ledger, course=self.course, shop=self.shop,
                                screen=self.screen, stopped=lambda: self.stop.asked)  # fmt: skip
        if not self.stop.asked:  # a study that goes on later has its trials to make first
            self.course.replan(self.rounds.inits(), lambda: self.rounds.side(0), witnessing.expected)
        if self.rounds.most_trials:
            self.screen.say(self.course.told())
        self._phase("final", None, self._finals)
        self._phase("side", None, self._side)
        witnessing.attend()
        self._phase("further", None, self._further)
        self._finish()

    # ---- phases
    def _prepare(self) -> None:
        began = time.monotonic()
        fashion, parts = read_data(self.study, self.options)
        self.shop = Workshop(fashion=fashion, split=parts, runtime=self.runtime, weights={})
        self.rounds = Rounds(study=self.study, ledger=self.ledger, course=self.course,
                             weights=self.shop.weights)  # fmt: skip
        self._fact_once("environment",
                        lambda: environment(self.study, self.runtime, fashion, parts))  # fmt: skip
        self._fact_once("architecture", lambda: {
            model.value: architecture(model, resolution=self.study.resolution, fold=self.study.fold)
            for model in self.study.models
        })  # fmt: skip
        self.screen.say(
            f"{self.runtime.device_name}, {self.runtime.threads} threads, "
            f"{self.runtime.precision} · FashionMNIST from {fashion.source} · "
            f"budget {format_seconds(self.deadline.budget)}"
            + (f", {format_seconds(self.deadline.used_before)} used before"
               if self.deadline.used_before else "")
        )  # fmt: skip
        known = self.ledger.fact("environment")
        if (known["device_name"], known["threads"]) != (self.runtime.device_name, self.runtime.threads):
            self.course.speeds.clear()
        for model in self.study.models:
            if model.value not in self.course.speeds:
                self.course.speeds[model.value] = measure(
                    model, self.study.resolution, PLAN_BATCH, self.runtime
                )
        self.course.note_phase("setup", None, began)

    def _fact_once(self, name: str, made: Callable[[], dict[str, Any]]) -> None:
        if self.ledger.fact(name) is None:
            self.ledger.set_fact(name, made())

    def _weights(self) -> None:
        folder = self.options.results_dir
        obtained = Obtainer(
            options=self.options, ledger=self.ledger, course=self.course, screen=self.screen,
            runtime=self.runtime, folder=folder, seed=self.study.seed, stopped=lambda: self.stop.asked,
        ).obtain(self.study.models, PRETRAINING_SHARE * self.course.work.left())  # fmt: skip
        self.shop.weights.update(obtained.weights)
        self.rounds.reasons.update(obtained.reasons)
        self.ledger.set_fact("pretraining", obtained.entries)
        write_dataset(
            self.shop, folder / "artifacts", self.study.resolution, self.study.seed,
            fractals=any(weights.source == "fractal" for weights in self.shop.weights.values()),
        )  # fmt: skip
        facts = self.ledger.fact("environment")
        facts["weights"] = {
            model: {"source": weights.source, "sha256": weights.sha256,
                    "path_name": weights.path.rsplit("/", 1)[-1], "detail": "",
                    "channels": weights.channels}
            for model, weights in self.shop.weights.items()
        }  # fmt: skip
        self.ledger.set_fact("environment", facts)
        self.executor = self._executor()
        self.carrier = Carrier(
            study=self.study, folder=folder, ledger=self.ledger, course=self.course,
            rounds=self.rounds, executor=self.executor, screen=self.screen, stop=self.stop,
        )  # fmt: skip
        self.carrier.sweep()

    def _executor(self) -> LocalExecutor:
        bench = Bench(
            study=self.study, runtime=self.runtime, folder=self.options.results_dir,
            data_dir=self.options.data_dir,
            weights={model: (Path(weights.path), weights.source)
                     for model, weights in self.shop.weights.items()},
        )  # fmt: skip

        def on_event(kind: str, detail: str, model: str | None) -> None:
            self.ledger.add_event(kind, detail, model)
            self.screen.say(detail)

        return LocalExecutor(bench, on_event=on_event)

    def _matrix(self) -> None:
        """Every arm once with its default hyperparameters, before any arm is tuned."""
        for arm in self.rounds.arms():
            if self.rounds.decision(arm).trials:
                self.carrier.trial(arm, 0)
            else:
                self.carrier.run(self.rounds.final(arm, 0))

    def _tuning(self) -> None:
        for number in range(1, self.rounds.most_trials):
            for arm in self.rounds.arms():
                if number < self.rounds.decision(arm).trials:
                    self.carrier.trial(arm, number)

    def _finals(self) -> None:
        """The planned seeds, in rounds over the arms."""
        for number in range(self.rounds.most_seeds):
            for arm in self.rounds.arms():
                if number < self.rounds.decision(arm).seeds:
                    self.carrier.run(self.rounds.final(arm, number))

    def _side(self) -> None:
        """Rounds of side experiments within their share, as many as there are planned seeds."""
        limit = self.course.work.within(self.course.side_seconds - self.course.witness_seconds)
        for number in range(self.rounds.most_seeds):
            for spec in self.rounds.side(number):
                self.carrier.run(spec, limit=limit)

    def _further(self) -> None:
        """Further seeds while whole rounds fit: the arms of a network keep equal numbers."""
        going = list(self.study.models)
        for number in count(self.rounds.fewest_seeds):
            if self.stop.asked or number == self.study.max_seeds:
                return
            rounds = self.rounds.further(number, going)
            fits = self.course.affordable(rounds)
            going = [model for model in going if model not in rounds or model in fits]
            if not going:
                return
            for arm in self.rounds.arms():
                spec = self.rounds.final(arm, number)
                if arm.model in fits:
                    self.carrier.run(spec)
                    if not self.rounds.done(spec.run_id):  # refused: its p95 did not fit
                        going = [model for model in going if model is not arm.model]

    def _finish(self) -> None:
        began = time.monotonic()
        self._pictures()
        facts = self.ledger.fact("environment")
        facts["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.ledger.set_fact("environment", facts)
        self._write()
        self.screen.show_results(self.ledger.records())
        render(self.options, self.deadline.left() - 1, self.screen.say)
        self.course.note_phase("report", self.course.reserve, began)
        self.ledger.set_fact("used_seconds", self.deadline.used())
        self._write()
        self.screen.say(f"used {format_seconds(self.deadline.used())} "
                        f"of {format_seconds(self.deadline.budget)}")  # fmt: skip

    def _pictures(self) -> None:
        """What the report draws of the networks, in the first part of the reserve."""
        executor = self.carrier.executor
        limit = self.deadline.minus((1 - PICTURES_SHARE) * self.course.reserve)
        found = executor.picture(self.options.object_index, finals=self.rounds.finals(), limit=limit,
                                 stop=lambda: False)  # fmt: skip
        for kind, detail, model in found:
            self.ledger.add_event(kind, detail, model or None)
        executor.close()  # its memory is the report's

    # ---- small things
    def _write(self) -> None:
        self.course.save()
        write_results(self.ledger, self.study, self.options.results_dir, self.rounds.reasons)

    def _phase(self, name: str, predicted: float | None, work: Callable[[], None]) -> None:
        began, before = time.monotonic(), len(self.course.rows)
        work()
        if predicted is None and len(self.course.rows) == before:
            return  # nothing was to be done
        if predicted is None:
            ran = [row for row in self.course.rows[before:] if row["actual_seconds"] is not None]
            predicted = sum(row["predicted_seconds"] for row in ran)
        self.course.note_phase(name, predicted, began)
