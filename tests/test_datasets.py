"""A data set belongs to the settings of a study; what older versions wrote is FashionMNIST's, unchanged."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from study.datasets import DATASETS, DEFAULT, FASHION_MNIST, DatasetName, studied
from study.errors import UsageError
from study.matrix import arms
from study.networks import GOOGLENET, VGG11
from study.planning.plan import run_spec
from study.records import RunRecord, RunState
from study.spec import HyperParams, Purpose, RunSpec, StudySpec
from study.training.judging import Judged, judged

SMALL = DatasetName("small")
#: Run ids and the fingerprint of settings that the version before data sets had names gave.
IDS = {
    "vgg11-pretrained-frozen": "vgg11-pretrained-frozen-s1-da67b330",
    "vgg11-scratch-full-discriminative": "vgg11-scratch-full-discriminative-s1-07a6fe53",
    "googlenet-scratch-full-uniform": "googlenet-scratch-full-uniform-s1-629ed766",
}
FINGERPRINT = "18d2ded4fd2e80fc"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> DatasetName:
    """Another data set, which has fewer images than runs are judged on, and another recipe."""
    other = replace(
        FASHION_MNIST, name=SMALL, train_images=600, validation_images=101, test_images=200, flips=False
    )
    monkeypatch.setitem(DATASETS, SMALL, other)
    return SMALL


def _spec(arm_name: str, **changes: object) -> RunSpec:
    arm = next(arm for arm in arms((VGG11, GOOGLENET)) if arm.name == arm_name)
    known = {"purpose": Purpose.FINAL, "seed": 1, "hyper": HyperParams(lr=3e-4), "rung": 4_000}
    return RunSpec(**{"arm": arm, **known, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("arm", IDS)
def test_run_ids_are_those_of_older_versions(arm: str) -> None:
    assert _spec(arm).run_id == IDS[arm]


def test_the_fingerprint_of_settings_is_that_of_older_versions() -> None:
    assert StudySpec(seed=3).fingerprint == FINGERPRINT


def test_a_record_is_written_as_before_and_read_back() -> None:
    record = RunRecord(spec=_spec("googlenet-scratch-full-uniform"), state=RunState.FINISHED)
    written = json.loads(json.dumps(record.to_dict()))
    assert "dataset" not in written["spec"] and next(iter(written)) == "spec"
    assert RunRecord.from_dict(written) == record
    assert record.spec.dataset == DEFAULT


def test_settings_without_a_data_set_have_the_default() -> None:
    written = StudySpec(seed=3).to_dict()
    assert written.pop("dataset") == "fashion-mnist"
    assert StudySpec.from_dict(written) == StudySpec(seed=3)


def test_an_environment_without_a_data_set_has_the_default(small: DatasetName, tmp_path: Path) -> None:
    assert studied({}, tmp_path) is studied({"dataset": {"source": "debian"}}, tmp_path) is FASHION_MNIST
    assert studied({"dataset": {"name": small}}, tmp_path) is DATASETS[small]
    with pytest.raises(UsageError, match="'lost' is no data set; known are fashion-mnist"):
        studied({"dataset": {"name": "lost"}}, tmp_path)


def test_another_data_set_has_other_ids_and_is_read_back(small: DatasetName) -> None:
    usual = _spec("googlenet-scratch-full-uniform", train_images=600)
    other = replace(usual, dataset=small)
    assert other.run_id != usual.run_id
    assert RunSpec.from_dict(json.loads(json.dumps(other.to_dict()))) == other
    with pytest.raises(UsageError, match=r"train_images must lie in 1…600, got 601"):
        replace(other, train_images=601)


def test_a_planned_run_has_the_data_sets_images_and_recipe(small: DatasetName) -> None:
    study = StudySpec(dataset=small)
    spec = run_spec(arms((VGG11,))[0], study, purpose=Purpose.FINAL, number=0, rung=4_000)
    assert (spec.dataset, spec.train_images, spec.recipe.flip) == (small, 600, 0.0)


@pytest.mark.parametrize("purpose", [Purpose.FINAL, Purpose.CHAMPION])
def test_a_run_is_judged_on_at_most_what_there_is(purpose: Purpose, small: DatasetName) -> None:
    spec = _spec("googlenet-scratch-full-uniform", purpose=purpose, train_images=600, dataset=small)
    found = judged(replace(spec, rung=256_000))
    assert found == Judged(train=600, validation=101, test=200, settling=600)


@pytest.mark.parametrize(
    "wrong",
    [{"classes": ("one",)}, {"part_sha256": ("a",)}, {"test_images": 9}, {"side": 1}, {"channels": 2}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_descriptor_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="fashion-mnist: "):
        replace(FASHION_MNIST, **wrong)  # type: ignore[arg-type]
