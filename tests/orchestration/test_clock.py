"""The seconds of a study: what is kept back, and what a killed one has used."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.budget import Deadline
from study.errors import UsageError
from study.orchestration.clock import StudyClock
from study.orchestration.plan_state import PlanState
from study.spec import StudySpec
from study.store.ledger import Ledger


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def _opened(ledger: Ledger, clock: Clock, budget: float = 3_000.0) -> StudyClock:
    return StudyClock.opened(ledger, Deadline(budget=budget, started=clock.now, clock=clock), "results")


@pytest.mark.parametrize(
    ("budget", "reserve"), [(60, 20), (120, 40), (300, 45), (1_500, 45), (7_200, 216), (86_400, 300)]
)
def test_seconds_are_kept_for_the_report(
    ledger: Ledger, clock: Clock, budget: float, reserve: float
) -> None:
    found = _opened(ledger, clock, budget)
    assert found.reserve == pytest.approx(reserve)
    assert found.work.left() == pytest.approx(budget - reserve)


def test_a_killed_study_has_its_used_seconds_in_the_ledger(ledger: Ledger, clock: Clock) -> None:
    study = _opened(ledger, clock)
    study.note_used()
    clock.now = 30.0
    study.note_used()  # at once after the other
    assert ledger.fact("used_seconds") == 0
    study.note_used(every=0.0)
    assert ledger.fact("used_seconds") == 30
    clock.now = 40.0
    PlanState(study=StudySpec(), clock=study).note_phase("matrix", None, 0.0)
    assert ledger.fact("used_seconds") == 40


def test_only_active_seconds_count(ledger: Ledger, clock: Clock) -> None:
    clock.now = 40.0
    _opened(ledger, clock).note_used(every=0.0)
    clock.now = 70.0
    first = _opened(ledger, clock)
    clock.now = 100.0
    first.note_used(every=0.0)
    clock.now = 50_000.0  # the next day
    again = _opened(ledger, clock)
    assert again.deadline.used_before == 30 and again.deadline.left() == 2_970
    assert again.work.left() == pytest.approx(2_970 - again.reserve)


def test_a_study_without_seconds_for_work_is_refused(ledger: Ledger, clock: Clock) -> None:
    ledger.set_fact("used_seconds", 2_960.0)  # the reserve alone is left
    with pytest.raises(UsageError, match="the study in results has used 49m20s of its budget"):
        _opened(ledger, clock)
    assert _opened(ledger, clock, 4_000).work.left() > 0
