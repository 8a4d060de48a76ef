"""Baselines, the ImageNet witness and side experiments: when they are made, and what is told where not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_study import MODEL, Answering, Study, opened, ran

from study.data import LabelledImages
from study.models.weights import IMAGENET, WeightFile
from study.orchestration.executors.tasks import Attest, Baselines
from study.orchestration.phases.ablations import WITNESS, baselines, plan_side, side
from study.orchestration.results_export import BASELINES, write_results
from study.planning.ablations import SEEDS
from study.records import Reason, RunState
from study.spec import Experiment, Init, Purpose

FOUND = {
    "state": "finished",
    "reason": "",
    "detail": "",
    "package": "timm",
    "version": "1",
    "sha256": "ab",
    "train_images": 100,
    "validation_images": 50,
    "test_images": 50,
    "resolution": 64,
    "features": 1280,
    "passes": 3,
    "seconds": 9.5,
    "pairs": [{"pretrained": 0.8, "random": 0.6, "pixels": 0.7}] * 3,
}
ROWS = [
    {
        "name": "softmax on pixels",
        "train_images": 54_000,
        "test_images": 10_000,
        "test_accuracy": 0.84,
        "seconds": 3.0,
    }
]


def answer(task: Any) -> Any:
    if isinstance(task, Attest):
        return FOUND
    return ROWS if isinstance(task, Baselines) else ran(task)


Make = Callable[..., Any]


@pytest.fixture
def begun(tmp_path: Path, fashion: LabelledImages) -> Make:
    def make(executor: Answering, *, budget: float = 36_000.0) -> Any:
        return opened(
            tmp_path,
            fashion,
            executor=executor,
            budget=budget,
            only_small=False,
            least_rung=2_000,
            trial_rung=2_000,
        )

    return make


def _side(study: Study) -> None:
    side(study.context, *study.work)


def _own(study: Study, source: str) -> None:
    study.context.specs.weights[MODEL] = WeightFile(source=source, sha256="", path="", channels=3)
    study.context.specs.reasons.clear()


def test_the_witness_is_measured_once_and_written_from_the_ledger(begun: Make, tmp_path: Path) -> None:
    asked: list[Any] = []

    def counted(task: Any) -> Any:
        asked.append(task)
        return answer(task)

    with begun(Answering(counted)) as study:
        _own(study, "fractal")
        _side(study)
        assert study.context.ledger.fact(WITNESS) == FOUND
        write_results(study.context)
        assert json.loads((tmp_path / "witness.json").read_text(encoding="utf-8")) == FOUND
        _side(study)
    assert [type(task) for task in asked].count(Attest) == 1


def test_it_is_not_wanted_where_all_weights_are_imagenets(begun: Make) -> None:
    with begun(Answering(answer)) as study:
        _own(study, IMAGENET)
        _side(study)
        assert study.context.ledger.fact(WITNESS) is None


def test_no_seconds_are_a_reason(begun: Make) -> None:
    with begun(Answering(answer), budget=600.0) as study:
        _side(study)
        assert study.context.ledger.fact(WITNESS)["reason"] == Reason.BUDGET.value


def test_the_seconds_of_a_champion_are_no_reason(tmp_path: Path, fashion: LabelledImages) -> None:
    """A study of two hours comes here with the last half hour, nearly all of it the champion's."""
    now = [0.0]
    with opened(
        tmp_path,
        fashion,
        executor=Answering(answer),
        budget=7_200.0,
        clock=lambda: now[0],
        only_small=False,
        least_rung=2_000,
        trial_rung=2_000,
    ) as study:
        _own(study, "fractal")
        study.context.plan.champion_seconds = 1_800.0
        now[0] = 7_200.0 - 2_100.0
        _side(study)
        assert study.context.ledger.fact(WITNESS) == FOUND


def test_side_runs_that_cost_a_little_more_than_planned_are_made(begun: Make) -> None:
    with begun(Answering(answer)) as study:
        _own(study, "fractal")
        plan_side(study.context)
        study.context.plan.side_seconds *= 0.9
        _side(study)
        assert any(record.spec.purpose is Purpose.SIDE for record in study.records)


def test_a_stopped_study_says_so(begun: Make) -> None:
    with begun(Answering(answer)) as study:
        study.context.token.asked = True
        _side(study)
        assert study.context.ledger.fact(WITNESS)["reason"] == Reason.STOPPED.value


def test_an_absent_package_is_named(begun: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with begun(Answering(answer)) as study:
        _side(study)
        found = study.context.ledger.fact(WITNESS)
    assert found["reason"] == Reason.PACKAGE.value and found["detail"].startswith("timm")
    assert "timm" not in sys.modules or sys.modules["timm"] is not None


def test_a_witness_whose_process_is_lost_is_an_error_in_words(begun: Make) -> None:
    with begun(Answering(lambda task: None if isinstance(task, Attest) else answer(task))) as study:
        _side(study)
        assert study.context.ledger.fact(WITNESS)["reason"] == Reason.ERROR.value


def test_baselines_are_made_anew_for_longer_runs_alone(begun: Make) -> None:
    with begun(Answering(answer)) as study:
        context, made = study.context, []
        for images, known in ((2_000, 54_000), (2_000, 1_000), (2_000, 0)):
            context.ledger.set_fact(BASELINES, [ROWS[0] | {"train_images": known}] if known else [])
            made.append(len(list(baselines(context, images))))
        assert made == [0, 1, 1]
        study.scheduler.run([baselines(context, 2_000)])
        assert context.ledger.fact(BASELINES) == ROWS


@pytest.mark.parametrize("budget", [36_000.0, 600.0])
def test_side_runs_are_made_with_three_seeds_or_not_at_all(begun: Make, budget: float) -> None:
    with begun(Answering(answer), budget=budget) as study:
        _own(study, "fractal")
        plan_side(study.context)
        set_aside = study.context.plan.side_seconds
        _side(study)
        made = [r.spec for r in study.records if r.spec.purpose is Purpose.SIDE]
        assert bool(made) == (set_aside > 0) == (budget > 1_000)
        kinds = [
            {
                (s.experiment, s.arm, s.train_images, s.unfrozen_stages, s.first_conv)
                for s in made
                if s.seed == seed
            }
            for seed in range(1, SEEDS + 1)
        ]
        assert kinds[0] == kinds[1] == kinds[2] and len(made) == SEEDS * len(kinds[0])
        if made:
            assert {s.experiment for s in made} == set(Experiment)
            assert {s.arm.init for s in made} == set(Init)


def test_side_runs_of_an_earlier_start_are_not_made_again(begun: Make) -> None:
    executor = Answering(answer)
    with begun(executor) as study:
        _own(study, "fractal")
        plan_side(study.context)
        _side(study)
        made = len(executor.specs)
        plan_side(study.context)
        assert study.context.plan.side_seconds == 0
        _side(study)
        assert len(executor.specs) == made
        assert {record.state for record in study.records} == {RunState.FINISHED}
