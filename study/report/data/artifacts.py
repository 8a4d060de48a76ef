"""Reads the arrays that only figures need; a damaged file costs its figure, not the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.errors import StoreError
from study.field_types import Misshapen
from study.store.arrays import require_whole
from study.store.safe_load import read_arrays

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """The arrays of artifacts/*.npz.

    Attributes:
        files: the arrays of each file, by file name without ending.
        damaged: names of the files that were left out.
    """

    files: dict[str, Arrays]
    damaged: tuple[str, ...]

    def get(self, name: str) -> Arrays:
        return self.files.get(name, {})

    def array(self, name: str, key: str) -> npt.NDArray[Any] | None:
        return self.get(name).get(key)


def read_artifacts(folder: Path) -> Artifacts:
    """Reads all .npz files of a folder, except damaged or incomplete ones."""
    files: dict[str, Arrays] = {}
    damaged = []
    for path in sorted(folder.glob("*.npz")):
        try:
            found = read_arrays(path)
            require_whole(path.stem, found)
            files[path.stem] = found
        except (StoreError, Misshapen):
            damaged.append(path.name)
    return Artifacts(files=files, damaged=tuple(damaged))


def read_predictions(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """Returns float32 [n, 10] probabilities of the first n test images by key of the evaluation.

    Only the champion's are stored.

    Raises:
        StoreError: the file is damaged.
    """
    suffix = ".probabilities"
    # The labels are read too, so that `read_arrays` can check that there are not more answers than labels.
    stored = read_arrays(path, lambda key: key.endswith((suffix, "labels")))
    return {
        key.removesuffix(suffix): array.astype(np.float32)
        for key, array in stored.items()
        if key.endswith(suffix)
    }
