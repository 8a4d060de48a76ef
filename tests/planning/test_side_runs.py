"""Side runs: equal samples, paired inits, and never mistaken for runs of the matrix."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from study.planning.cost import Speed, predicted_seconds
from study.planning.plan import Decision, decide, run_spec
from study.planning.side import DEPTHS, side_runs
from study.spec import Arm, Experiment, Init, ModelName, Purpose, RunSpec, StudySpec

COST = partial(predicted_seconds, speed=Speed(train=300, inference=900, build=0.3))


def _round(model: ModelName, inits: tuple[Init, ...], number: int = 0) -> list[RunSpec]:
    study = StudySpec()
    decision = replace(decide(model, study, COST, 20_000, tuple(Init)), side_samples=12_000)

    def final_run(arm: Arm, planned: Decision) -> RunSpec:
        return run_spec(arm, planned, study, purpose=Purpose.FINAL, number=number)

    return side_runs(model, decision, inits, final_run)


@pytest.mark.parametrize("model", list(ModelName))
def test_a_round_is_fair(model: ModelName) -> None:
    runs = _round(model, tuple(Init))
    assert len({spec.run_id for spec in runs}) == len(runs)
    assert {spec.purpose for spec in runs} == {Purpose.SIDE}
    assert len({(spec.samples, spec.seed, spec.batch_size) for spec in runs}) == 1
    labels = [spec for spec in runs if spec.experiment is Experiment.LABELS]
    sizes = {init: [s.train_images for s in labels if s.arm.init is init] for init in Init}
    assert sizes[Init.PRETRAINED] == sizes[Init.SCRATCH] == sorted(set(sizes[Init.SCRATCH]))
    depth = [spec for spec in runs if spec.experiment is Experiment.DEPTH]
    assert [spec.unfrozen_stages for spec in depth] == list(DEPTHS)
    assert {spec.train_images for spec in depth} == {max(sizes[Init.PRETRAINED])}


def test_another_seed_is_another_run() -> None:
    first, second = (_round(ModelName.VGG11, tuple(Init), number) for number in (0, 1))
    assert not {spec.run_id for spec in first} & {spec.run_id for spec in second}


def test_without_weights_only_scratch_is_run() -> None:
    runs = _round(ModelName.VGG11, (Init.SCRATCH,))
    assert {spec.arm.init for spec in runs} == {Init.SCRATCH}


def test_no_samples_no_runs() -> None:
    decision = decide(ModelName.VGG11, StudySpec(), COST, 20_000, tuple(Init))
    assert side_runs(ModelName.VGG11, decision, tuple(Init), lambda arm, plan: None) == []  # type: ignore


def test_a_side_run_survives_the_ledger() -> None:
    spec = _round(ModelName.GOOGLENET, tuple(Init))[-1]
    assert RunSpec.from_dict(spec.to_dict()) == spec
