"""Everything the analysis reads from a results directory, each part absent or typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.errors import StoreError
from study.store.columns import Table
from study.store.csv_tables import read_table
from study.store.safe_load import Arrays, read_arrays, read_object

Classes = Mapping[str, npt.NDArray[np.uint8]]
ByStage = Mapping[str, tuple[list[str], list[float]]]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """results/ as values. JSON files that are absent are empty dictionaries.

    results: the highest rung of every arm and seed, and the champion; rungs: every judged rung of an
    arm and seed, without the champion.
    predictions: key of a judgement (`study.analysis.arms.key`) → uint8 [n] predicted classes of the first
    n images in the order of labels; labels: uint8 [N] or None.
    drift: run_id → (stage names, relative change of each stage ‖Δw‖/‖w‖).
    cka: run_id → (stage names, similarity of each stage's activations before and after training).
    chosen: arrays of artifacts/object.npz.
    """

    results: pd.DataFrame
    rungs: pd.DataFrame
    baselines: pd.DataFrame
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
    preregistration: dict[str, Any] = field(default_factory=dict)
    drift: ByStage = field(default_factory=dict)
    cka: ByStage = field(default_factory=dict)
    chosen: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


def hits(predictions: Classes, labels: Any) -> dict[str, npt.NDArray[np.float64]]:
    """Returns by evaluation whether each of its test images was classified correctly, 1.0 or 0.0, [n]."""
    if labels is None:
        return {}
    return {
        name: (classes == labels[: classes.size]).astype(np.float64)
        for name, classes in predictions.items()
    }


def read_sources(folder: Path) -> Sources:
    """Read what is there.

    Raises:
        StoreError: a file exists but is not what its name says.
    """
    stored = read_arrays(folder / "predictions.npz", lambda key: not key.endswith("abilities"))
    labels = stored.pop("labels", None)
    change = _picture(folder / "artifacts" / "drift.npz")
    return Sources(
        results=read_table(folder, Table.RESULTS),
        rungs=read_table(folder, Table.RUNGS),
        baselines=read_table(folder, Table.BASELINES),
        trials=read_table(folder, Table.TRIALS),
        experiments=read_table(folder, Table.EXPERIMENTS),
        history=read_table(folder, Table.HISTORY),
        predictions={
            key.removesuffix(".class"): value for key, value in stored.items() if key.endswith(".class")
        },
        labels=labels,
        plan=read_object(folder / "plan.json"),
        environment=read_object(folder / "environment.json"),
        architecture=read_object(folder / "architecture.json"),
        pretraining=read_object(folder / "pretraining.json"),
        witness=read_object(folder / "witness.json"),
        preregistration=read_object(folder / "preregistration.json"),
        drift=_by_stage(change, "relative_change"),
        cka=_by_stage(change, "cka"),
        chosen=_picture(folder / "artifacts" / "object.npz"),
    )


def _picture(path: Path) -> Arrays:
    """Arrays of a picture; none where they are damaged, which the report says beside the pictures."""
    try:
        return read_arrays(path)
    except StoreError:
        return {}


def _by_stage(stored: Arrays, quantity: str) -> ByStage:
    result = {}
    for key, change in stored.items():
        run_id = key.removesuffix(f".{quantity}")
        stages = stored.get(f"{run_id}.stages")
        if run_id != key and stages is not None and stages.shape == change.shape:
            result[run_id] = ([str(name) for name in stages], [float(x) for x in change])
    return result
