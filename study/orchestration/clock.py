"""Keeps the time of a study: its deadline, the reserve for the report, and the seconds used so far."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from study.budget import Deadline, format_seconds
from study.errors import UsageError
from study.store.ledger import Ledger
from study.system.terminal import CALLED

#: Share of the budget that is reserved for the report, and bounds of it in seconds. The full report of the
#: sample took 25 to 40 s.
RESERVE_SHARE, LEAST_RESERVE, MOST_RESERVE = 0.03, 45.0, 300.0
#: Seconds between two records of the time used.
EVERY = 2.0


def reserve_of(budget: float) -> float:
    """Returns the seconds of a budget that are reserved for the report."""
    return min(max(LEAST_RESERVE, RESERVE_SHARE * budget), MOST_RESERVE, budget / 3)


@dataclass(kw_only=True)
class StudyClock:
    """The clock of a study.

    Attributes:
        ledger: stores the seconds used.
        deadline: deadline of the study; it accounts for the seconds that earlier starts used.
        reserve: seconds reserved for the report.
        work: deadline of everything but the report.
    """

    ledger: Ledger
    deadline: Deadline
    reserve: float
    work: Deadline
    _noted: float = field(default=-math.inf, init=False)

    @classmethod
    def opened(cls, ledger: Ledger, deadline: Deadline, where: str) -> StudyClock:
        """Creates the clock of a study, with the seconds that earlier starts have used.

        Args:
            ledger: of the study.
            deadline: without the seconds of earlier starts.
            where: the results directory, for the error message.

        Raises:
            UsageError: the budget is used up.
        """
        used, budget = float(ledger.fact("used_seconds", 0.0)), deadline.budget
        deadline = Deadline(budget=budget, started=deadline.started, used_before=used, clock=deadline.clock)
        reserve = reserve_of(budget)
        work = deadline.minus(reserve)
        if work.passed():
            raise UsageError(
                f"the study in {where} has used {format_seconds(used)} of its "
                "budget; give a larger --budget to go on, --fresh to start anew, or only rebuild its "
                f"report: {CALLED} report"
            )
        return cls(ledger=ledger, deadline=deadline, reserve=reserve, work=work)

    def note_used(self, every: float = EVERY) -> None:
        """Records the seconds used in the ledger, at most once in `every` seconds; a kill loses no more."""
        if time.monotonic() - self._noted >= every:
            self.ledger.set_fact("used_seconds", self.deadline.used())
            self._noted = time.monotonic()
