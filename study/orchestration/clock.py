"""The seconds of a study: its deadline, what is kept back, and the note of what was used."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from study.budget import Deadline, format_seconds
from study.errors import UsageError
from study.store.ledger import Ledger

RESERVE_SHARE, LEAST_RESERVE = 0.03, 45.0
#: Seconds between two notes of the time used.
EVERY = 2.0


@dataclass(kw_only=True)
class StudyClock:
    """Attributes:
    deadline: of the study, with the seconds that earlier starts used.
    reserve: seconds kept back for the report.
    work: the deadline of everything else.
    """

    ledger: Ledger
    deadline: Deadline
    reserve: float
    work: Deadline
    _noted: float = field(default=-math.inf, init=False)

    @classmethod
    def opened(cls, ledger: Ledger, deadline: Deadline, where: str) -> StudyClock:
        """A new one, or that of a stopped study with the seconds that it has used.

        Raises:
            UsageError: the budget is used; `where` names the results directory.
        """
        used, budget = float(ledger.fact("used_seconds", 0.0)), deadline.budget
        deadline = Deadline(
            budget=budget, started=deadline.started, used_before=used, clock=deadline.clock
        )
        reserve = min(max(LEAST_RESERVE, RESERVE_SHARE * budget), budget / 3)
        work = deadline.minus(reserve)
        if work.passed():
            raise UsageError(
                f"the study in {where} has used {format_seconds(used)} of its "
                "budget; give a larger --budget to go on, --fresh to start anew, or only rebuild its "
                "report: run_study.py report"
            )
        return cls(ledger=ledger, deadline=deadline, reserve=reserve, work=work)

    def note_used(self, every: float = EVERY) -> None:
        """Note the seconds used in the ledger, for a study that is killed; once in `every` seconds."""
        if time.monotonic() - self._noted >= every:
            self.ledger.set_fact("used_seconds", self.deadline.used())
            self._noted = time.monotonic()
