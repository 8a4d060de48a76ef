"""Side runs: equal samples, paired inits, and never mistaken for runs of the matrix."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from study.models import Weights
from study.planning.cost import Speed, predicted_seconds
from study.planning.plan import Decision, decide, run_spec
from study.planning.side import DEPTHS, by_importance, side_runs
from study.spec import Arm, Experiment, FirstConv, Init, ModelName, Purpose, RunSpec, StudySpec

COST = partial(predicted_seconds, speed=Speed(train=300, inference=900, build=0.3))


def _weights(channels: int, *models: ModelName) -> dict[str, Weights]:
    weights = Weights(source="x", sha256="", state={}, channels=channels, covers="network")
    return {model.value: weights for model in models or ModelName}


def _round(
    model: ModelName, inits: tuple[Init, ...], number: int = 0, weights: dict[str, Weights] | None = None
) -> list[RunSpec]:
    study = StudySpec()
    decision = replace(decide(model, study, COST, 20_000, tuple(Init)), side_samples=12_000)

    def final_run(arm: Arm, planned: Decision) -> RunSpec:
        return run_spec(arm, planned, study, purpose=Purpose.FINAL, number=number)

    return side_runs(model, decision, inits, final_run, weights or _weights(3))


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


@pytest.mark.parametrize(
    ("model", "weights", "variants"),
    [
        (ModelName.GOOGLENET, _weights(3), [FirstConv.MEAN, FirstConv.FRESH]),
        (ModelName.GOOGLENET, _weights(1), [FirstConv.FRESH]),
        (ModelName.VGG11, _weights(3), []),
        (ModelName.VGG11, _weights(3, ModelName.VGG11), [FirstConv.MEAN, FirstConv.FRESH]),
    ],
)
def test_one_network_tries_other_first_convolutions(
    model: ModelName, weights: dict[str, Weights], variants: list[FirstConv]
) -> None:
    runs = _round(model, tuple(Init), weights=weights)
    tried = [spec for spec in runs if spec.experiment is Experiment.ADAPTATION]
    assert [spec.first_conv for spec in tried] == variants
    whole = max((s for s in runs if s.arm.init is Init.PRETRAINED
                 and s.experiment is Experiment.LABELS), key=lambda s: s.train_images)  # fmt: skip
    for spec in tried:  # the same training but for the first convolution
        assert replace(spec, experiment=Experiment.LABELS, first_conv=None) == whole


def test_first_convolutions_come_last() -> None:
    both = [spec for model in reversed(ModelName) for spec in _round(model, tuple(Init))]
    order = [spec.experiment for spec in by_importance(both)]
    assert order == sorted(order, key=[Experiment.LABELS, Experiment.DEPTH, Experiment.ADAPTATION].index)


def test_another_seed_is_another_run() -> None:
    first, second = (_round(ModelName.VGG11, tuple(Init), number) for number in (0, 1))
    assert not {spec.run_id for spec in first} & {spec.run_id for spec in second}


def test_without_weights_only_scratch_is_run() -> None:
    runs = _round(ModelName.VGG11, (Init.SCRATCH,))
    assert {spec.arm.init for spec in runs} == {Init.SCRATCH}


def test_no_samples_no_runs() -> None:
    decision = decide(ModelName.VGG11, StudySpec(), COST, 20_000, tuple(Init))
    assert side_runs(ModelName.VGG11, decision, tuple(Init), lambda arm, plan: None, {}) == []  # type: ignore


def test_a_side_run_survives_the_ledger() -> None:
    spec = _round(ModelName.GOOGLENET, tuple(Init))[-1]
    assert RunSpec.from_dict(spec.to_dict()) == spec
