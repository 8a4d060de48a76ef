"""Side runs: equal samples, paired inits, and never mistaken for runs of the matrix."""

from __future__ import annotations

from dataclasses import replace

import pytest

from study.models.weights import WeightFile
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.planning.ablations import DEPTHS, by_importance, side_runs
from study.planning.plan import run_spec
from study.spec import Arm, Experiment, FirstConv, Init, Purpose, RunSpec, StudySpec

RUNG = 12_000


def _weights(channels: int, *models: ModelName) -> dict[str, WeightFile]:
    weights = WeightFile(source="x", sha256="", channels=channels, path="")
    return {model: weights for model in models or DEFAULT}


def _round(
    model: ModelName,
    inits: tuple[Init, ...],
    number: int = 0,
    weights: dict[str, WeightFile] | None = None,
    rung: int = RUNG,
) -> list[RunSpec]:
    def final_run(arm: Arm) -> RunSpec:
        return run_spec(arm, StudySpec(), purpose=Purpose.FINAL, number=number, rung=2_000)

    return side_runs(model, rung, inits, final_run, weights or _weights(3))


@pytest.mark.parametrize("model", DEFAULT)
def test_a_round_is_fair(model: ModelName) -> None:
    runs = _round(model, tuple(Init))
    assert len({spec.run_id for spec in runs}) == len(runs)
    assert {spec.purpose for spec in runs} == {Purpose.SIDE}
    assert len({(spec.rung, spec.seed, spec.batch_size) for spec in runs}) == 1
    labels = [spec for spec in runs if spec.experiment is Experiment.LABELS]
    sizes = {init: [s.train_images for s in labels if s.arm.init is init] for init in Init}
    assert sizes[Init.PRETRAINED] == sizes[Init.SCRATCH] == sorted(set(sizes[Init.SCRATCH]))
    depth = [spec for spec in runs if spec.experiment is Experiment.DEPTH]
    assert [spec.unfrozen_stages for spec in depth] == list(DEPTHS)
    assert {spec.train_images for spec in depth} == {max(sizes[Init.PRETRAINED])}


@pytest.mark.parametrize(
    ("model", "weights", "variants"),
    [
        (GOOGLENET, _weights(3), [FirstConv.MEAN, FirstConv.FRESH]),
        (GOOGLENET, _weights(1), [FirstConv.FRESH]),
        (VGG11, _weights(3), []),
        (VGG11, _weights(3, VGG11), [FirstConv.MEAN, FirstConv.FRESH]),
    ],
)
def test_one_network_tries_other_first_convolutions(
    model: ModelName, weights: dict[str, WeightFile], variants: list[FirstConv]
) -> None:
    runs = _round(model, tuple(Init), weights=weights)
    tried = [spec for spec in runs if spec.experiment is Experiment.ADAPTATION]
    assert [spec.first_conv for spec in tried] == variants
    whole = max(
        (s for s in runs if s.arm.init is Init.PRETRAINED and s.experiment is Experiment.LABELS),
        key=lambda s: s.train_images,
    )
    for spec in tried:  # the same training but for the first convolution
        assert replace(spec, experiment=Experiment.LABELS, first_conv=None) == whole


def test_first_convolutions_come_last() -> None:
    both = [spec for model in reversed(DEFAULT) for spec in _round(model, tuple(Init))]
    order = [spec.experiment for spec in by_importance(both)]
    assert order == sorted(order, key=[Experiment.LABELS, Experiment.DEPTH, Experiment.ADAPTATION].index)


def test_another_seed_is_another_run() -> None:
    first, second = (_round(VGG11, tuple(Init), number) for number in (0, 1))
    assert not {spec.run_id for spec in first} & {spec.run_id for spec in second}


def test_without_weights_only_scratch_is_run() -> None:
    runs = _round(VGG11, (Init.SCRATCH,))
    assert {spec.arm.init for spec in runs} == {Init.SCRATCH}


@pytest.mark.parametrize(
    ("rung", "sizes"),
    [
        (2_000, [500, 2_000]),
        (4_000, [500, 2_000, 4_000]),
        (16_000, [500, 2_000, 10_000, 16_000]),
        (256_000, [500, 2_000, 10_000, 54_000]),
    ],
)
def test_labels_end_with_all_that_a_run_of_its_length_sees(rung: int, sizes: list[int]) -> None:
    runs = _round(VGG11, (Init.SCRATCH,), rung=rung)
    assert [spec.train_images for spec in runs] == sizes and {spec.rung for spec in runs} == {rung}


def test_a_side_run_survives_the_ledger() -> None:
    spec = _round(GOOGLENET, tuple(Init))[-1]
    assert RunSpec.from_dict(spec.to_dict()) == spec
