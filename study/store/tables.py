"""Builds tables from records and writes them as CSV; docs/results.md specifies their columns."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from study.records import RunRecord, RunState
from study.spec import Purpose
from study.store.files import write_text

_KEYS = ("run_id", "role", "model", "init", "init_source", "scope", "lr_policy", "seed", "rung", "state")
_SETTINGS = ("resolution", "lr", "weight_decay", "lr_decay", "label_smoothing")
RESULT_COLUMNS = (
    *_KEYS,
    "train_images",
    "validation_images",
    "test_images",
    "samples_seen",
    "epochs",
    *_SETTINGS,
    "val_accuracy",
    "train_accuracy",
    "test_accuracy",
    "test_loss",
    "macro_f1",
    "ece",
    "train_seconds",
    "images_per_second",
    "trainable_parameters",
    "total_parameters",
    "peak_memory_mb",
    "checkpoint",
    "reason",
)
RUNG_COLUMNS = (
    *_KEYS,
    "train_images",
    "samples_seen",
    "seconds",
    *_SETTINGS,
    "val_accuracy",
    "val_loss",
    "train_accuracy",
    "test_accuracy",
    "test_loss",
    "macro_f1",
    "ece",
    "validation_images",
    "test_images",
    "step_seconds",
    "judging_seconds",
    "images_per_second",
    "trainable_parameters",
    "total_parameters",
    "peak_memory_mb",
    "reason",
)
TRIAL_COLUMNS = (*RESULT_COLUMNS[:-1], "trial", "reason")
EXPERIMENT_COLUMNS = (*RESULT_COLUMNS[:-1], "experiment", "unfrozen_stages", "reason", "first_conv")
HISTORY_COLUMNS = (
    "run_id",
    "rung",
    "samples_seen",
    "seconds",
    "train_loss",
    "val_accuracy",
    "val_loss",
)
BASELINE_COLUMNS = ("name", "train_images", "test_images", "test_accuracy", "seconds")
#: Value of the column `role` for purposes other than ``matrix``; the champion is the network that is
#: trained longest.
ROLES = {Purpose.CHAMPION: "champion"}

#: Beginnings of text cells that a spreadsheet would execute as a formula (CWE-1236).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def standing(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Returns the valid records of final runs: one for each arm, seed and rung.

    It is the finished one that was committed last, or the last one if none has finished. A tuned arm is
    trained again with the hyperparameters that tuning has chosen, which makes its run with default
    hyperparameters invalid. The order is that in which an arm, seed and rung were first committed.
    """
    last: dict[tuple[object, ...], RunRecord] = {}
    for record in records:
        spec = record.spec
        if spec.purpose is Purpose.FINAL:
            key = (spec.arm, spec.seed, spec.rung)
            if record.finished or key not in last or not last[key].finished:
                last[key] = record
    return list(last.values())


def highest(records: Iterable[RunRecord]) -> list[RunRecord]:
    """Returns, for each arm and seed, the valid record of the highest finished rung.

    If no rung has finished, it is the record of the highest rung that was tried.
    """
    best: dict[tuple[object, ...], RunRecord] = {}
    for record in standing(records):
        key = (record.spec.arm, record.spec.seed)
        known = best.get(key)
        if known is None or (record.finished, record.spec.rung) >= (known.finished, known.spec.rung):
            best[key] = record
    return list(best.values())


def champion(records: Iterable[RunRecord]) -> RunRecord | None:
    """Returns the last finished record of a champion, else the last one, or None."""
    tries = [record for record in records if record.spec.purpose is Purpose.CHAMPION]
    return next((r for r in reversed(tries) if r.finished), tries[-1] if tries else None)


def results_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row for each arm and seed at its highest rung, in order of commit, and the champion."""
    known = tuple(records)
    found = [*highest(known), *filter(None, [champion(known)])]
    return pd.DataFrame([_row(record) for record in found], columns=list(RESULT_COLUMNS))


def rungs_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row for each arm, seed and evaluated rung."""
    return pd.DataFrame([_row(r) for r in standing(records)], columns=list(RUNG_COLUMNS))


def trials_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row per tuning trial."""
    rows = [_row(record) for record in records if record.spec.purpose is Purpose.TRIAL]
    return pd.DataFrame(rows, columns=list(TRIAL_COLUMNS))


def experiments_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row per run of a side experiment."""
    rows = [_row(record) for record in records if record.spec.purpose is Purpose.SIDE]
    return pd.DataFrame(rows, columns=list(EXPERIMENT_COLUMNS))


def history_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row per point of the curve of each run, trials included.

    The curve of a run is the one in the record of its highest rung.
    """
    longest: dict[str, RunRecord] = {}
    for record in records:
        known = longest.get(record.spec.run_id)
        if record.history and (known is None or record.spec.rung >= known.spec.rung):
            longest[record.spec.run_id] = record
    rows = [
        {"run_id": run_id, "rung": record.spec.rung, **vars(point)}
        for run_id, record in longest.items()
        for point in record.history
    ]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def write_tables(records: Iterable[RunRecord], folder: Path) -> None:
    """Writes results.csv, rungs.csv, trials.csv, experiments.csv and history.csv to `folder`."""
    known = tuple(records)
    for name, table in (
        ("results.csv", results_table(known)),
        ("rungs.csv", rungs_table(known)),
        ("trials.csv", trials_table(known)),
        ("experiments.csv", experiments_table(known)),
        ("history.csv", history_table(known)),
    ):
        write_table(folder / name, table)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Writes a CSV file atomically; a spreadsheet executes none of its cells as a formula."""
    write_text(path, _neutral(table).to_csv(index=False, lineterminator="\n"))


def _row(record: RunRecord) -> dict[str, Any]:
    spec = record.spec
    ran = record.state is not RunState.SKIPPED
    return {
        "run_id": spec.run_id,
        "role": ROLES.get(spec.purpose, "matrix"),
        "model": spec.arm.model,
        "init": spec.arm.init.value,
        "init_source": spec.init_source,
        "scope": spec.arm.scope.value,
        "lr_policy": spec.arm.lr_policy.value,
        "seed": spec.seed,
        "rung": spec.rung if ran else None,
        "state": record.state.value,
        "train_images": min(spec.train_images, spec.rung) if ran else None,
        "validation_images": record.validation_images,
        "test_images": record.test_images,
        "samples_seen": record.samples_seen if ran else None,
        "epochs": record.samples_seen / spec.train_images if ran else None,
        "resolution": spec.resolution,
        "lr": spec.hyper.lr if ran else None,
        "weight_decay": spec.hyper.weight_decay if ran else None,
        "lr_decay": spec.hyper.lr_decay if ran else None,
        "label_smoothing": spec.hyper.label_smoothing if ran else None,
        "val_accuracy": record.val_accuracy,
        "val_loss": record.val_loss,
        "train_accuracy": record.train_accuracy,
        "test_accuracy": record.test_accuracy,
        "test_loss": record.test_loss,
        "macro_f1": record.macro_f1,
        "ece": record.ece,
        "train_seconds": record.train_seconds if ran else None,
        "seconds": record.train_seconds if ran else None,
        "step_seconds": record.step_seconds if ran else None,
        "judging_seconds": record.judging_seconds if ran else None,
        "images_per_second": record.images_per_second,
        "trainable_parameters": record.trainable_parameters,
        "total_parameters": record.total_parameters,
        "peak_memory_mb": record.peak_memory_mb,
        "checkpoint": record.checkpoint,
        "trial": spec.trial,
        "experiment": spec.experiment.value if spec.experiment else "",
        "unfrozen_stages": spec.unfrozen_stages,
        "first_conv": spec.first_conv.value if spec.first_conv else "",
        "reason": record.reason,
    }


def _neutral(table: pd.DataFrame) -> pd.DataFrame:
    """Puts an apostrophe before text cells that a spreadsheet would execute; numbers are unchanged."""

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = f"'{value}" if value.startswith(_FORMULA_STARTS) else value
        # CSV does not quote them: a carriage return may end the row, and a zero byte the file.
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")

    return table.map(cell)
