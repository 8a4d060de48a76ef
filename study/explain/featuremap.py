"""Features before any training on the task, pretrained against random, seen in a plane."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from study.data import to_input
from study.explain.fresh import fresh_network
from study.models import Network
from study.models.network import CLASSES
from study.records import RunRecord
from study.spec import Init
from study.store.files import write_arrays
from study.training.workshop import Workshop

#: Test images of every class.
PER_CLASS = 50
BATCH = 100

Values = npt.NDArray[np.float64]


def write_featuremap(
    record: RunRecord, shop: Workshop, folder: Path, stop: Callable[[], None]
) -> None:
    """artifacts/featuremap-<model>.npz: what the output layer gets before training, by both inits.

    Args:
        record: any run of the model; its seed draws the random weights.
        stop: called between batches; raises to give up.
    """
    labels = shop.fashion.test_labels
    index = torch.cat([torch.nonzero(labels == c)[:PER_CLASS, 0] for c in range(CLASSES)])
    images, classes = shop.fashion.test_images[index], labels[index].numpy()
    arrays: dict[str, npt.NDArray[Any]] = {"index": index.numpy(), "labels": classes}
    for init in Init:
        network = fresh_network(record, shop, init).to(shop.runtime.device).eval()
        values = standardised_features(network, images, record.spec.resolution, stop)
        stop()
        plane = PCA(n_components=2, svd_solver="arpack", random_state=0)
        arrays |= {
            f"{init}.points": plane.fit_transform(values).astype(np.float32),
            f"{init}.explained": plane.explained_variance_ratio_,
            f"{init}.between": np.array(between_share(values, classes)),
            f"{init}.neighbour": np.array(neighbour_accuracy(values, classes)),
        }
    write_arrays(folder / f"featuremap-{record.spec.arm.model}.npz", arrays)


@torch.inference_mode()
def standardised_features(
    network: Network, images: Tensor, resolution: int, stop: Callable[[], None] = lambda: None
) -> Values:
    """Features of uint8 images [N, 28, 28], each with zero mean and unit deviation; float64 [N, F].

    As the frozen arms see them: raw features of an untrained GoogLeNet lie near 1e-11. Features
    that do not vary are left out.
    """
    device = next(network.parameters()).device
    parts = []
    for chunk in images.split(BATCH):  # type: ignore[no-untyped-call]
        stop()
        parts.append(network.features(to_input(chunk.to(device), resolution)).float().cpu())
    values = torch.cat(parts).double().numpy()
    spread = values.std(0)
    alive = spread > 0
    result: Values = (values[:, alive] - values[:, alive].mean(0)) / spread[alive]
    return result


def between_share(values: Values, classes: npt.NDArray[np.int64]) -> float:
    """Share of the variance of features [N, F] that lies between the class means, in [0, 1]."""
    centre = values.mean(0)
    between = sum(
        float((classes == c).sum() * np.square(values[classes == c].mean(0) - centre).sum())
        for c in np.unique(classes)
    )
    return between / float(np.square(values - centre).sum())


def neighbour_accuracy(values: Values, classes: npt.NDArray[np.int64]) -> float:
    """Share of objects whose nearest other object (Euclidean, all features) is of their class."""
    fitted = KNeighborsClassifier(n_neighbors=1).fit(values, classes)
    nearest = fitted.kneighbors(return_distance=False)[:, 0]
    return float((classes[nearest] == classes).mean())
