"""A workshop over the real FashionMNIST, and specs small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from study.data import LabelledImages
from study.matrix import arms
from study.networks import ModelName
from study.records import RunRecord, RunState
from study.spec import HyperParams, Init, LrPolicy, Precision, Purpose, Recipe, RunSpec, Scope
from study.training.run import Outcome, Workshop
from study.training.runtime import detect

SpecOf = Callable[..., RunSpec]


@pytest.fixture
def shop(fashion: LabelledImages, tmp_path: Path) -> Workshop:
    return Workshop(images=fashion, runtime=detect("cpu", "fp32"), weights={}, folder=tmp_path / "results")


@pytest.fixture
def spec_of() -> SpecOf:
    """A scratch run: ``spec_of(VGG11, Scope.FULL, rung=64)``; a trial where `trial` is left."""

    def make(model: ModelName, scope: Scope, **changes: object) -> RunSpec:
        policies = (LrPolicy.NONE, LrPolicy.UNIFORM)
        arm = next(
            arm
            for arm in arms((model,))
            if arm.init is Init.SCRATCH and arm.scope is scope and arm.lr_policy in policies
        )
        spec = RunSpec(
            arm=arm,
            purpose=Purpose.TRIAL,
            seed=3,
            hyper=HyperParams(lr=1e-3),
            train_images=256,
            rung=256,
            batch_size=32,
            recipe=Recipe(warm_up=64),
            precision=Precision.FP32,
            trial=0,
        )
        if changes.get("purpose", Purpose.TRIAL) is not Purpose.TRIAL:
            changes.setdefault("trial", None)
        return replace(spec, **changes)  # type: ignore[arg-type]

    return make


def measured(record: RunRecord) -> RunRecord:
    """A record without what a clock or the memory of the process says."""
    return replace(
        record,
        train_seconds=0,
        step_seconds=0,
        judging_seconds=0,
        cached_seconds=0,
        wall_seconds=0,
        images_per_second=None,
        peak_memory_mb=None,
        history=tuple(replace(point, seconds=0) for point in record.history),
    )


def assert_equal(found: Outcome, expected: Outcome) -> None:
    """Two finished trainings are the same, bit for bit."""
    assert found.record.state is RunState.FINISHED, found.record.reason
    assert expected.record.state is RunState.FINISHED, expected.record.reason
    assert found.network is not None and expected.network is not None
    state = expected.network.state_dict()
    assert found.network.state_dict().keys() == state.keys()
    for name, value in found.network.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert measured(found.record) == measured(expected.record)
    if expected.test_probabilities is not None:
        assert found.test_probabilities is not None
        assert found.test_probabilities.tolist() == expected.test_probabilities.tolist()
