"""Finds and reads FashionMNIST, and verifies by SHA-256 that it is the published data set."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from study.data.download import download
from study.data.readers import Found, Part, read_folder, read_place
from study.dataset import FASHION_MNIST
from study.errors import DataError

CLASS_NAMES = FASHION_MNIST.classes

#: `content_sha256` of the data set that Zalando published. It is computed from Debian's package, whose
#: compressed files have the MD5 sums that torchvision lists.
CONTENT_SHA256 = "cdaefe7020b947301f0560c07227fd2cd91a7b3a0511c6f929840a1f1baa1f46"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
DOWNLOAD_ROOT = Path("data")
REMEDY = "give --data-dir with Kaggle's files, or run: apt-get install dataset-fashion-mnist"
_SOURCES = {"idx": "data-dir:idx", "csv": "kaggle-csv"}
#: `content_sha256` of train alone and of test alone, which identify the wrong file.
_PART_SHA256 = (
    "56016b2341e99c383df5cc0ed736f4afb12a6c90855d9f3d69981b294a0159ad",
    "b73438e78d64c9f337edad19c3eea888b49d646dbe27b46e4e3177218f3581e7",
)


@dataclass(frozen=True, kw_only=True)
class FashionMNIST:
    """The complete data set.

    Attributes:
        train_images: uint8 [60000, 28, 28] in 0…255.
        train_labels: int64 [60000] in 0…9.
        test_images: uint8 [10000, 28, 28] in 0…255.
        test_labels: int64 [10000] in 0…9.
        source: ``data-dir:idx``, ``kaggle-csv``, ``torchvision``, ``debian`` or ``download``.
        sha256: see `content_sha256`.
    """

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    source: str
    sha256: str


def load(
    data_dir: Path | None = None, *, offline: bool = False, stop: Callable[[], bool] = lambda: False
) -> FashionMNIST:
    """Reads the data set from `data_dir`, or else from the usual folders, or else downloads it.

    The usual folders are torchvision's folder in ./data, the folder of Debian's package, and ./data with
    Kaggle's files. A damaged data set is an error; it is never skipped in favour of another one.

    Args:
        data_dir: the only folder to read from, or an archive; None for the usual folders.
        offline: whether a download is forbidden.
        stop: is called during a download; True ends it.

    Raises:
        DataError: no data set is found, a file is damaged, or the content is not FashionMNIST.
    """
    if data_dir is not None:
        found = read_place(data_dir)
        if found is None:
            raise DataError(f"no FashionMNIST files (idx, CSV or zip) in {data_dir}")
        return _checked(found, _SOURCES[found.form])
    raw = DOWNLOAD_ROOT / "FashionMNIST" / "raw"
    for folder, source in ((raw, "torchvision"), (DEBIAN_FOLDER, "debian"), (DOWNLOAD_ROOT, "")):
        found = read_folder(folder) if folder.is_dir() else None
        if found is not None:
            return _checked(found, source or _SOURCES[found.form])
    if offline:
        raise DataError(f"FashionMNIST is not on this machine; {REMEDY}")
    download(DOWNLOAD_ROOT, stop=stop)
    found = read_folder(raw)
    if found is None:
        raise DataError(f"the download left no complete FashionMNIST in {raw}; {REMEDY}")
    return _checked(found, "download")


def content_sha256(*parts: Part) -> str:
    """Returns the SHA-256 of the rows (label, 784 pixels) of each part, sorted within the part.

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


def _checked(found: Found, source: str) -> FashionMNIST:
    sha256 = content_sha256(found.train, found.test)
    if sha256 != CONTENT_SHA256:
        names = [
            part.name
            for part, expected in zip((found.train, found.test), _PART_SHA256, strict=True)
            if content_sha256(part) != expected
        ]
        raise DataError(
            f"{' and '.join(names)}: the labelled images are not FashionMNIST as published "
            f"(content {sha256[:12]}…, expected {CONTENT_SHA256[:12]}…)"
        )
    return FashionMNIST(
        train_images=torch.from_numpy(found.train.images),
        train_labels=torch.from_numpy(found.train.labels.astype(np.int64)),
        test_images=torch.from_numpy(found.test.images),
        test_labels=torch.from_numpy(found.test.labels.astype(np.int64)),
        source=source,
        sha256=sha256,
    )
