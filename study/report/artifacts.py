"""Arrays and JSON that only pictures need; a damaged one costs its picture, not the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from study.errors import StoreError

Arrays = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Artifacts:
    """artifacts/*.npz by file name without ending; damaged names the files left out."""

    files: dict[str, Arrays]
    damaged: tuple[str, ...]

    def get(self, name: str) -> Arrays:
        return self.files.get(name, {})

    def array(self, name: str, key: str) -> npt.NDArray[Any] | None:
        return self.get(name).get(key)


def read_artifacts(folder: Path) -> Artifacts:
    files: dict[str, Arrays] = {}
    damaged = []
    for path in sorted(folder.glob("*.npz")):
        try:
            files[path.stem] = _arrays(path)
        except StoreError:
            damaged.append(path.name)
    return Artifacts(files=files, damaged=tuple(damaged))


def read_predictions(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """run_id → float32 [N, 10] test probabilities."""
    if not path.exists():
        return {}
    suffix = ".probabilities"
    with np.load(path, allow_pickle=False) as stored:
        return {
            key.removesuffix(suffix): stored[key].astype(np.float32)
            for key in stored.files
            if key.endswith(suffix)
        }


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object; empty where the file is absent.

    Raises:
        StoreError: the file is not a JSON object.
    """
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise StoreError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path.name} must hold a JSON object")
    return value


def _arrays(path: Path) -> Arrays:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except Exception as error:  # numpy raises zip, pickle, value and OS errors alike
        raise StoreError(f"{path.name} cannot be read as arrays: {error}") from error
