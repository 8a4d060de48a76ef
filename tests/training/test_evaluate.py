"""Measures of quality against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from study.data import to_input
from study.spec import RESOLUTIONS
from study.training.evaluate import (
    batches_of,
    evaluation_batch,
    expected_calibration_error,
    macro_f1,
    quality,
)
from study.training.run import Workshop


def _rows(*rows: tuple[int, float]) -> np.ndarray:
    """Probabilities with `share` at `label` and the rest spread evenly."""
    out = np.zeros((len(rows), 10), np.float32)
    for row, (label, share) in zip(out, rows, strict=True):
        row[:] = (1 - share) / 9
        row[label] = share
    return out


def test_calibration_error_is_the_weighted_gap() -> None:
    # Two objects at confidence 0.8, one right: gap 0.3. Two at 0.6, both right: gap 0.4.
    predicted = _rows((0, 0.8), (1, 0.8), (2, 0.6), (3, 0.6))
    truth = np.array([0, 9, 2, 3])
    assert expected_calibration_error(predicted, truth) == pytest.approx((2 * 0.3 + 2 * 0.4) / 4)


def test_a_batch_has_as_many_pixels_at_every_resolution() -> None:
    sizes = [evaluation_batch(resolution) for resolution in RESOLUTIONS]
    assert sizes == [500, 125, 55, 31, 16]


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_every_image_passes_in_order_and_batches_stay_small(small: Workshop, resolution: int) -> None:
    largest = 0

    def brightness(x: torch.Tensor) -> torch.Tensor:
        nonlocal largest
        largest = max(largest, x.numel())
        return x.mean((1, 2, 3)).unsqueeze(1)

    images = small.images.train_images
    found = torch.cat(list(batches_of(brightness, images, resolution, small.runtime)))
    assert largest <= max(500 * 32**2, 16 * resolution**2)
    at_once = to_input(images, resolution).mean((1, 2, 3)).unsqueeze(1)
    assert torch.allclose(found, at_once, atol=1e-6)


def test_full_confidence_has_a_bin() -> None:
    assert expected_calibration_error(_rows((0, 1.0)), np.array([0])) == pytest.approx(0.0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=60))
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    """Classes that neither side has are left out, and one that only one side has counts as nothing."""
    truth, predicted = np.array(pairs).T
    expected = f1_score(truth, predicted, average="macro", zero_division=0)
    assert macro_f1(predicted, truth) == pytest.approx(expected)


def test_accuracy_loss_and_f1() -> None:
    found = quality(_rows((0, 0.7), (1, 0.7), (1, 0.7)), torch.tensor([0, 1, 0]))
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.loss == pytest.approx(-(2 * np.log(0.7) + np.log(0.3 / 9)) / 3, rel=1e-5)
    assert found.macro_f1 == pytest.approx((2 / 3 + 2 / 3) / 2)
