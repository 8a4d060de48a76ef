"""What a reader gets of a study: tables, a first report while it goes on, and the last one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from study.budget import format_seconds
from study.orchestration.context import StudyContext
from study.orchestration.executors.tasks import Picture
from study.orchestration.phases.side import first_runs
from study.orchestration.report_process import render
from study.orchestration.results_export import BASELINES, write_predictions, write_results
from study.orchestration.scheduler import Scheduler, Unit
from study.store.tables import champion
from study.training.workshop import feature_folder

#: The share of the reserve that pictures of networks may take; the report needs the rest.
PICTURES_SHARE = 1 / 3
#: A first report is made beside the runs where it takes at most this share of what is left.
DRAFT_SHARE, DRAFT_SECONDS = 0.25, 15.0
DRAFT = "draft"
#: With fewer seconds than these the last report is made without pictures, so that there is one.
FULL_SECONDS = 28.0
#: Seconds kept of those after a signal, and at the least of the budget, for what comes after the report:
#: tables, which take long on a busy machine, and the end of the process.
_TO_EXIT, _WRITES = 2.0, 3


@dataclass(kw_only=True)
class ReportPhase:
    """Reads the ledger and writes results/ and, in a process of its own, report_out/."""

    context: StudyContext
    scheduler: Scheduler
    _writing: float = 0.0
    _draft: threading.Thread | None = field(default=None, init=False)
    _end_draft: threading.Event = field(default_factory=threading.Event, init=False)

    def draft(self) -> None:
        """Begin a first report beside the runs, so that a study which is killed has one."""
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
                context.plan.phases.append({
                    "phase": DRAFT, "predicted_seconds": DRAFT_SECONDS,
                    "actual_seconds": time.monotonic() - began,
                })  # fmt: skip

        self._draft = threading.Thread(target=make, daemon=True)
        self._draft.start()

    def finish(self) -> bool:
        """The last report; after a signal a first one, without new pictures, within its seconds.

        Returns:
            Whether the report was made.
        """
        context = self.context
        began = time.monotonic()
        self.end_draft()
        write_predictions(context)
        self._pictures()
        context.executor.close()  # its memory is the report's
        facts = context.ledger.fact("environment")
        facts["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        context.ledger.set_fact("environment", facts)
        self.write()
        context.console.show_results(context.ledger.records(), context.ledger.fact(BASELINES) or [])
        made = self._last()
        context.plan.note_phase("report", context.clock.reserve, began)
        if not context.token.asked:
            context.plan.extension = 0.0
            shutil.rmtree(feature_folder(context.options.results_dir), ignore_errors=True)
        self.write()
        deadline = context.clock.deadline
        context.console.say(f"used {format_seconds(deadline.used())} of {format_seconds(deadline.budget)}")
        return made

    def end_draft(self) -> None:
        """Wait for a first report that is being made, or give it up."""
        if self._draft is not None:
            self._draft.join(0.0 if self.context.token.asked else 5.0)
            self._end_draft.set()
            self._draft.join()
            self._draft = None

    def write(self) -> None:
        """Everything that is rebuilt from the ledger."""
        began = time.monotonic()
        self.context.plan.save()
        write_results(self.context)
        self._writing = time.monotonic() - began

    def _last(self) -> bool:
        """A signal that comes while the report is made leaves the seconds of a first one to make that."""
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
        """What the report draws of the chosen object and of errors, in the first part of the reserve."""
        context = self.context
        records = first_runs(context)
        if context.token.asked or not records:
            return
        best = champion(context.ledger.records())
        limit = context.clock.deadline.minus((1 - PICTURES_SHARE) * context.clock.reserve)
        task = Picture(
            index=context.options.object_index, runs=records,
            champion=replace(best, history=()) if best is not None and best.finished else None,
        )  # fmt: skip
        self.scheduler.run([iter([Unit(task=task, limit=limit, finish=lambda found: None)])])

    def _until_end(self) -> float:
        return self.context.clock.deadline.left() - _TO_EXIT - _WRITES * self._writing

    def _until_exit(self) -> float:
        return self.context.token.left() - _TO_EXIT
