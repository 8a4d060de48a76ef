"""What `status` tells of a ledger."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.chaos.toy import Quick
from study.budget import Deadline
from study.matrix import arms
from study.orchestration.carrying import Carrier
from study.orchestration.closing import Closing
from study.orchestration.course import Course
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.setup import Options
from study.orchestration.status import extended, status
from study.orchestration.stopping import Stop
from study.planning.plan import Decision
from study.spec import Init, ModelName, StudySpec
from study.store.ledger import Ledger

ARMS = arms((ModelName.GOOGLENET,))
DECISION = Decision(
    samples=192, trial_samples=192, train_images=128, batch_size=32, seeds=3, trials=2,
    validation_images=100, resolution=32, predicted_seconds=0.0,
)  # fmt: skip
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
    assert f"final runs: none of {3 * number} planned" in told


def test_an_extension_is_added_once_until_the_study_has_used_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    deadline = Deadline(budget=600, started=0, clock=lambda: 100.0)
    course = Course(study=StudySpec(), ledger=ledger, deadline=deadline, work=deadline, reserve=60)
    course.save()
    assert extended(tmp_path, 300) == 900
    longer = Deadline(budget=900, started=0, clock=lambda: 100.0)
    again = Course(study=StudySpec(), ledger=ledger, deadline=longer, work=longer, reserve=60,
                   extension=300)  # fmt: skip
    again.take_up()
    again.save()  # as the plan is kept at the start; then the study is stopped
    assert extended(tmp_path, 300) == 900, "the same command goes on"
    assert extended(tmp_path, 400) == 1_300, "another one adds to it"
    later = Course(study=StudySpec(), ledger=ledger, deadline=longer, work=longer, reserve=60)
    later.take_up()  # gone on with --budget
    later.save()
    assert extended(tmp_path, 300) == 900
    ledger.set_fact("used_seconds", 850.0)
    assert extended(tmp_path, 300) == 1_200, "in its reserve there is nothing to go on with"


@pytest.mark.parametrize(("asked", "budget"), [(False, 1_200), (True, 900)])
def test_a_study_that_ends_has_used_its_extension(tmp_path: Path, asked: bool, budget: float) -> None:
    ledger, study = Ledger(tmp_path / "ledger.sqlite"), StudySpec(models=(ModelName.GOOGLENET,))
    ledger.set_fact("environment", {})
    deadline = Deadline(budget=900, started=0, clock=lambda: 899.5)  # no second for a report
    course = Course(study=study, ledger=ledger, deadline=deadline, work=deadline, reserve=0, extension=300)
    rounds = Rounds(study=study, ledger=ledger, course=course, weights={})
    screen, stop = Screen(deadline), Stop()
    stop.asked = asked
    closing = Closing(options=Options(results_dir=tmp_path, report_dir=tmp_path / "o"), deadline=deadline,
                      ledger=ledger, course=course, rounds=rounds, screen=screen, stop=stop)  # fmt: skip
    closing.finish(Carrier(study=study, folder=tmp_path, ledger=ledger, course=course, rounds=rounds,
                           executor=Quick(tmp_path), screen=screen, stop=stop))  # fmt: skip
    ledger.set_fact("used_seconds", 100.0)
    assert extended(tmp_path, 300) == budget
