"""Similarity of activations: its invariances, its limits, and what the hooks take from the networks."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from study.data import LabelledImages, to_input
from study.explain.drift import (
    activation_similarity,
    linear_cka,
    relative_change,
    stage_activations,
)
from study.models import build
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.training.run import Workshop
from study.training.runtime import detect

WIDTHS = {
    VGG11: [64, 128, 256, 512, 512, 4096, 4096, 10],
    GOOGLENET: [64, 192, 480, 832, 1024, 10],
}


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def shop(fashion: LabelledImages, tmp_path: Path) -> Workshop:
    return Workshop(images=fashion, runtime=detect("cpu", "fp32"), weights={}, folder=tmp_path)


def test_turned_scaled_and_shifted_features_are_the_same(generator: torch.Generator) -> None:
    x = torch.randn(200, 30, generator=generator)
    turn, _ = torch.linalg.qr(torch.randn(30, 30, generator=generator))
    assert linear_cka(x, x) == pytest.approx(1, abs=1e-6)
    assert linear_cka(x, 1e-12 * x @ turn + 7e-12) == pytest.approx(1, abs=1e-4)


def test_stretching_one_direction_is_a_change(generator: torch.Generator) -> None:
    x = torch.randn(200, 30, generator=generator)
    stretched = x * torch.tensor([20.0] + [1.0] * 29)
    assert linear_cka(x, stretched) < 0.5


def test_independent_features_are_nearly_unlike(generator: torch.Generator) -> None:
    x, y = (torch.randn(1_000, width, generator=generator) for width in (10, 20))
    assert 0 <= linear_cka(x, y) < 0.05
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x))
    half = torch.cat([x[:, :5], y[:, :5]], 1)
    assert linear_cka(x, y) < linear_cka(x, half) < 1


def test_features_that_do_not_vary_have_no_similarity() -> None:
    assert math.isnan(linear_cka(torch.ones(20, 3), torch.arange(20.0)[:, None]))


@pytest.mark.parametrize("model", DEFAULT)
def test_every_stage_is_heard_once(model: ModelName, shop: Workshop) -> None:
    network = build(model, weights=None, resolution=32, fold=True, seed=0).train()
    images = shop.images.test_images[:3]
    found = stage_activations(network, images, 32, shop.runtime)
    assert list(found) == [stage.name for stage in network.stages]
    assert [tuple(value.shape) for value in found.values()] == [(3, width) for width in WIDTHS[model]]
    assert all(bool((value >= 0).all()) for name, value in found.items() if name != "head")
    assert network.training and not any(m._forward_hooks for m in network.modules())
    with torch.inference_mode():
        logits = network.eval()(to_input(images, 32))
    assert torch.allclose(found["head"], logits, atol=1e-5)


def test_only_what_follows_a_changed_layer_changes(shop: Workshop) -> None:
    before, after = (build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0) for _ in range(2))
    with torch.no_grad():
        after.body.inception4a.branch1.conv.weight.normal_(
            0, 0.05, generator=torch.Generator().manual_seed(1)
        )
    alike = activation_similarity(before, after, 32, shop)
    assert [alike[name] for name in ("conv1", "conv2", "inception3")] == pytest.approx([1.0] * 3)
    assert alike["inception4"] < 0.999
    moved = relative_change(before, after)
    assert [name for name, change in moved.items() if change] == ["inception4"]
