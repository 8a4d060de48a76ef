"""Reads everything that the analysis needs from a results directory; any part may be absent."""

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

#: Maps the key of an evaluation to uint8 [n], the predicted classes.
Classes = Mapping[str, npt.NDArray[np.uint8]]
#: Maps run_id to the names of the stages and one value for each.
ByStage = Mapping[str, tuple[list[str], list[float]]]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The content of results/. An absent table has no rows, and an absent JSON file is {}.

    Attributes:
        results: results.csv, the highest rung of every arm and seed, and the champion.
        rungs: rungs.csv, every evaluated rung of an arm and seed, without the champion.
        baselines: baselines.csv.
        trials: trials.csv.
        experiments: experiments.csv.
        history: history.csv.
        predictions: maps the key of an evaluation (`study.analysis.arms.key`) to uint8 [n], the predicted
            classes of the first n images in the order of `labels`.
        labels: uint8 [N], or None.
        plan: plan.json.
        environment: environment.json.
        architecture: architecture.json.
        pretraining: pretraining.json.
        witness: witness.json.
        preregistration: preregistration.json.
        drift: relative change ‖Δw‖/‖w‖ of each stage.
        cka: similarity of each stage's activations before and after training.
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
    """Returns for each evaluation float64 [n]: 1.0 for an image classified correctly, else 0.0."""
    if labels is None:
        return {}
    return {
        name: (classes == labels[: classes.size]).astype(np.float64)
        for name, classes in predictions.items()
    }


def read_sources(folder: Path) -> Sources:
    """Reads a results directory.

    Raises:
        StoreError: a file exists but is damaged.
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
    """Returns the arrays of a figure, or {} if they are damaged, which the report says elsewhere."""
    try:
        return read_arrays(path)
    except StoreError:
        return {}


def _by_stage(stored: Arrays, quantity: str) -> ByStage:
    """Returns a stored quantity of each stage by run_id."""
    result = {}
    for key, change in stored.items():
        run_id = key.removesuffix(f".{quantity}")
        stages = stored.get(f"{run_id}.stages")
        if run_id != key and stages is not None and stages.shape == change.shape:
            result[run_id] = ([str(name) for name in stages], [float(x) for x in change])
    return result
