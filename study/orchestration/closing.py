"""What a reader gets of a study: tables, a first report while it goes on, and the last one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from study.budget import Deadline, format_seconds
from study.orchestration.carrying import Carrier
from study.orchestration.course import Course
from study.orchestration.files import write_results
from study.orchestration.reporting import render
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.setup import Options
from study.orchestration.stopping import Stop
from study.store.ledger import Ledger

#: The share of the reserve that pictures of networks may take; the report needs the rest.
PICTURES_SHARE = 1 / 3
#: First reports take at most this share of the budget together; seconds of one until one was made.
DRAFT_SHARE, DRAFT_SECONDS = 0.03, 15.0
DRAFT = "draft"
#: Seconds kept of those after a signal, and at the least of the budget, for what comes after the report:
#: tables, which take long on a busy machine, and the end of the process.
_TO_EXIT, _WRITES = 2.0, 3


@dataclass(kw_only=True)
class Closing:
    """Reads the ledger and writes results/ and, in a process of its own, report_out/."""

    options: Options
    deadline: Deadline
    ledger: Ledger
    course: Course
    rounds: Rounds
    screen: Screen
    stop: Stop
    _drafts: int = 0
    _writing: float = 0.0
    _rows: int = field(init=False)

    def __post_init__(self) -> None:
        self._rows = len(self.course.rows)

    def draft(self) -> None:
        """A first report, so that a study which is killed has one; only where it costs little."""
        cost, work = _draft_cost(self.course), self.course.work
        if self.stop.asked or len(self.course.rows) == self._rows:
            return
        if (self._drafts + 1) * cost > DRAFT_SHARE * self.deadline.budget or 3 * cost > work.left():
            return
        began = time.monotonic()
        self._drafts, self._rows = self._drafts + 1, len(self.course.rows)
        self.write()
        left = work.within(3 * cost).left
        if self._render(lambda: min(left(), self._until_exit()), draft=True):
            self.course.note_phase(DRAFT, cost, began)

    def finish(self, carrier: Carrier) -> bool:
        """The last report; after a signal a first one, without new pictures, within its seconds.

        Returns:
            Whether the report was made.
        """
        began = time.monotonic()
        self._pictures(carrier)
        facts = self.ledger.fact("environment")
        facts["finished"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.ledger.set_fact("environment", facts)
        self.write()
        self.screen.show_results(self.ledger.records())
        made = self._last()
        self.course.note_phase("report", self.course.reserve, began)
        if not self.stop.asked:
            self.course.extension = 0.0
        self.write()
        self.screen.say(f"used {format_seconds(self.deadline.used())} "
                        f"of {format_seconds(self.deadline.budget)}")  # fmt: skip
        return made

    def _last(self) -> bool:
        """A signal that comes while the report is made leaves the seconds of a first one to make that."""
        draft = self.stop.asked
        aside = 0.0 if draft else _draft_cost(self.course)
        made = self._render(lambda: min(self._until_end(), self._until_exit() - aside), draft=draft)
        if not made and not draft and self.stop.asked:
            self.screen.say("stopped: a first report is made instead, without pictures")
            return self._render(lambda: min(self._until_end(), self._until_exit()), draft=True)
        return made

    def _render(self, left: Callable[[], float], *, draft: bool) -> bool:
        return render(self.options, self.course.noting(left), self.screen.say, draft=draft)

    def write(self) -> None:
        began = time.monotonic()
        self.course.save()
        write_results(self.ledger, self.course.study, self.options.results_dir, self.rounds.reasons,
                      self.stop.why)  # fmt: skip
        self._writing = time.monotonic() - began

    def _pictures(self, carrier: Carrier) -> None:
        """What the report draws of the networks, in the first part of the reserve."""
        executor = carrier.executor
        if not self.stop.asked:
            limit = self.deadline.minus((1 - PICTURES_SHARE) * self.course.reserve)
            found = executor.picture(self.options.object_index, finals=self.rounds.finals(), limit=limit,
                                     stop=self.course.noting(lambda: self.stop.asked))  # fmt: skip
            for kind, detail, model in found:
                self.ledger.add_event(kind, detail, model or None)
        executor.close()  # its memory is the report's

    def _until_end(self) -> float:
        return self.deadline.left() - _TO_EXIT - _WRITES * self._writing

    def _until_exit(self) -> float:
        return self.stop.left() - _TO_EXIT


def drafts_expected(course: Course) -> float:
    """Seconds that first reports will take: after every arm's first run and first final run."""
    cost = _draft_cost(course)
    return cost * min(2, DRAFT_SHARE * course.deadline.budget // cost)


def _draft_cost(course: Course) -> float:
    made = [row["actual_seconds"] for row in course.phases if row["phase"] == DRAFT]
    return float(made[-1]) if made else DRAFT_SECONDS
