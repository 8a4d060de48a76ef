"""Reads the arrays behind figures; a damaged file costs its figure, not the report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from study.errors import StoreError
from study.store.arrays import is_whole
from study.store.safe_load import Arrays, read_arrays


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

    def whole(self) -> Artifacts:
        """Returns the files that have all arrays of their figure; the others count as damaged."""
        files = {name: arrays for name, arrays in self.files.items() if is_whole(name, arrays)}
        lost = (f"{name}.npz" for name in self.files if name not in files)
        return Artifacts(files=files, damaged=tuple(sorted((*self.damaged, *lost))))


def read_artifacts(folder: Path, classes: int) -> Artifacts:
    """Reads all .npz files of a folder, except damaged ones, for a data set of so many classes."""
    files: dict[str, Arrays] = {}
    damaged = []
    for path in sorted(folder.glob("*.npz")):
        try:
            files[path.stem] = read_arrays(path, classes)
        except StoreError:
            damaged.append(path.name)
    return Artifacts(files=files, damaged=tuple(damaged))
