"""The plane of features: what is stored, and the two numbers of separation on planted classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from finished import record_of

from study.explain.feature_plane import between_share, neighbour_accuracy, write_featuremap
from study.spec import Init, Scope
from study.training.loop import Stopped
from study.training.run import Workshop


def test_numbers_of_separation_follow_the_classes() -> None:
    rng = np.random.default_rng(0)
    classes = np.arange(300) % 3
    apart = rng.normal(0, 1, (300, 5)) + 20 * np.eye(3, 5)[classes]
    mixed = rng.normal(0, 1, (300, 5))
    assert neighbour_accuracy(apart, classes) == 1.0
    assert between_share(apart, classes) > 0.9
    assert neighbour_accuracy(mixed, classes) < 0.5
    assert between_share(mixed, classes) < 0.05


def test_file_compares_both_inits(shop: Workshop, tmp_path: Path) -> None:
    write_featuremap(record_of(Init.SCRATCH, Scope.FULL), shop, tmp_path, lambda: None)
    with np.load(tmp_path / "featuremap-googlenet.npz") as stored:
        assert np.array_equal(stored["labels"], np.sort(shop.images.test_labels))
        for init in ("pretrained", "scratch"):
            assert stored[f"{init}.points"].shape == (100, 2)
            first, second = stored[f"{init}.explained"]
            assert 1 > first > second > 0
            # Even random features put like clothes side by side: well above one in ten.
            assert 0.3 < stored[f"{init}.neighbour"] < 1
        assert not np.array_equal(stored["pretrained.points"], stored["scratch.points"])


def test_it_gives_up_when_told(shop: Workshop, tmp_path: Path) -> None:
    def stop() -> None:
        raise Stopped

    with pytest.raises(Stopped):
        write_featuremap(record_of(Init.SCRATCH, Scope.FULL), shop, tmp_path, stop)
    assert not list(tmp_path.iterdir())
