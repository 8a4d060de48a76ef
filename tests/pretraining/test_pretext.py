"""Weights come out of a pre-training only when the pretext was learnt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from study.models import build
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.pretraining import PretextPoint, PretextResult, Recipe, pretrain
from study.pretraining.batchnorm import fold_batchnorm, with_batchnorm
from study.pretraining.light_head import PretextNetwork
from study.pretraining.pretext_images import training_batch
from study.training.runtime import detect

TINY = Recipe(
    model=GOOGLENET,
    categories=12,
    instances=20,
    samples=1_280,
    batch_size=32,
    held_out=8,
    solid=0.0,
    gate=3.0,
    evaluations=2,
)
"""Learnable in seconds; the gate is lowered because a thousand pictures teach only so much."""
DRAWING = 3
"""So often a drawing of TINY's pictures asks whether to stop: categories, training, held out."""


def run(
    recipe: Recipe, cache: Path, *, seed: int = 0, stop_after: int | None = None
) -> tuple[PretextResult, list[PretextPoint], int]:
    """`stop_after`, and the number that comes back, count the questions after drawing."""
    asked = -DRAWING
    points: list[PretextPoint] = []

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return stop_after is not None and asked > stop_after

    result = pretrain(
        recipe.model,
        recipe,
        cache_dir=cache,
        seed=seed,
        runtime=detect("cpu", "fp32"),
        should_stop=should_stop,
        on_progress=points.append,
    )
    return result, points, asked


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[PretextResult, Path]:
    cache = tmp_path_factory.mktemp("cache")
    return run(TINY, cache)[0], cache


def test_a_learnt_pretext_passes_and_gives_weights(learnt: tuple[PretextResult, Path]) -> None:
    result, _ = learnt
    assert result.held_out_accuracy >= 3 / 12
    assert result.passed
    assert not result.cached
    assert [point.samples for point in result.curve] == [640, 1_280]
    assert result.curve[-1].accuracy == result.held_out_accuracy
    assert result.weights is not None
    assert result.weights.source == "fractal"
    assert result.weights.channels == 1


def test_the_weights_load_into_the_networks_of_the_study(
    learnt: tuple[PretextResult, Path],
) -> None:
    weights = learnt[0].weights
    assert weights is not None
    network = build(GOOGLENET, weights=weights, resolution=32, fold=True, seed=5)
    first = network.first_conv().weight
    assert torch.equal(first, weights.state["conv1.conv.weight"])


def test_a_second_training_comes_from_the_cache(learnt: tuple[PretextResult, Path]) -> None:
    result, cache = learnt
    again, points, asked = run(TINY, cache)
    assert again.cached
    assert (points, asked) == ([], -DRAWING), "nothing was drawn either"
    assert again.curve == result.curve
    assert again.seconds == result.seconds
    assert again.held_out_accuracy == result.held_out_accuracy
    assert result.weights is not None and again.weights is not None
    assert again.weights.sha256 == result.weights.sha256
    for name, tensor in result.weights.state.items():
        assert torch.equal(tensor, again.weights.state[name])


def test_another_seed_or_recipe_is_not_taken_from_the_cache(
    learnt: tuple[PretextResult, Path],
) -> None:
    _, cache = learnt
    assert not run(TINY, cache, seed=1, stop_after=0)[0].cached
    assert not run(replace(TINY, lr=0.04), cache, stop_after=0)[0].cached


@pytest.mark.parametrize("model", DEFAULT)
def test_stopped_at_once_fails_its_gate(model: ModelName, tmp_path: Path) -> None:
    result, points, _ = run(replace(TINY, model=model), tmp_path, stop_after=0)
    assert not result.passed
    assert result.weights is None
    assert result.held_out_accuracy < 3 / 12
    assert [point.samples for point in points] == [0]
    assert list(tmp_path.iterdir()) == []


def test_a_stop_is_obeyed_while_pictures_are_drawn(tmp_path: Path) -> None:
    result, points, asked = run(TINY, tmp_path, stop_after=1 - DRAWING)
    assert asked == 2 - DRAWING and not points
    assert not result.passed and result.weights is None and result.curve == ()
    assert list(tmp_path.iterdir()) == []


def test_a_stop_is_obeyed_at_the_next_step(tmp_path: Path) -> None:
    result, points, asked = run(TINY, tmp_path, stop_after=3)
    assert asked == 4
    assert [point.samples for point in points] == [3 * TINY.batch_size]
    assert result.curve == tuple(points)


def test_a_training_cut_short_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    easy = replace(TINY, gate=1e-6)
    cut, _, _ = run(easy, tmp_path, stop_after=2)
    assert cut.passed and cut.weights is not None
    assert not run(easy, tmp_path, stop_after=0)[0].cached


@pytest.fixture
def one_thread() -> Iterator[None]:
    """On a busy machine the mathematics library takes fewer threads, and sums in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_equal_seeds_give_equal_weights(tmp_path: Path) -> None:
    easy = replace(TINY, model=VGG11, samples=64, gate=1e-6, evaluations=1)
    first = run(easy, tmp_path / "a")[0].weights
    second = run(easy, tmp_path / "b")[0].weights
    other = run(easy, tmp_path / "c", seed=1)[0].weights
    assert first is not None and second is not None and other is not None
    assert all(torch.equal(tensor, second.state[name]) for name, tensor in first.state.items())
    assert not torch.equal(first.state["features.0.weight"], other.state["features.0.weight"])
    assert first.covers == "trunk"
    assert all(name.startswith("features.") for name in first.state)


def test_lent_batchnorm_folds_exactly() -> None:
    network = PretextNetwork(VGG11, 12, seed=0)
    with torch.no_grad():
        for module in network.trunk.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
        network.train()
        for _ in range(3):
            network(torch.randn(16, 1, 32, 32))
        network.eval()
        x = torch.rand(4, 1, 32, 32) * 2 - 1
        expected = network.trunk(x)
        plain = [m for m in network.trunk.children() if not isinstance(m, nn.BatchNorm2d)]
        network.finished()
        measured = nn.Sequential(*plain)(x)
    assert (measured - expected).abs().max() < 1e-4 * expected.abs().max()


def test_batchnorm_is_lent_after_every_convolution() -> None:
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.ReLU())
    lent = with_batchnorm(plain)
    kinds = [type(layer).__name__ for layer in lent]
    assert kinds == ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "BatchNorm2d", "ReLU"]
    assert lent[0] is plain[0]
    with pytest.raises(TypeError, match="follow a convolution"):
        fold_batchnorm(nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)))


def test_training_pictures_are_in_range_and_decided_by_the_generator() -> None:
    images = torch.randint(0, 256, (40, 32, 32), dtype=torch.uint8)
    first = training_batch(images, 0.6, torch.Generator().manual_seed(1))
    second = training_batch(images, 0.6, torch.Generator().manual_seed(1))
    assert first.shape == (40, 1, 32, 32)
    assert torch.equal(first, second)
    assert first.min() >= -1 and first.max() <= 1
    blank = training_batch(images * 0, 1.0, torch.Generator().manual_seed(1))
    assert blank.max() <= -0.9
