"""Features of frozen backbones are computed once a study, in files that all its workers share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from study.data import LabelledImages
from study.matrix import arms
from study.models import Network, Weights, build, trunk_state
from study.networks import DEFAULT, GOOGLENET, ModelName
from study.spec import HyperParams, Init, Scope
from study.training import evaluate, features
from study.training.features import FeatureCache, Features
from study.training.loop import Stopped
from study.training.run import run
from study.training.runtime import detect
from study.training.workshop import Workshop, feature_folder
from tests.training.conftest import SpecOf

STATISTICS = 100


def _weights(model: ModelName) -> Weights:
    donor = build(model, weights=None, resolution=32, fold=True, seed=8)
    return Weights(source="fractal", sha256="", state=trunk_state(donor), channels=1, covers="trunk")


def test_rounds_over_all_frozen_arms_compute_each_once(small: Workshop, spec_of: SpecOf) -> None:
    shop = replace(small, weights={model: _weights(model) for model in DEFAULT})
    cached = []
    for number in range(2):
        for arm in (arm for arm in arms() if arm.scope is Scope.FROZEN):
            source = "fractal" if arm.init is Init.PRETRAINED else "none"
            spec = spec_of(
                arm.model,
                Scope.FROZEN,
                arm=arm,
                init_source=source,
                trial=number,
                hyper=HyperParams(lr=1e-3 * (number + 1)),
                train_images=64,
                rung=64,
            )
            record = run(spec, shop).record
            assert record.finished, record.reason
            cached.append(record.cached_seconds > 0)
    assert cached == [False] * 4 + [True] * 4


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 50 images, and statistics over two of them."""
    monkeypatch.setattr(evaluate, "EVALUATION_BATCH", 50)
    monkeypatch.setattr(features, "STATISTICS", STATISTICS)


@pytest.fixture
def network() -> Network:
    found = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=0)
    found.freeze()
    return found


def _compute(
    folder: Path, network: Network, fashion: LabelledImages, count: int, seed: int = 0
) -> Features:
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(60_000, generator=generator)[:count]
    return FeatureCache(folder).compute(
        network, fashion.train_images[order], 32, detect("cpu", "fp32"), lambda: None
    )


def _same(one: Features, other: Features, count: int) -> bool:
    return (
        torch.equal(one.values[:count], other.values[:count])
        and torch.equal(one.mean, other.mean)
        and torch.equal(one.std, other.std)
    )


def test_a_longer_prefix_and_another_worker_use_what_is_there(
    network: Network, fashion: LabelledImages, tmp_path: Path
) -> None:
    """To the last bit, whoever computes what."""
    short = _compute(tmp_path / "a", network, fashion, STATISTICS)
    assert short.saved == 0 < short.seconds and short.values.shape == (STATISTICS, 1024)
    long = _compute(tmp_path / "a", network, fashion, STATISTICS + 50)
    assert _same(long, short, STATISTICS)
    assert long.saved == pytest.approx(short.seconds) and long.seconds > long.saved
    other = _compute(tmp_path / "b", network, fashion, STATISTICS + 50)
    assert other.saved == 0 and _same(other, long, STATISTICS + 50)
    again = _compute(tmp_path / "a", network, fashion, STATISTICS)
    assert again.saved == again.seconds == pytest.approx(short.seconds) and _same(again, short, STATISTICS)


@pytest.mark.parametrize("name", ["000050-00050.npz", "statistics.npz"])
def test_a_damaged_file_is_made_anew(
    name: str, network: Network, fashion: LabelledImages, tmp_path: Path
) -> None:
    first = _compute(tmp_path, network, fashion, STATISTICS)
    (path,) = tmp_path.glob(f"*/{name}")
    whole = path.read_bytes()
    for damage in (whole[: len(whole) // 2], b"", whole[:-300] + bytes([whole[-300] ^ 1]) + whole[-299:]):
        path.write_bytes(damage)
        again = _compute(tmp_path, network, fashion, STATISTICS)
        assert _same(again, first, STATISTICS)
        assert len(path.read_bytes()) == len(whole), "and is whole again"


def test_other_images_or_another_network_have_features_of_their_own(
    network: Network, fashion: LabelledImages, tmp_path: Path
) -> None:
    one = _compute(tmp_path, network, fashion, 50)
    assert _compute(tmp_path, network, fashion, 50, seed=1).saved == 0
    other = build(GOOGLENET, weights=None, resolution=32, fold=True, seed=1)
    found = _compute(tmp_path, other, fashion, 50)
    assert found.saved == 0 and not torch.equal(found.values, one.values)
    with torch.no_grad():
        network.head.weight.add_(1.0)
    assert _compute(tmp_path, network, fashion, 50).saved > 0, "the output layer does not matter"


def test_a_full_disk_costs_the_cache_and_not_the_run(small: Workshop, spec_of: SpecOf) -> None:
    feature_folder(small.folder).parent.mkdir(parents=True)
    feature_folder(small.folder).touch()  # nothing can be written below a file
    record = run(spec_of(GOOGLENET, Scope.FROZEN, train_images=64, rung=64), small).record
    assert record.finished and record.cached_seconds == 0


def test_it_ends_between_two_batches(network: Network, fashion: LabelledImages, tmp_path: Path) -> None:
    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        FeatureCache(tmp_path).compute(network, fashion.train_images[:50], 32, detect("cpu", "fp32"), stop)
    assert not list(tmp_path.iterdir())
