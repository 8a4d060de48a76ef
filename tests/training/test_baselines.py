"""The softmax regression on pixels: learnt from the images it is given, judged on those it is asked for."""

from __future__ import annotations

import pytest
import torch

from study.data import LabelledImages
from study.store.columns import CHANCE, PIXELS
from study.store.tables import BASELINE_COLUMNS
from study.training.baselines import pixel_baseline


@pytest.fixture(scope="module")
def rows(fashion: LabelledImages) -> dict[str, dict[str, object]]:
    found = pixel_baseline(fashion, torch.arange(2_000), torch.arange(1_000), lambda: False)
    return {str(row["name"]): row for row in found}


def test_it_reaches_what_two_thousand_images_allow(rows: dict[str, dict[str, object]]) -> None:
    """What a softmax regression makes of so few; run to its end it is no better."""
    assert 0.74 < float(str(rows[PIXELS]["test_accuracy"])) < 0.84
    assert rows[CHANCE]["test_accuracy"] == 0.1


def test_rows_are_those_of_the_table(rows: dict[str, dict[str, object]]) -> None:
    assert all(tuple(row) == BASELINE_COLUMNS for row in rows.values())
    assert (rows[PIXELS]["train_images"], rows[PIXELS]["test_images"]) == (2_000, 1_000)
    assert float(str(rows[PIXELS]["seconds"])) > 0


def test_it_learns_from_the_images_it_is_given(fashion: LabelledImages) -> None:
    """Of images without a class it never answers that class."""
    without = torch.nonzero(fashion.train_labels[:3_000] != 8)[:1_000, 0]
    bags = torch.nonzero(fashion.test_labels == 8)[:100, 0]
    found = pixel_baseline(fashion, without, bags, lambda: False)
    assert found[1]["test_accuracy"] == 0


def test_a_stop_leaves_the_regression_out(fashion: LabelledImages) -> None:
    found = pixel_baseline(fashion, torch.arange(100), torch.arange(100), lambda: True)
    assert [row["name"] for row in found] == [CHANCE]
