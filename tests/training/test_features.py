"""Features of frozen backbones are computed once a study, and are the same in memory and in a file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from study.matrix import arms
from study.models import Weights, build, trunk_state
from study.spec import HyperParams, Init, ModelName, Scope
from study.training import features
from study.training.features import FeatureCache
from study.training.run import Workshop, run
from tests.training.conftest import SpecOf


def _weights(model: ModelName) -> Weights:
    donor = build(model, weights=None, resolution=32, fold=True, seed=8)
    return Weights(source="fractal", sha256="", state=trunk_state(donor), channels=1, covers="trunk")


def test_rounds_over_all_frozen_arms_compute_each_once(small: Workshop, spec_of: SpecOf) -> None:
    shop = replace(small, weights={model.value: _weights(model) for model in ModelName},
                   cache=FeatureCache())  # fmt: skip
    cached = []
    for number in range(2):
        for arm in (arm for arm in arms() if arm.scope is Scope.FROZEN):
            source = "fractal" if arm.init is Init.PRETRAINED else "none"
            spec = spec_of(arm.model, Scope.FROZEN, arm=arm, init_source=source, trial=number,
                           hyper=HyperParams(lr=1e-3 * (number + 1)), train_images=64, samples=64,
                           validation_images=50)  # fmt: skip
            record = run(spec, shop).record
            assert record.cached_seconds is not None, record.reason
            cached.append(record.cached_seconds > 0)
    assert cached == [False] * 4 + [True] * 4


def test_what_memory_cannot_hold_lies_in_a_file(
    small: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build(ModelName.GOOGLENET, weights=None, resolution=32, fold=True, seed=0)

    def values() -> torch.Tensor:
        images = small.fashion.train_images[:64]
        return FeatureCache().compute(network, images, 32, small.runtime, lambda: None, training=50).values

    held = values()
    # Two of four entries of this size would fit a quarter of the memory, four would not.
    monkeypatch.setattr(features, "memory_gb", lambda: 10 * held.nbytes / 1e9)
    filed = values()
    assert torch.equal(filed, held)
    with open("/proc/self/maps") as maps:
        at = next(line for line in maps if _holds(line, filed.data_ptr()))
    assert at.rstrip().endswith("(deleted)")


def _holds(line: str, address: int) -> bool:
    low, high = (int(end, 16) for end in line.split()[0].split("-"))
    return low <= address < high
