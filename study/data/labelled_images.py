"""The images and labels of a data set, as every reader returns them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor

from study.datasets import DatasetDescriptor


@dataclass(frozen=True, kw_only=True)
class LabelledImages:
    """A complete data set of `side`×`side` pixels, with C classes; in colour, images have a last axis of 3.

    Attributes:
        train_images: uint8 [N, side, side] in 0…255.
        train_labels: int64 [N] in 0…C − 1.
        test_images: uint8 [M, side, side] in 0…255.
        test_labels: int64 [M] in 0…C − 1.
        source: ``data-dir:idx``, ``kaggle-csv``, ``torchvision``, ``debian``, ``download`` or ``own``.
        sha256: see `content_sha256`.
        data: the data set's descriptor.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    source: str
    sha256: str
    data: DatasetDescriptor


@dataclass(frozen=True, kw_only=True)
class Part:
    """Train or test as read from files.

    Attributes:
        images: uint8 [N, side, side] or [N, side, side, 3].
        labels: uint8 [N].
        name: of the file, for error messages.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.uint8]
    name: str


def content_sha256(*parts: Part) -> str:
    """Returns the SHA-256 of the rows (label, pixels) of each part, sorted within the part.

    Rows are sorted because Kaggle's CSV files may have another order than the idx files. The digest proves
    that the images, their labels and the division into train and test are the published ones. It does not
    prove their order, so that a split by the same seed selects the same images only from files in the same
    order; all idx files have the same order.

    Args:
        *parts: train before test.
    """
    digest = hashlib.sha256()
    for part in parts:
        rows = np.column_stack([part.labels, part.images.reshape(len(part.images), -1)])
        digest.update(b"".join(sorted(row.tobytes() for row in rows)))
    return digest.hexdigest()
