"""What `status` tells of a ledger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest
from small_study import MODEL, Answering, opened, ran

from study.budget import Deadline
from study.data import LabelledImages
from study.matrix import arms
from study.orchestration.clock import StudyClock
from study.orchestration.phases.report import ReportPhase
from study.orchestration.plan_state import PlanState
from study.orchestration.status import extended, status
from study.planning.plan import Decision
from study.spec import Init, StudySpec
from study.store.ledger import Ledger

ARMS = arms((MODEL,))
DECISION = Decision(least_rung=2_000, trial_rung=2_000, batch_size=64, rung=8_000, seeds=3, trials=2)
SCRATCH = [arm for arm in ARMS if arm.init is Init.SCRATCH]


@pytest.mark.parametrize(("entry", "number"), [({"sha256": "00"}, len(ARMS)), ({}, len(SCRATCH))])
def test_runs_of_arms_without_weights_are_not_planned(
    tmp_path: Path, entry: dict[str, str], number: int
) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("plan", {"budget_seconds": 600, "decisions": {"googlenet": asdict(DECISION)}})
    ledger.set_fact("pretraining", {"googlenet": entry | {"reason": ""}})
    ledger.close()
    told = status(tmp_path)
    assert f"trial runs: none of {2 * number} planned" in told
    assert f"final runs: none of {3 * 3 * number} planned" in told, "every rung is a judgement"


def test_looking_at_a_study_leaves_no_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("plan", {"budget_seconds": 600})
    ledger.close()
    status(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.sqlite"]


def test_what_a_running_study_has_just_written_is_told(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.set_fact("plan", {"budget_seconds": 600})
    ledger.set_fact("used_seconds", 61.0)
    assert status(tmp_path)[0].startswith("used 1m01s")
    ledger.close()


def _plan(ledger: Ledger, budget: float, *, extension: float = 0.0) -> PlanState:
    deadline = Deadline(budget=budget, started=0, clock=lambda: 100.0)
    clock = StudyClock(ledger=ledger, deadline=deadline, reserve=60, work=deadline)
    return PlanState(study=StudySpec(), clock=clock, extension=extension)


def test_an_extension_is_added_once_until_the_study_has_used_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    _plan(ledger, 600).save()
    assert extended(tmp_path, 300) == 900
    _plan(ledger, 900, extension=300).save()  # as the plan is kept at the start; then it is stopped
    assert extended(tmp_path, 300) == 900, "the same command goes on"
    assert extended(tmp_path, 400) == 1_300, "another one adds to it"
    _plan(ledger, 900).save()  # gone on with --budget
    assert extended(tmp_path, 300) == 900
    ledger.set_fact("used_seconds", 850.0)
    assert extended(tmp_path, 300) == 1_200, "in its reserve there is nothing to go on with"


@pytest.mark.parametrize(("asked", "budget"), [(False, 1_200), (True, 900)])
def test_a_study_that_ends_has_used_its_extension(
    tmp_path: Path, fashion: LabelledImages, asked: bool, budget: float
) -> None:
    now = [0.0]
    with opened(tmp_path, fashion, executor=Answering(ran), budget=900, clock=lambda: now[0]) as study:
        study.context.ledger.set_fact("environment", {})
        study.context.plan.extension = 300
        study.context.token.asked = asked
        now[0] = 899.5  # no second for a report
        ReportPhase(context=study.context, scheduler=study.scheduler).finish()
        study.context.ledger.set_fact("used_seconds", 100.0)
    assert extended(tmp_path, 300) == budget
