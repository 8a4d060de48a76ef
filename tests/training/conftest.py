"""A workshop over the real FashionMNIST, and specs small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from study.data import FashionMNIST, split
from study.matrix import arms
from study.spec import (
    HyperParams,
    Init,
    LrPolicy,
    ModelName,
    Precision,
    Purpose,
    RunSpec,
    Scope,
)
from study.training.run import Workshop
from study.training.runtime import detect

SpecOf = Callable[..., RunSpec]


@pytest.fixture
def shop(fashion: FashionMNIST) -> Workshop:
    return Workshop(
        fashion=fashion,
        split=split(fashion.train_labels, seed=0),
        runtime=detect("cpu", "fp32"),
        weights={},
    )


@pytest.fixture
def spec_of() -> SpecOf:
    """A scratch run: ``spec_of(ModelName.VGG11, Scope.FULL, samples=64)``."""

    def make(model: ModelName, scope: Scope, **changes: object) -> RunSpec:
        policies = (LrPolicy.NONE, LrPolicy.UNIFORM)
        arm = next(
            arm for arm in arms((model,))
            if arm.init is Init.SCRATCH and arm.scope is scope and arm.lr_policy in policies
        )  # fmt: skip
        spec = RunSpec(
            arm=arm, purpose=Purpose.TRIAL, seed=3, hyper=HyperParams(lr=1e-3),
            train_images=256, samples=256, batch_size=32, evaluations=2, validation_images=100,
            precision=Precision.FP32, trial=0,
        )  # fmt: skip
        return replace(spec, **changes)  # type: ignore[arg-type]

    return make
