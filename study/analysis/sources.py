"""Reads everything that the analysis needs from a results directory; any part may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.analysis.artifacts import Artifacts, read_artifacts
from study.datasets import DatasetDescriptor, is_own, studied
from study.datasets.own import FOLDER
from study.errors import StoreError
from study.store.columns import Table
from study.store.csv_tables import read_table
from study.store.safe_load import Arrays, read_arrays, read_object

#: Maps the key of an evaluation to uint8 [n], the predicted classes.
Classes = Mapping[str, npt.NDArray[np.uint8]]
#: uint8 [N], the true classes of the test images; None if they are not stored.
Labels = npt.NDArray[np.uint8] | None
#: Maps run_id to the names of the stages and one value for each.
ByStage = Mapping[str, tuple[list[str], list[float]]]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The content of results/. An absent table has no rows, and an absent JSON file is {}.

    Attributes:
        data: the study's data set.
        results: results.csv, the highest rung of every arm and seed, and the champion.
        rungs: rungs.csv, every evaluated rung of an arm and seed, without the champion.
        baselines: baselines.csv.
        trials: trials.csv.
        experiments: experiments.csv.
        history: history.csv.
        predictions: maps the key of an evaluation (`study.analysis.arms.key`) to uint8 [n], the predicted
            classes of the first n images in the order of `labels`.
        probabilities: maps the key of an evaluation to float32 [n, C]; only the champion's are stored.
        labels: uint8 [N], or None.
        plan: plan.json.
        environment: environment.json.
        architecture: architecture.json.
        pretraining: pretraining.json.
        witness: witness.json.
        preregistration: preregistration.json.
        data_look: data_look.json, of a person's own set of images.
        drift: relative change ‖Δw‖/‖w‖ of each stage.
        cka: similarity of each stage's activations before and after training.
        artifacts: arrays of figures; a damaged file is left out.
    """

    data: DatasetDescriptor
    results: pd.DataFrame
    rungs: pd.DataFrame
    baselines: pd.DataFrame
    trials: pd.DataFrame
    experiments: pd.DataFrame
    history: pd.DataFrame
    predictions: Classes
    probabilities: Mapping[str, npt.NDArray[np.float32]]
    labels: Labels
    plan: dict[str, Any]
    environment: dict[str, Any]
    architecture: dict[str, Any]
    pretraining: dict[str, Any]
    witness: dict[str, Any]
    preregistration: dict[str, Any]
    data_look: dict[str, Any]
    drift: ByStage
    cka: ByStage
    artifacts: Artifacts

    def tables(self) -> dict[Table, pd.DataFrame]:
        """Returns the content of each CSV file that is written from the ledger."""
        return {table: getattr(self, table.value) for table in Table}


def hits(predictions: Classes, labels: Labels) -> dict[str, npt.NDArray[np.float64]]:
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
        StoreError: the directory does not exist, or a file in it is damaged.
        UsageError: the study's data set is not known here.
    """
    if not folder.is_dir():
        raise StoreError(f"there is no results directory {folder}")
    environment = read_object(folder / "environment.json")
    data = studied(environment, folder)
    stored = read_arrays(folder / "predictions.npz", len(data.classes))
    artifacts = read_artifacts(folder / "artifacts", len(data.classes))
    change = artifacts.get("drift")
    return Sources(
        data=data,
        results=read_table(folder, Table.RESULTS),
        rungs=read_table(folder, Table.RUNGS),
        baselines=read_table(folder, Table.BASELINES),
        trials=read_table(folder, Table.TRIALS),
        experiments=read_table(folder, Table.EXPERIMENTS),
        history=read_table(folder, Table.HISTORY),
        predictions=_by_key(stored, ".class"),
        probabilities={
            key: shares.astype(np.float32) for key, shares in _by_key(stored, ".probabilities").items()
        },
        labels=stored.get("labels"),
        plan=read_object(folder / "plan.json"),
        environment=environment,
        architecture=read_object(folder / "architecture.json"),
        pretraining=read_object(folder / "pretraining.json"),
        witness=read_object(folder / "witness.json"),
        preregistration=read_object(folder / "preregistration.json"),
        data_look=read_object(folder / FOLDER / "data_look.json") if is_own(data.name) else {},
        drift=_by_stage(change, "relative_change"),
        cka=_by_stage(change, "cka"),
        artifacts=artifacts,
    )


def _by_key(stored: Arrays, suffix: str) -> Arrays:
    """Returns the arrays whose names are the key of an evaluation and `suffix`, by key."""
    return {key.removesuffix(suffix): array for key, array in stored.items() if key.endswith(suffix)}


def _by_stage(stored: Arrays, quantity: str) -> ByStage:
    """Returns a stored quantity of each stage by run_id."""
    result = {}
    for key, change in stored.items():
        run_id = key.removesuffix(f".{quantity}")
        stages = stored.get(f"{run_id}.stages")
        if run_id != key and stages is not None and stages.shape == change.shape:
            result[run_id] = ([str(name) for name in stages], [float(x) for x in change])
    return result
