"""The course of a study: its phases in order, until the budget is used."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.budget import Deadline, format_seconds
from study.errors import UsageError
from study.explain.artifacts import write_dataset
from study.models.describe import architecture
from study.orchestration.carrying import Carrier
from study.orchestration.closing import Closing, drafts_expected
from study.orchestration.course import Course
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench
from study.orchestration.files import write_results
from study.orchestration.obtaining import Obtainer, reasons
from study.orchestration.phases import Phases
from study.orchestration.rehearsal import rehearse
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.setup import Options, environment, machine_change, open_ledger, read_data
from study.orchestration.speeds import PRETRAINING_SHARE, require_speeds
from study.orchestration.status import RUNNING
from study.orchestration.stopping import Stop
from study.orchestration.witnessing import Witnessing
from study.spec import StudySpec
from study.store.ledger import Ledger
from study.training.run import Workshop
from study.training.runtime import Runtime, cuda_missing, release


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

    def execute(self) -> bool:
        """Run the study; afterwards results/ and report_out/ are complete. The caller holds the lock.

        A dry run only prints the plan.

        Returns:
            Whether the report was made.
        """
        if self.options.dry_run:
            rehearse(self.study, self.options, self.deadline, self.runtime)
            return True
        with self.stop:
            self.ledger = open_ledger(self.study, self.options)
            try:
                self._open()
                return self._carry_out()
            finally:
                self.ledger.close()

    def _open(self) -> None:
        """Go on where a stopped study was: its seconds, plan rows and phases are kept."""
        self.ledger.set_fact(RUNNING, None)  # what was at work when an earlier start was killed
        try:
            self.course = Course.opened(self.study, self.ledger, self.deadline, self.options)
        except UsageError:  # killed after its last run it may have left tables older than its ledger
            write_results(self.ledger, self.study, self.options.results_dir,
                          reasons(self.ledger.fact("pretraining", {})))  # fmt: skip
            raise
        self.deadline = self.course.deadline

    def _carry_out(self) -> bool:
        """Notes the seconds used whatever happens; before `_open` those of earlier starts are unknown."""
        try:
            with Screen(self.deadline) as self.screen:
                return self._phases()
        finally:
            if self.executor is not None:
                self.executor.close()
            self.course.note_used(every=0.0)

    def _phases(self) -> bool:
        self._prepare()
        closing = Closing(
            options=self.options, deadline=self.deadline, ledger=self.ledger, course=self.course,
            rounds=self.rounds, screen=self.screen, stop=self.stop,
        )  # fmt: skip
        known = self.ledger.fact("pretraining", {})
        kept = all(known.get(model.value, {}).get("sha256") for model in self.study.models)
        share = 0.0 if kept else PRETRAINING_SHARE * self.deadline.budget
        self._phase("pretraining", share, self._weights)
        if self.stop.asked and not self.course.decided:  # nothing is planned for what is half prepared
            return closing.finish(self.carrier)
        self.course.draft_seconds = drafts_expected(self.course)
        self.course.decide(self.rounds.inits())
        self.screen.show_plan(self.course.decisions)
        closing.write()  # a study that was killed may have left tables that are older than its ledger
        phases = Phases(
            study=self.study, course=self.course, rounds=self.rounds, carrier=self.carrier,
            stop=self.stop, draft=closing.draft,
        )  # fmt: skip
        self._phase("matrix", None, phases.matrix)
        closing.draft()
        self._phase("tuning", None, phases.tuning)
        witnessing = Witnessing(ledger=self.ledger, course=self.course, shop=self.shop,
                                screen=self.screen, stopped=lambda: self.stop.asked)  # fmt: skip
        if not self.stop.asked:  # a study that goes on later has its trials to make first
            self.course.replan(self.rounds.inits(), lambda: self.rounds.side(0), witnessing.expected)
        if self.rounds.most_trials:
            self.screen.say(self.course.told())
        self._phase("final", None, phases.finals)
        self._phase("side", None, phases.side)
        witnessing.attend()
        self._phase("further", None, phases.further)
        return closing.finish(self.carrier)

    # ---- phases
    def _prepare(self) -> None:
        began = time.monotonic()
        fashion, parts = read_data(
            self.study, self.options,
            self.course.noting(lambda: self.stop.asked or self.course.work.passed()),
        )  # fmt: skip
        self.course.note_used()
        self.shop = Workshop(fashion=fashion, split=parts, runtime=self.runtime, weights={})
        self.rounds = Rounds(study=self.study, ledger=self.ledger, course=self.course,
                             weights=self.shop.weights)  # fmt: skip
        self._note_machine()
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
        require_speeds(self.course, self.options, self.runtime, self.screen.say,
                       lambda: self.stop.asked)  # fmt: skip
        self.course.note_phase("setup", None, began)

    def _note_machine(self) -> None:
        """Events of what this machine lacks, and of one that is not that of the study's beginning."""
        if cuda_missing(self.runtime):
            self.ledger.add_event("cuda_missing", "no CUDA device is available")
        before = self.ledger.fact("environment")
        if before is not None and (change := machine_change(before, self.runtime)):
            self.ledger.add_event("machine_changed", change)
            self.screen.say(f"the study was begun on another machine: {change}")

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
        self.carrier.settle()

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

        release(self.runtime.device)  # what measuring and pre-training took is the worker's now
        return LocalExecutor(bench, on_event=on_event)

    # ---- small things
    def _phase(self, name: str, predicted: float | None, work: Callable[[], None]) -> None:
        began, before, inner = time.monotonic(), len(self.course.rows), len(self.course.phases)
        work()
        began += sum(row["actual_seconds"] for row in self.course.phases[inner:])  # counted there
        if predicted is None and len(self.course.rows) == before:
            return  # nothing was to be done
        if predicted is None:
            ran = [row for row in self.course.rows[before:] if row["actual_seconds"] is not None]
            predicted = sum(row["predicted_seconds"] for row in ran)
        self.course.note_phase(name, predicted, began)
