"""Everything the analysis reads from a results directory, each part absent or typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.errors import StoreError
from study.store.tables import (
    EXPERIMENT_COLUMNS,
    HISTORY_COLUMNS,
    RESULT_COLUMNS,
    TRIAL_COLUMNS,
)

_TEXT = {
    "run_id", "model", "init", "init_source", "scope", "lr_policy", "state", "checkpoint", "reason",
    "experiment", "first_conv",
}  # fmt: skip
Classes = Mapping[str, npt.NDArray[np.uint8]]
ByStage = Mapping[str, tuple[list[str], list[float]]]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """results/ as values. JSON files that are absent are empty dictionaries.

    predictions: run_id → uint8 [N] predicted classes; labels: uint8 [N] or None.
    drift: run_id → (stage names, relative change of each stage ‖Δw‖/‖w‖).
    cka: run_id → (stage names, similarity of each stage's activations before and after training).
    chosen: arrays of artifacts/object.npz.
    """

    results: pd.DataFrame
    trials: pd.DataFrame
    experiments: pd.DataFrame
    history: pd.DataFrame
    predictions: Classes = field(default_factory=dict)
    labels: npt.NDArray[np.uint8] | None = None
    plan: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    architecture: dict[str, Any] = field(default_factory=dict)
    pretraining: dict[str, Any] = field(default_factory=dict)
    witness: dict[str, Any] = field(default_factory=dict)
    drift: ByStage = field(default_factory=dict)
    cka: ByStage = field(default_factory=dict)
    chosen: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


def read_sources(folder: Path) -> Sources:
    """Read what is there.

    Raises:
        StoreError: a file exists but is not what its name says.
    """
    stored = _arrays(folder / "predictions.npz", wanted=lambda key: not key.endswith("abilities"))
    labels = stored.pop("labels", None)
    size = None if labels is None else labels.shape
    change = _arrays(folder / "artifacts" / "drift.npz")
    return Sources(
        results=_table(folder / "results.csv", RESULT_COLUMNS),
        trials=_table(folder / "trials.csv", TRIAL_COLUMNS),
        experiments=_table(folder / "experiments.csv", EXPERIMENT_COLUMNS),
        history=_table(folder / "history.csv", HISTORY_COLUMNS),
        predictions={
            key.removesuffix(".class"): value
            for key, value in stored.items()
            if key.endswith(".class") and value.shape == size
        },
        labels=labels,
        plan=_object(folder / "plan.json"),
        environment=_object(folder / "environment.json"),
        architecture=_object(folder / "architecture.json"),
        pretraining=_object(folder / "pretraining.json"),
        witness=_object(folder / "witness.json"),
        drift=_by_stage(change, "relative_change"),
        cka=_by_stage(change, "cka"),
        chosen=_arrays(
            folder / "artifacts" / "object.npz",
            wanted=lambda key: key in ("index", "label", "run_ids", "probabilities"),
        ),
    )


def _table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    if not path.exists():
        return pd.DataFrame(columns=list(columns))
    try:
        table = pd.read_csv(path, keep_default_na=False, na_values=["", "nan", "NaN"])
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise StoreError(f"{path.name} cannot be read as a table: {error}") from error
    for column in columns:
        if column not in table:
            table[column] = None
        if column in _TEXT:
            table[column] = table[column].astype(object).where(table[column].notna(), "")
        else:
            table[column] = pd.to_numeric(table[column], errors="coerce")
    return table


def _object(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise StoreError(f"{path.name} is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise StoreError(f"{path.name} must hold a JSON object")
    return value


def _arrays(path: Path, wanted: Any = lambda key: True) -> dict[str, npt.NDArray[Any]]:
    if not path.exists():
        return {}
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files if wanted(key)}
    except Exception as error:  # numpy raises zip, pickle, value and OS errors alike
        raise StoreError(f"{path.name} cannot be read as arrays: {error}") from error


def _by_stage(stored: dict[str, npt.NDArray[Any]], quantity: str) -> ByStage:
    result = {}
    for key, change in stored.items():
        run_id = key.removesuffix(f".{quantity}")
        stages = stored.get(f"{run_id}.stages")
        if run_id != key and stages is not None and stages.shape == change.shape:
            result[run_id] = ([str(name) for name in stages], [float(x) for x in change])
    return result
