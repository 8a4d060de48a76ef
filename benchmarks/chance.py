"""Gives a simulated or toy study its baselines, which it has no time to measure."""

from __future__ import annotations

from study.datasets import FASHION_MNIST
from study.orchestration.results_export import BASELINES
from study.store.ledger import Ledger


def note_chance(ledger: Ledger, train_images: int = FASHION_MNIST.train_images) -> None:
    """Stores the baselines fact with chance alone, as if it had been measured."""
    row = {
        "name": "chance",
        "train_images": train_images,
        "test_images": 100,
        "test_accuracy": 0.1,
        "seconds": 0.0,
    }
    ledger.set_fact(BASELINES, [row])
