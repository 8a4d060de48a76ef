"""Finds FashionMNIST, reads it and makes sure that it is FashionMNIST."""

from __future__ import annotations

import hashlib
import socket
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from study.data.idx import Images, open_plain, read_csv, read_idx
from study.errors import DataError
from study.spec import TEST_IMAGES

CLASS_NAMES: dict[str, tuple[str, ...]] = {
    "ru": (
        "футболка", "брюки", "пуловер", "платье", "пальто",
        "сандалии", "рубашка", "кроссовки", "сумка", "ботильоны",
    ),
    "en": (
        "T-shirt/top", "trouser", "pullover", "dress", "coat",
        "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
}  # fmt: skip

ALL_TRAINING = 60_000
#: `content_sha256` of the set that Zalando published, computed from Debian's package.
CONTENT_SHA256 = "cdaefe7020b947301f0560c07227fd2cd91a7b3a0511c6f929840a1f1baa1f46"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
TORCHVISION_ROOT = Path("data")
DOWNLOAD_TIMEOUT = 10.0
_PARTS = (("train", "train", ALL_TRAINING), ("t10k", "test", TEST_IMAGES))

_Part = tuple[Images, Images]


@dataclass(frozen=True, kw_only=True)
class FashionMNIST:
    """The whole set. Images uint8 [N, 28, 28] in 0…255, labels int64 [N] in 0…9."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    source: str
    sha256: str


def load(data_dir: Path | None = None, *, offline: bool = False) -> FashionMNIST:
    """Look in `data_dir`; without one, in ./data, in Debian's package, then download.

    Raises:
        DataError: nothing was found, a file is damaged, or the content is not FashionMNIST.
    """
    if data_dir is not None:
        if not data_dir.is_dir():
            raise DataError(f"data directory {data_dir} does not exist or is not a directory")
        found = _from_folder(data_dir)
        if found is None:
            raise DataError(f"no FashionMNIST files (idx, CSV or zip) in {data_dir}")
        return _checked(*found)
    for folder, label in ((TORCHVISION_ROOT, ""), (DEBIAN_FOLDER, "debian")):
        found = _from_folder(folder) if folder.is_dir() else None
        if found is not None:
            parts, source = found
            return _checked(parts, label or source)
    if not offline:
        _download()
        found = _from_folder(TORCHVISION_ROOT)
        if found is not None:
            return _checked(found[0], "download")
    raise DataError(
        "FashionMNIST was not found; give --data-dir, or: apt-get install dataset-fashion-mnist"
    )


def content_sha256(train: _Part, test: _Part) -> str:
    """SHA-256 over the labelled images of each part in sorted order.

    Sorted, because Kaggle's CSV files order the rows differently. The hash proves that the
    images, their labels and the division into train and test are the published ones; it does
    not prove their order, and nothing in the study relies on the order of the files.
    """
    digest = hashlib.sha256()
    for images, labels in (train, test):
        rows = np.concatenate([labels[:, None], images.reshape(len(images), -1)], axis=1)
        records = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1]))).ravel()
        digest.update(b"".join(sorted(record.tobytes() for record in records)))
    return digest.hexdigest()


def _checked(parts: tuple[_Part, _Part], source: str) -> FashionMNIST:
    for _, labels in parts:
        if labels.max(initial=0) > 9:
            raise DataError(f"{source}: a label is {int(labels.max())}, labels are 0…9")
    found = content_sha256(*parts)
    if found != CONTENT_SHA256:
        raise DataError(
            f"{source}: the images are not FashionMNIST as published "
            f"(content {found[:12]}…, expected {CONTENT_SHA256[:12]}…)"
        )
    train, test = parts
    return FashionMNIST(
        train_images=torch.from_numpy(train[0]),
        train_labels=torch.from_numpy(train[1].astype(np.int64)),
        test_images=torch.from_numpy(test[0]),
        test_labels=torch.from_numpy(test[1].astype(np.int64)),
        source=source,
        sha256=found,
    )


def _from_folder(folder: Path) -> tuple[tuple[_Part, _Part], str] | None:
    """The first complete form found in `folder` or one or two folders below it."""
    places = [folder, *sorted(p for p in folder.glob("*") if p.is_dir()), folder / "FashionMNIST/raw"]
    readers: tuple[tuple[str, Callable[[Path], tuple[_Part, _Part] | None]], ...] = (
        ("idx", _idx_files),
        ("kaggle-csv", _csv_files),
        ("kaggle-zip", _zip_file),
    )
    for name, read in readers:
        for place in places:
            parts = read(place) if place.is_dir() else None
            if parts is not None:
                return parts, name
    return None


def _idx_files(folder: Path) -> tuple[_Part, _Part] | None:
    paths: list[Path] = []
    for prefix, _, _ in _PARTS:
        for kind in ("images-idx3-ubyte", "labels-idx1-ubyte"):
            names = [folder / f"{prefix}-{kind}{end}" for end in ("", ".gz")]
            path = next((p for p in names if p.is_file()), None)
            if path is None:
                return None
            paths.append(path)
    arrays = []
    for path, count, dimensions in zip(
        paths, (ALL_TRAINING, ALL_TRAINING, TEST_IMAGES, TEST_IMAGES), (3, 1, 3, 1), strict=True
    ):
        try:
            with open_plain(path) as stream:
                arrays.append(read_idx(stream, str(path), count, dimensions))
        except OSError as error:
            raise DataError(f"{path}: {error.strerror or error}") from error
    return (arrays[0], arrays[1]), (arrays[2], arrays[3])


def _csv_files(folder: Path) -> tuple[_Part, _Part] | None:
    paths = [folder / f"fashion-mnist_{name}.csv" for _, name, _ in _PARTS]
    if not all(path.is_file() for path in paths):
        return None
    parts = []
    for path, (_, _, count) in zip(paths, _PARTS, strict=True):
        with path.open("rb") as stream:
            parts.append(read_csv(stream, str(path), count))
    return parts[0], parts[1]


def _zip_file(folder: Path) -> tuple[_Part, _Part] | None:
    for path in (folder / "archive.zip", folder / "fashionmnist.zip"):
        if not path.is_file():
            continue
        try:
            with zipfile.ZipFile(path) as archive:
                parts = []
                for _, name, count in _PARTS:
                    with archive.open(f"fashion-mnist_{name}.csv") as stream:
                        parts.append(read_csv(stream, f"{path}:{name}", count))
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise DataError(f"{path}: not Kaggle's archive ({error})") from error
        return parts[0], parts[1]
    return None


def _download() -> None:
    from torchvision.datasets import FashionMNIST as Downloader

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        Downloader(str(TORCHVISION_ROOT), train=True, download=True)
    except Exception as error:  # the mirrors fail in many ways; each means "not reachable"
        raise DataError(
            "FashionMNIST is not on this machine and could not be downloaded "
            f"({type(error).__name__}); apt-get install dataset-fashion-mnist, or give --data-dir"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
