"""Finds and reads a data set of the MNIST family, and verifies by SHA-256 that it is the published one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from study.data.download import download, remedy
from study.data.labelled_images import LabelledImages, content_sha256
from study.data.readers import Found, read_folder, read_place
from study.datasets import DatasetDescriptor
from study.errors import DataError

DOWNLOAD_ROOT = Path("data")
#: Source of a person's own data set, whose files lie in the results directory.
OWN = "own"
_SOURCES = {"idx": "data-dir:idx", "csv": "kaggle-csv"}


def load(
    data: DatasetDescriptor,
    data_dir: Path | None = None,
    *,
    offline: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> LabelledImages:
    """Reads a data set from `data_dir`, or else from the usual folders, or else downloads it.

    The usual folders are torchvision's folder in ./data, the folder of the system's package or of the
    results, and ./data with Kaggle's files. A damaged data set is an error; it is never skipped in favour
    of another one.

    Args:
        data: the data set.
        data_dir: the only folder to read from, or an archive; None for the usual folders.
        offline: whether a download is forbidden.
        stop: is called during a download; True ends it.

    Raises:
        DataError: no data set is found, a file is damaged, or the content is not the published one.
    """
    if data_dir is not None:
        found = read_place(data_dir, data)
        if found is None:
            raise DataError(f"no {data.called} files (idx, CSV or zip) in {data_dir}")
        return _checked(found, _SOURCES[found.form], data)
    for folder, source in usual_folders(data):
        found = read_folder(folder, data) if folder.is_dir() else None
        if found is not None:
            return _checked(found, source or _SOURCES[found.form], data)
    if offline or not data.files.torchvision:
        raise DataError(f"{data.called} is not on this machine; {remedy(data)}")
    download(DOWNLOAD_ROOT, data, stop=stop)
    found = read_folder(downloaded(data), data)
    if found is None:
        raise DataError(
            f"the download left no complete {data.called} in {downloaded(data)}; {remedy(data)}"
        )
    return _checked(found, "download", data)


def downloaded(data: DatasetDescriptor) -> Path:
    """Returns the folder to which torchvision, or a download, writes the data set."""
    return DOWNLOAD_ROOT / data.files.torchvision / "raw"


def usual_folders(data: DatasetDescriptor) -> list[tuple[Path, str]]:
    """Returns the folders to look in, in order, and the source each stands for; "" says the file's form."""
    files = data.files
    return [
        *([(downloaded(data), "torchvision")] if files.torchvision else []),
        *([(Path(files.folder), "debian" if files.package else OWN)] if files.folder else []),
        (DOWNLOAD_ROOT, ""),
    ]


def _checked(found: Found, source: str, data: DatasetDescriptor) -> LabelledImages:
    sha256 = content_sha256(found.train, found.test)
    if data.sha256 and sha256 != data.sha256:
        parts = (found.train, found.test)
        names = [
            part.name
            for part, expected in zip(parts, data.part_sha256 or ("", ""), strict=True)
            if content_sha256(part) != expected
        ]
        form = "as the study kept them" if source == OWN else "as published"
        raise DataError(
            f"{' and '.join(names)}: the labelled images are not {data.called} {form} "
            f"(content {sha256[:12]}…, expected {data.sha256[:12]}…)"
        )
    return LabelledImages(
        train_images=torch.from_numpy(found.train.images),
        train_labels=torch.from_numpy(found.train.labels.astype(np.int64)),
        test_images=torch.from_numpy(found.test.images),
        test_labels=torch.from_numpy(found.test.labels.astype(np.int64)),
        source=source,
        sha256=sha256,
        data=data,
    )
