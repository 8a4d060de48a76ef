"""Runs the phases of a study in order until the budget is used."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from study.analysis.registration import digest
from study.budget import Deadline, format_seconds
from study.data import load
from study.errors import UsageError
from study.explain.artifacts import write_dataset
from study.models.describe import architecture
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.context import StudyContext
from study.orchestration.dry_run import dry_run
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench, Executor
from study.orchestration.forecast import Forecast, champion_seconds
from study.orchestration.opening import environment, machine_change, open_ledger, registration
from study.orchestration.options import Options
from study.orchestration.phases.ablations import plan_side, side
from study.orchestration.phases.benchmark import require_speeds
from study.orchestration.phases.champion import champion
from study.orchestration.phases.matrix import matrix, scratch_matrix
from study.orchestration.phases.report import ReportPhase
from study.orchestration.phases.seeds import seeds
from study.orchestration.phases.tuning import settle, tuning
from study.orchestration.phases.weights import PRETRAINING_SHARE, WeightsPhase, reasons
from study.orchestration.plan_state import PlanState
from study.orchestration.results_export import REGISTRATION, export
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.run_specs import RunSpecs
from study.orchestration.scheduler import Scheduler
from study.orchestration.signals import CancelToken
from study.orchestration.tracking_process import tracked
from study.spec import StudySpec
from study.store.files import never_recreate
from study.store.ledger import LEDGER, RUNNING, Ledger
from study.training.runtime import Runtime, champion_threads, cuda_missing, one_thread, usable_workers
from study.training.workshop import Workshop

#: Seconds kept for the end of the process, after what shows the study in other programs.
_TO_EXIT = 1.0


@dataclass(kw_only=True, repr=False)
class Runner:
    """One study, from opening the ledger to building the report."""

    study: StudySpec
    options: Options
    deadline: Deadline
    runtime: Runtime
    token: CancelToken = field(default_factory=CancelToken)

    def execute(self) -> bool:
        """Runs the study; afterwards results/ and report_out/ are complete.

        The caller must hold the lock of the results directory. A dry run only prints the plan.

        Returns:
            Whether the report was built.
        """
        if self.options.dry_run:
            dry_run(self.study, self.options, self.deadline, self.runtime)
            return True
        with self.token:
            ledger = open_ledger(self.study, self.options)
            try:
                with never_recreate(self.options.results_dir, LEDGER):
                    return self._carry_out(ledger)
            finally:
                ledger.close()

    def _carry_out(self, ledger: Ledger) -> bool:
        """Starts or continues the study; records the seconds used even if it fails."""
        ledger.set_fact(RUNNING, None)  # a killed study leaves its list of running tasks
        try:
            clock = StudyClock.opened(ledger, self.deadline, str(self.options.results_dir))
        except UsageError:  # if it was killed, its tables may be older than its ledger
            export(ledger, self.study, self.options.results_dir, reasons(ledger.fact("pretraining", {})))
            raise
        workers = usable_workers(self.runtime, self.study.data, self.options.workers)
        plan = PlanState(study=self.study, clock=clock, workers=workers)
        plan.workers, plan.extension = workers, self.options.extension or plan.extension
        plan.save()  # `status` and a restart read the budget from it, also before there is a plan
        matrix_runtime = one_thread(self.runtime)
        try:
            shop = self._shop(clock, matrix_runtime)
            with closing(self._executor(shop, workers)) as executor:
                plan.workers = executor.capacity
                with (
                    Console(clock.deadline, plan.workers) as console,
                    tracked(self.options, console.say, lambda: self._left(clock)),
                ):
                    context = StudyContext(
                        study=self.study,
                        options=self.options,
                        ledger=ledger,
                        clock=clock,
                        plan=plan,
                        specs=RunSpecs(study=self.study, ledger=ledger),
                        console=console,
                        token=self.token,
                        runtime=matrix_runtime,
                        champion_threads=champion_threads(self.runtime, workers),
                        executor=executor,
                        shop=shop,
                    )
                    return _Phases(context).run()
        finally:
            clock.note_used(every=0.0)

    def _left(self, clock: StudyClock) -> float:
        """Returns the seconds until the process must end, by its budget or after a signal."""
        return min(clock.deadline.left(), self.token.left()) - _TO_EXIT

    def _executor(self, shop: Workshop, workers: int) -> Executor:
        """Creates the executor: for this machine, or for the cluster named in the options."""
        options = self.options
        bench = Bench(
            study=self.study,
            runtime=shop.runtime,
            folder=options.results_dir,
            data_dir=options.data_dir,
            object_index=options.object_index,
        )
        if not options.ray:
            return LocalExecutor(bench, workers=workers)
        from study.orchestration.executors.ray import RayExecutor

        return RayExecutor(bench, shop.images, address=options.ray, gpus=options.gpus_per_run)

    def _shop(self, clock: StudyClock, runtime: Runtime) -> Workshop:
        def stop() -> bool:
            clock.note_used()
            return self.token.asked or clock.work.passed()

        options = self.options
        images = options.images or load(
            self.study.data, options.data_dir, offline=options.offline, stop=stop
        )
        return Workshop(
            images=images, runtime=runtime, weights={}, folder=options.results_dir, seed=self.study.seed
        )


class _Phases:
    """Runs the phases and records the duration of each in the plan."""

    def __init__(self, context: StudyContext) -> None:
        self._context = context
        self._scheduler = Scheduler(
            executor=context.executor,
            ledger=context.ledger,
            clock=context.clock,
            console=context.console,
            token=context.token,
        )
        self._lifecycle = RunLifecycle(context=context)
        self._scheduler.on_tick.append(self._lifecycle.tables.write_pending)
        self._report = ReportPhase(context=context, scheduler=self._scheduler)

    def run(self) -> bool:
        """Runs all phases and returns whether the report was built."""
        context, plan, report = self._context, self._context.plan, self._report
        self._phase("setup", None, self._prepare)
        known = context.ledger.fact("pretraining", {})
        kept = all(known.get(model, {}).get("sha256") for model in context.study.models)
        share = 0.0 if kept else PRETRAINING_SHARE * context.clock.deadline.budget
        weights = WeightsPhase(
            context=context,
            scheduler=self._scheduler,
            meanwhile=lambda: scratch_matrix(context, self._lifecycle),
        )
        self._phase("pretraining", share, weights.run)
        self._write_dataset()
        if context.token.asked and not plan.decided:  # without weights there is nothing to plan
            return report.finish()
        self._decide()
        report.write()  # after a kill the tables may be older than the ledger
        work = (self._lifecycle, self._scheduler)
        self._phase("matrix", None, lambda: matrix(context, *work))
        report.draft()
        self._phase("tuning", None, lambda: tuning(context, *work))
        plan_side(context)
        self._phase("seeds", None, lambda: seeds(context, *work))
        self._phase("side", None, lambda: side(context, *work))
        report.end_draft()
        plan.champion_seconds = max(plan.champion_seconds, context.clock.work.left())
        self._phase("champion", None, lambda: champion(context, *work))
        return report.finish()

    def _prepare(self) -> None:
        context, runtime = self._context, self._context.runtime
        self._note_machine()
        for limit in context.ledger.limits:
            context.note("file_system", f"{context.ledger.path}, its file system: {limit}")
        self._fact_once(REGISTRATION, lambda: registration(context.study))
        self._fact_once(
            "environment",
            lambda: environment(
                context.study,
                runtime,
                context.shop.images,
                context.plan.workers,
                registered=digest(context.ledger.fact(REGISTRATION)),
            ),
        )
        self._fact_once(
            "architecture",
            lambda: {
                model: architecture(
                    model,
                    resolution=context.study.resolution,
                    fold=context.study.fold,
                    classes=len(context.study.data.classes),
                    channels=context.study.data.channels,
                )
                for model in context.study.models
            },
        )
        deadline = context.clock.deadline
        before = f", {format_seconds(deadline.used_before)} used before" if deadline.used_before else ""
        context.console.say(
            f"{runtime.device_name}, {context.plan.workers} workers of {runtime.threads} thread, "
            f"{runtime.precision} · {context.study.data.called} from {context.shop.images.source} · "
            f"budget {format_seconds(deadline.budget)}{before}"
        )
        require_speeds(context, self._scheduler)

    def _note_machine(self) -> None:
        """Adds events if there is no GPU, or if the study was started on another machine."""
        context = self._context
        if cuda_missing(context.runtime):
            context.ledger.add_event("cuda_missing", "no CUDA device is available")
        before = context.ledger.fact("environment")
        if before is not None and (change := machine_change(before, context.runtime)):
            context.ledger.add_event("machine_changed", change)
            context.console.say(f"the study was begun on another machine: {change}")

    def _fact_once(self, name: str, made: Callable[[], dict[str, Any]]) -> None:
        if self._context.ledger.fact(name) is None:
            self._context.ledger.set_fact(name, made())

    def _write_dataset(self) -> None:
        context = self._context
        fractals = any(weights.source == "fractal" for weights in context.specs.weights.values())
        write_dataset(
            context.shop,
            context.options.results_dir / "artifacts",
            context.study.resolution,
            context.study.seed,
            fractals=fractals,
        )

    def _decide(self) -> None:
        """Makes and prints the plan, at every start anew, from what is done and the time that is left."""
        context, plan = self._context, self._context.plan
        plan.side_seconds = 0.0  # of an earlier start; they are reserved anew behind the trials
        plan.champion_seconds = champion_seconds(context)
        forecast = Forecast(context)
        forecast.decide()
        plan.grown = False
        plan.save()
        context.console.show_plan(forecast.lines())
        self._lifecycle.sweep()
        settle(context)

    def _phase(self, name: str, predicted: float | None, work: Callable[[], None]) -> None:
        plan = self._context.plan
        began, before = time.monotonic(), len(plan.rows)
        work()
        self._lifecycle.tables.write_pending(at_once=True)
        if predicted is None and len(plan.rows) == before and name not in ("setup", "side"):
            return  # the phase had nothing to do
        if predicted is None and name != "setup":
            ran = [row for row in plan.rows[before:] if row["actual_seconds"] is not None]
            predicted = sum(row["predicted_seconds"] for row in ran) / plan.workers
        plan.note_phase(name, predicted, began)
