"""Checks that the tables follow from the ledger, and the contrasts from the tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from study.analysis import Analysis
from study.records import RunState
from study.store.columns import Table
from study.store.ledger import Ledger
from study.store.tables import (
    baselines_table,
    csv_text,
    experiments_table,
    history_table,
    results_table,
    rungs_table,
    trials_table,
)
from study.verify.check import Check, broken, holds

#: Rows that a table may have beside those of the ledger: arms that were never begun.
_EXTRA = RunState.SKIPPED.value


def tables_follow(ledger: Ledger, folder: Path) -> Check:
    """Compares every table with what the ledger's runs give, cell by cell and as text."""
    records = ledger.records()
    baselines = ledger.fact("baselines")
    frames = {
        Table.RESULTS: results_table(records),
        Table.RUNGS: rungs_table(records),
        Table.TRIALS: trials_table(records),
        Table.EXPERIMENTS: experiments_table(records),
        Table.HISTORY: history_table(records),
    }
    if baselines is not None:
        frames[Table.BASELINES] = baselines_table(baselines)
    cells = 0
    for table, frame in frames.items():
        fault = next(_differences(table.file, frame, folder / table.file), None)
        if fault is not None:
            return broken("tables", fault)
        cells += frame.size
    return holds("tables", f"{cells:,} cells follow from {len(records):,} records of the ledger")


def _differences(name: str, frame: pd.DataFrame, path: Path) -> Iterator[str]:
    """Yields how a table differs from what it should be."""
    if not path.is_file():
        yield f"there is no {name}"
        return
    wanted, found = _rows(csv_text(frame)), _rows(path.read_text(encoding="utf-8", errors="replace"))
    header = wanted[0]
    if not found or found[0] != header:
        yield f"{name} has other columns than this version writes"
        return
    rows = [row for row in found[1:] if not _is_extra(header, row)]
    for number, (right, given) in enumerate(zip(wanted[1:], rows, strict=False), start=1):
        for column, want, have in zip(header, right, given, strict=False):
            if not same(want, have):
                yield f"{name}, row {number}, {column}: {have[:30]!r}, and the ledger has {want[:30]!r}"
        if len(right) != len(given):
            yield f"{name}, row {number}: {len(given)} cells, expected {len(right)}"
    if len(rows) != len(wanted) - 1:
        yield f"{name} has {len(rows)} rows of runs, and the ledger {len(wanted) - 1}"


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def _is_extra(header: list[str], row: list[str]) -> bool:
    """Whether a row is that of an arm without any run."""
    cells = dict(zip(header, row, strict=False))
    return cells.get("state") == _EXTRA and not cells.get("test_accuracy") and not cells.get("val_accuracy")


def contrasts_follow(analysis: Analysis, folder: Path) -> Check:
    """Compares contrasts.csv with what the tables and predictions give."""
    path = folder / "contrasts.csv"
    if not path.is_file():
        return broken("contrasts", "there is no contrasts.csv")
    wanted = _rows(analysis.contrasts.to_csv(index=False, lineterminator="\n"))
    found = _rows(path.read_text(encoding="utf-8", errors="replace"))
    if found[:1] != wanted[:1] or len(found) != len(wanted):
        return broken("contrasts", "contrasts.csv has other rows or columns than this version writes")
    for right, given in zip(wanted[1:], found[1:], strict=True):
        for column, want, have in zip(wanted[0], right, given, strict=True):
            if not same(want, have, within=1e-6):
                return broken("contrasts", f"{'@'.join(given[:2])}, {column}: {have}, and not {want}")
    return holds("contrasts", f"{len(wanted) - 1} follow from the tables")


def same(first: str, second: str, *, within: float = 0.0) -> bool:
    """Whether two cells say the same: the same text, or numbers that differ by at most `within`.

    An empty cell elsewhere in a column makes pandas write its whole numbers as 1000.0.
    """
    if first == second:
        return True
    try:
        return abs(float(first) - float(second)) <= within
    except ValueError:
        return False
