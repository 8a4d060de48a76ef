"""Writes tables and reports: a first report while the study runs, and the final one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from study.budget import format_seconds
from study.orchestration.context import StudyContext
from study.orchestration.executors.tasks import Picture
from study.orchestration.phases.ablations import first_runs
from study.orchestration.report_process import render, written_since
from study.orchestration.results_export import BASELINES, write_predictions, write_results
from study.orchestration.scheduler import Scheduler, Unit
from study.store.tables import champion
from study.training.workshop import feature_folder

#: Share of the reserve that drawing data may take; the rest is for the report.
PICTURES_SHARE = 1 / 3
#: A first report is built beside the runs if it takes at most this share of the time left.
DRAFT_SHARE, DRAFT_SECONDS = 0.25, 15.0
DRAFT = "draft"
#: With less time left the final report has no pictures, so that it is finished in time.
FULL_SECONDS = 28.0
#: Seconds reserved for the end of the process, and how many times the tables may have to be written: both
#: come after the report.
_TO_EXIT, _WRITES = 2.0, 3


@dataclass(kw_only=True)
class ReportPhase:
    """Writes results/ from the ledger and builds report_out/ in a separate process."""

    context: StudyContext
    scheduler: Scheduler
    _writing: float = 0.0
    _draft: threading.Thread | None = field(default=None, init=False)
    _end_draft: threading.Event = field(default_factory=threading.Event, init=False)

    def draft(self) -> None:
        """Starts a first report beside the runs, so that a killed study has one."""
        context = self.context
        if context.token.asked or DRAFT_SHARE * context.clock.work.left() < DRAFT_SECONDS:
            return
        write_predictions(context)
        self.write()
        until = context.clock.work.within(3 * DRAFT_SECONDS + 0.05 * context.clock.work.left())

        def left() -> float:
            return 0.0 if self._end_draft.is_set() or context.token.asked else until.left()

        began = time.monotonic()

        def make() -> None:
            if render(context.options, left, lambda text: None, draft=True):
                context.plan.phases.append(
                    {
                        "phase": DRAFT,
                        "predicted_seconds": DRAFT_SECONDS,
                        "actual_seconds": time.monotonic() - began,
                    }
                )

        self._draft = threading.Thread(target=make, daemon=True)
        self._draft.start()

    def finish(self) -> bool:
        """Builds the final report; after a signal, a simpler one within the seconds that are left.

        Returns:
            Whether the report was built, from tables that have all runs.
        """
        context = self.context
        began = time.monotonic()
        self.end_draft()
        write_predictions(context)
        self._pictures()
        context.executor.close()  # frees memory for the report
        facts = context.ledger.fact("environment")
        facts["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        context.ledger.set_fact("environment", facts)
        self.write()
        context.console.show_results(context.ledger.records(), context.ledger.fact(BASELINES) or [])
        started = time.time()
        made = self._last()
        context.plan.note_phase("report", context.clock.reserve, began)
        if not context.token.asked:
            context.plan.extension = 0.0
            shutil.rmtree(feature_folder(context.options.results_dir), ignore_errors=True)
        written = self.write()
        deadline = context.clock.deadline
        context.console.say(f"used {format_seconds(deadline.used())} of {format_seconds(deadline.budget)}")
        figures = context.options.figures_dir
        if written_since(figures, started) and any(figures.iterdir()):
            context.console.say(f"figures as SVG, PDF and CSV: {figures}")
        return made and written

    def end_draft(self) -> None:
        """Waits shortly for the first report and then stops it."""
        if self._draft is not None:
            self._draft.join(0.0 if self.context.token.asked else 5.0)
            self._end_draft.set()
            self._draft.join()
            self._draft = None

    def write(self) -> bool:
        """Writes all files that are derived from the ledger; returns whether they could be written."""
        began = time.monotonic()
        self.context.plan.save()
        written = write_results(self.context)
        self._writing = time.monotonic() - began
        return written

    def _last(self) -> bool:
        """Builds the final report; if a signal interrupts it, builds a simpler one instead."""
        token = self.context.token
        draft = token.asked or self._until_end() < FULL_SECONDS
        aside = 0.0 if draft else DRAFT_SECONDS
        made = self._render(lambda: min(self._until_end(), self._until_exit() - aside), draft=draft)
        if not made and not draft and token.asked:
            self.context.console.say("stopped: a first report is made instead, without pictures")
            return self._render(lambda: min(self._until_end(), self._until_exit()), draft=True)
        return made

    def _render(self, left: Callable[[], float], *, draft: bool) -> bool:
        def asked() -> float:
            self.context.clock.note_used()
            return left()

        return render(self.context.options, asked, self.context.console.say, draft=draft)

    def _pictures(self) -> None:
        """Computes the arrays behind the figures of the chosen object and of errors."""
        context = self.context
        records = first_runs(context)
        if context.token.asked or not records:
            return
        best = champion(context.ledger.records())
        limit = context.clock.deadline.minus((1 - PICTURES_SHARE) * context.clock.reserve)
        task = Picture(
            index=context.options.object_index,
            runs=records,
            champion=replace(best, history=()) if best is not None and best.finished else None,
        )
        self.scheduler.run([iter([Unit(task=task, limit=limit, finish=lambda found: None)])])

    def _until_end(self) -> float:
        return self.context.clock.deadline.left() - _TO_EXIT - _WRITES * self._writing

    def _until_exit(self) -> float:
        return self.context.token.left() - _TO_EXIT
