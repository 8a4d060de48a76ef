"""Finds, checks and splits a data set and prepares its images as tensors."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from study.data.augment import augment, shades, to_input
from study.data.labelled_images import LabelledImages, Part, content_sha256
from study.data.splits import Split, balanced_order, split
from study.datasets import DatasetDescriptor

__all__ = [
    "LabelledImages",
    "Part",
    "Split",
    "augment",
    "balanced_order",
    "content_sha256",
    "load",
    "shades",
    "split",
    "to_input",
]


def load(
    data: DatasetDescriptor,
    data_dir: Path | None = None,
    *,
    offline: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> LabelledImages:
    """Reads a data set with the reader that its descriptor names.

    Args:
        data: the data set.
        data_dir: the only folder to read from, or an archive; None for the usual folders.
        offline: whether a download is forbidden.
        stop: is called during a download; True ends it.

    Raises:
        DataError: no data set is found, a file is damaged, or the content is not the published one.
    """
    module, name = data.reader.split(":")
    read: Callable[..., LabelledImages] = getattr(import_module(module), name)
    return read(data, data_dir, offline=offline, stop=stop)
