"""The intervals of the champion, and of its lead over the regression on pixels, are exact at the ends."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from scipy import stats

from study.analysis.adequacy import adequacy
from study.analysis.arms import CHAMPION
from study.analysis.evidence import Measured
from study.analysis.verdicts import Verdict
from study.datasets import FASHION_MNIST
from study.store.columns import PIXELS


def _judged(right: int, images: int, pixels: float) -> Measured:
    row: dict[str, Any] = {
        "run_id": "x",
        "model": "googlenet",
        "init": "pretrained",
        "scope": "full",
        "lr_policy": "uniform",
        "role": CHAMPION,
        "rung": 64_000,
        "train_seconds": 60.0,
        "train_accuracy": right / images,
        "val_accuracy": right / images,
        "test_accuracy": right / images,
        "test_images": images,
        "macro_f1": 0.9,
        "test_loss": 0.1,
        "ece": 0.01,
    }
    simple = {"name": PIXELS, "train_images": 800, "test_images": images, "test_accuracy": pixels}
    return adequacy(row, {}, pd.DataFrame([simple]), FASHION_MNIST)


@pytest.mark.parametrize("right", [0, 120, 200])
def test_the_interval_is_that_of_clopper_and_pearson(right: int) -> None:
    numbers = _judged(right, 200, 0.5).numbers
    low = stats.beta.ppf(0.025, right, 201 - right) if right else 0.0
    high = stats.beta.ppf(0.975, right + 1, 200 - right) if right < 200 else 1.0
    assert (numbers["test_low"], numbers["test_high"]) == pytest.approx((low, high))


def test_two_that_are_always_right_are_not_known_to_differ() -> None:
    found = _judged(200, 200, 1.0)
    low, high = found.numbers["difference_low_pp"], found.numbers["difference_high_pp"]
    assert low == pytest.approx(-high) and high == pytest.approx(100 * (1 - 0.025 ** (1 / 200)))
    assert found.verdict is Verdict.REFUTED and found.numbers["beats_pixels"] is False


def test_a_clear_lead_is_adequate() -> None:
    assert _judged(9_290, 10_000, 0.833).verdict is Verdict.SUPPORTED
