"""Builds tables from records and writes them as CSV; `study.store.columns` declares their columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from study.records import RunRecord
from study.spec import Purpose
from study.store.cells import Cell
from study.store.columns import OF_BASELINE, OF_POINT, OF_RUN, Baseline, Table, kinds, row_cells
from study.store.files import write_text

RESULT_COLUMNS = tuple(kinds(Table.RESULTS))
RUNG_COLUMNS = tuple(kinds(Table.RUNGS))
TRIAL_COLUMNS = tuple(kinds(Table.TRIALS))
EXPERIMENT_COLUMNS = tuple(kinds(Table.EXPERIMENTS))
HISTORY_COLUMNS = tuple(kinds(Table.HISTORY))
BASELINE_COLUMNS = tuple(kinds(Table.BASELINES))

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
    return _runs_table(Table.RESULTS, found)


def rungs_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row for each arm, seed and evaluated rung."""
    return _runs_table(Table.RUNGS, standing(records))


def trials_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row per tuning trial."""
    return _runs_table(Table.TRIALS, (r for r in records if r.spec.purpose is Purpose.TRIAL))


def experiments_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row per run of a side experiment."""
    return _runs_table(Table.EXPERIMENTS, (r for r in records if r.spec.purpose is Purpose.SIDE))


def history_table(records: Iterable[RunRecord]) -> pd.DataFrame:
    """Returns one row per point of the curve of each run, trials included.

    The curve of a run is the one in the record of its highest rung.
    """
    longest: dict[str, RunRecord] = {}
    for record in records:
        known = longest.get(record.spec.run_id)
        if record.history and (known is None or record.spec.rung >= known.spec.rung):
            longest[record.spec.run_id] = record
    rows: list[dict[str, Cell]] = []
    for record in longest.values():
        of_run = row_cells(Table.HISTORY, OF_RUN, record)
        rows += [of_run | row_cells(Table.HISTORY, OF_POINT, point) for point in record.history]
    return _frame(Table.HISTORY, rows)


def baselines_table(baselines: Iterable[Baseline]) -> pd.DataFrame:
    """Returns one row per baseline."""
    return _frame(Table.BASELINES, [row_cells(Table.BASELINES, OF_BASELINE, row) for row in baselines])


def write_tables(records: Iterable[RunRecord], folder: Path) -> None:
    """Writes results.csv, rungs.csv, trials.csv, experiments.csv and history.csv to `folder`."""
    known = tuple(records)
    for table, frame in (
        (Table.RESULTS, results_table(known)),
        (Table.RUNGS, rungs_table(known)),
        (Table.TRIALS, trials_table(known)),
        (Table.EXPERIMENTS, experiments_table(known)),
        (Table.HISTORY, history_table(known)),
    ):
        write_table(folder / table.file, frame)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Writes a CSV file atomically; a spreadsheet executes none of its cells as a formula."""
    write_text(path, csv_text(table))


def csv_text(table: pd.DataFrame) -> str:
    """Returns a table as `write_table` writes it."""
    return _neutral(table).to_csv(index=False, lineterminator="\n")


def rows_text(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """Returns a table as CSV; a spreadsheet executes none of its cells as a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_neutral_cell(cell) for cell in row] for row in rows)
    return stream.getvalue()


def _runs_table(table: Table, records: Iterable[RunRecord]) -> pd.DataFrame:
    return _frame(table, [row_cells(table, OF_RUN, record) for record in records])


def _frame(table: Table, rows: list[dict[str, Cell]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(kinds(table)))


def _neutral(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the table with neutral cells; numbers are unchanged."""
    return table.map(_neutral_cell)


def _neutral_cell(value: Any) -> Any:
    """Puts an apostrophe before a text that a spreadsheet would execute; other values are unchanged."""
    if not isinstance(value, str):
        return value
    text = f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    # CSV does not quote them: a carriage return may end the row, and a zero byte the file.
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
