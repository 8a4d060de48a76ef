"""Records → pandas tables → CSV files; the columns are a contract (docs/results.md)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from study.records import RunRecord, RunState
from study.spec import Purpose
from study.store.files import write_text

RESULT_COLUMNS = (
    "run_id", "model", "init", "init_source", "scope", "lr_policy", "seed", "state",
    "train_images", "samples_seen", "epochs", "resolution", "lr", "weight_decay", "lr_decay",
    "label_smoothing", "val_accuracy", "train_accuracy", "test_accuracy", "test_loss",
    "macro_f1", "ece", "train_seconds", "images_per_second", "trainable_parameters",
    "total_parameters", "peak_memory_mb", "checkpoint", "reason",
)  # fmt: skip
TRIAL_COLUMNS = (*RESULT_COLUMNS[:-1], "trial", "reason")
EXPERIMENT_COLUMNS = (*RESULT_COLUMNS[:-1], "experiment", "unfrozen_stages", "reason", "first_conv")
HISTORY_COLUMNS = ("run_id", "samples_seen", "seconds", "train_loss", "val_accuracy", "val_loss")

#: A text cell that begins so would be run as a formula by a spreadsheet (CWE-1236).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def results_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row per final run, in order of commit."""
    rows = [_row(record) for record in records if record.spec.purpose is Purpose.FINAL]
    return pd.DataFrame(rows, columns=list(RESULT_COLUMNS))


def trials_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row per tuning trial."""
    rows = [
        {**_row(record), "trial": record.spec.trial}
        for record in records
        if record.spec.purpose is Purpose.TRIAL
    ]
    return pd.DataFrame(rows, columns=list(TRIAL_COLUMNS))


def experiments_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row per run of a side experiment."""
    rows = [
        {
            **_row(record),
            "experiment": record.spec.experiment.value if record.spec.experiment else "",
            "unfrozen_stages": record.spec.unfrozen_stages,
            "first_conv": record.spec.first_conv.value if record.spec.first_conv else "",
        }
        for record in records
        if record.spec.purpose is Purpose.SIDE
    ]
    return pd.DataFrame(rows, columns=list(EXPERIMENT_COLUMNS))


def history_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """One row per evaluation point of every run, trials included."""
    rows = [
        {"run_id": record.spec.run_id, **vars(point)}
        for record in records
        for point in record.history
    ]
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS))


def write_tables(records: Iterable[RunRecord], folder: Path) -> None:
    """Rebuild results.csv, trials.csv, experiments.csv and history.csv from the records."""
    known = tuple(records)
    for name, table in (
        ("results.csv", results_table(known)),
        ("trials.csv", trials_table(known)),
        ("experiments.csv", experiments_table(known)),
        ("history.csv", history_table(known)),
    ):
        write_text(folder / name, _neutral(table).to_csv(index=False, lineterminator="\n"))


def _row(record: RunRecord) -> dict[str, Any]:
    spec = record.spec
    ran = record.state is not RunState.SKIPPED
    return {
        "run_id": spec.run_id,
        "model": spec.arm.model.value,
        "init": spec.arm.init.value,
        "init_source": spec.init_source,
        "scope": spec.arm.scope.value,
        "lr_policy": spec.arm.lr_policy.value,
        "seed": spec.seed,
        "state": record.state.value,
        "train_images": spec.train_images if ran else None,
        "samples_seen": record.samples_seen if ran else None,
        "epochs": record.samples_seen / spec.train_images if ran else None,
        "resolution": spec.resolution,
        "lr": spec.hyper.lr if ran else None,
        "weight_decay": spec.hyper.weight_decay if ran else None,
        "lr_decay": spec.hyper.lr_decay if ran else None,
        "label_smoothing": spec.hyper.label_smoothing if ran else None,
        "val_accuracy": record.val_accuracy,
        "train_accuracy": record.train_accuracy,
        "test_accuracy": record.test_accuracy,
        "test_loss": record.test_loss,
        "macro_f1": record.macro_f1,
        "ece": record.ece,
        "train_seconds": record.train_seconds if ran else None,
        "images_per_second": record.images_per_second,
        "trainable_parameters": record.trainable_parameters,
        "total_parameters": record.total_parameters,
        "peak_memory_mb": record.peak_memory_mb,
        "checkpoint": record.checkpoint,
        "reason": record.reason,
    }


def _neutral(table: pd.DataFrame) -> pd.DataFrame:
    """Text cells that a spreadsheet would run get a leading apostrophe; numbers stay as they are."""

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = f"'{value}" if value.startswith(_FORMULA_STARTS) else value
        # Neither is quoted: a carriage return would end the row, and a zero byte some readers' file.
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")

    return table.map(cell)
