"""How many workers a machine has room for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from study.datasets import FASHION_MNIST
from study.training.runtime import WORKER_GB, worker_gb


def test_a_large_set_of_images_makes_workers_larger() -> None:
    """110,000 colour pictures of 64×64 pixels are 1.35 GB, of which a worker has four copies at most."""
    large = replace(FASHION_MNIST, train_images=90_000, validation_images=10_000, side=64, channels=3)
    assert worker_gb(FASHION_MNIST) == pytest.approx(WORKER_GB, abs=0.01)
    assert worker_gb(large) == pytest.approx(WORKER_GB + 4 * (1.35 - 0.055), abs=0.02)
