"""The plan in motion: it survives the ledger, and a budget that has grown is not forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from study.budget import Deadline
from study.matrix import arms
from study.networks import VGG11
from study.orchestration.clock import StudyClock
from study.orchestration.plan_state import PlanState
from study.planning.cost import Speed
from study.planning.plan import blank, run_spec
from study.spec import Purpose, StudySpec
from study.store.ledger import Ledger

MODEL = VGG11
STUDY = StudySpec(models=(MODEL,))
SPEED = Speed(train=300, inference=900, build=0.3, tail=1.2)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "l.sqlite")


def _plan(ledger: Ledger, budget: float = 3_000.0, **rest: float) -> PlanState:
    deadline = Deadline(budget=budget, started=0, clock=lambda: 10.0)
    clock = StudyClock(ledger=ledger, deadline=deadline, reserve=100, work=deadline.minus(100))
    return PlanState(study=STUDY, clock=clock, **rest)  # type: ignore[arg-type]


def test_a_plan_survives_the_ledger(ledger: Ledger) -> None:
    plan = _plan(ledger)
    plan.speeds[MODEL] = SPEED
    plan.workers, plan.measured_on = 2, "a processor, 2 workers"
    plan.decisions[MODEL] = blank(MODEL)
    assert not plan.decided, "what was begun beside pre-training is no plan yet"
    plan.decisions[MODEL] = replace(blank(MODEL), rung=4_000, seeds=3)
    plan.champion_seconds, plan.side_seconds = 40.0, 30.0
    plan.step_seconds = 10.0
    plan.left_out.append({"what": "3 seeds", "needs_seconds": 5_000.0})
    spec = run_spec(arms((MODEL,))[2], STUDY, purpose=Purpose.FINAL, number=0, rung=4_000)
    plan.rows.append(plan.calibration.row(spec))
    plan.note_phase("matrix", 1.0, 0.0)
    plan.save()
    again = _plan(ledger)
    for name in (
        "rows",
        "decisions",
        "speeds",
        "measured_on",
        "phases",
        "left_out",
        "champion_seconds",
        "side_seconds",
        "step_seconds",
    ):
        assert getattr(again, name) == getattr(plan, name), name
    assert again.decided and again.calibration.rows is again.rows
    kept = ledger.fact("plan")
    assert (kept["workers"], kept["worker_seconds"]) == (2, 20.0)


def test_a_budget_that_has_grown_is_remembered_until_there_is_a_plan_for_it(ledger: Ledger) -> None:
    _plan(ledger).save()
    assert not _plan(ledger).grown
    for begun in range(3):  # twice stopped before the new plan
        again = _plan(ledger, 4_400)
        assert again.grown, begun
        again.save()
    again.grown = False
    again.save()
    assert not _plan(ledger, 4_400).grown


def test_what_is_taken_up_is_what_predictions_learn_from(ledger: Ledger) -> None:
    plan = _plan(ledger)
    plan.speeds[MODEL] = SPEED
    spec = run_spec(arms((MODEL,))[2], STUDY, purpose=Purpose.FINAL, number=0, rung=4_000)
    for factor in (1.4, 1.5, 1.6):
        row = plan.calibration.row(spec) | {"state": "finished"}
        plan.rows.append(row | {"actual_seconds": factor * row["unscaled_seconds"]})
    plan.save()
    unscaled = plan.calibration.unscaled(spec)
    assert _plan(ledger).calibration.expected(spec) == pytest.approx(1.5 * unscaled)


def test_an_extension_is_remembered(ledger: Ledger) -> None:
    plan = _plan(ledger, 900, extension=300.0)
    plan.save()
    assert _plan(ledger, 900).extension == 300.0
    assert _plan(ledger, 900, extension=400.0).extension == 400.0
