"""Projects features before training onto a plane, for pretrained and for random weights."""

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
from study.explain.untrained import fresh_network
from study.models import Network
from study.records import RunRecord
from study.spec import Init
from study.store.files import write_arrays
from study.training.workshop import Workshop

#: Number of test images per class.
PER_CLASS = 50
BATCH = 100

Values = npt.NDArray[np.float64]


def write_featuremap(record: RunRecord, shop: Workshop, folder: Path, stop: Callable[[], None]) -> None:
    """Writes featuremap-<model>.npz: the output layer's input before training, for both inits.

    It contains the points of a principal component analysis, the share of variance that they explain, and
    the values of `between_share` and `neighbour_accuracy`.

    Args:
        record: any run of the network; its seed determines the random weights.
        shop: data, runtime and pre-trained weights.
        folder: the folder of artifacts.
        stop: is called between batches; an exception that it raises ends the computation.
    """
    labels, count = shop.images.test_labels, len(shop.images.data.classes)
    index = torch.cat([torch.nonzero(labels == c)[:PER_CLASS, 0] for c in range(count)])
    images, classes = shop.images.test_images[index], labels[index].numpy()
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
    """Returns features with zero mean and unit standard deviation, float64 [N, F].

    Frozen arms use standardised features too, because raw features of an untrained GoogLeNet are near
    1e-11. Features that do not vary are omitted.

    Args:
        network: in evaluation mode.
        images: uint8 [N, side, side].
        resolution: side of the images in pixels.
        stop: is called before each batch; an exception that it raises ends the computation.
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
    """Returns the share of the variance of features [N, F] that lies between class means, in [0, 1]."""
    centre = values.mean(0)
    between = sum(
        float((classes == c).sum() * np.square(values[classes == c].mean(0) - centre).sum())
        for c in np.unique(classes)
    )
    return between / float(np.square(values - centre).sum())


def neighbour_accuracy(values: Values, classes: npt.NDArray[np.int64]) -> float:
    """Returns the share of objects whose nearest other object belongs to their class, in [0, 1].

    The distance is Euclidean over all features [N, F].
    """
    fitted = KNeighborsClassifier(n_neighbors=1).fit(values, classes)
    nearest = fitted.kneighbors(return_distance=False)[:, 0]
    return float((classes[nearest] == classes).mean())
