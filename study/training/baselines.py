"""What a network has to beat: chance, and a softmax regression on bare pixels of the same images."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from sklearn.linear_model import LogisticRegression
from torch import Tensor

from study.data import FashionMNIST


def pixel_baseline(
    fashion: FashionMNIST, pool: Tensor, test: Tensor, stop: Callable[[], bool]
) -> list[dict[str, Any]]:
    """Rows of baselines.csv."""
    began = time.monotonic()
    x = fashion.train_images[pool].flatten(1).float().numpy() / 255
    model = LogisticRegression(max_iter=60, C=0.1)
    model.fit(x, fashion.train_labels[pool].numpy())
    right = model.predict(fashion.test_images[test].flatten(1).float().numpy() / 255)
    accuracy = float((right == fashion.test_labels[test].numpy()).mean())
    return [
        {"name": "chance", "train_images": 0, "test_images": len(test), "test_accuracy": 0.1,
         "seconds": 0.0},
        {"name": "softmax on pixels", "train_images": len(pool), "test_images": len(test),
         "test_accuracy": accuracy, "seconds": time.monotonic() - began},
    ]  # fmt: skip
