"""Reads the CSV files of results/ and refuses a file in which a cell does not fit its column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from study.errors import StoreError, UsageError
from study.networks import network_name
from study.records import RunState
from study.spec import Arm, Init, LrPolicy, Scope
from study.store.cells import Cell, Kind
from study.store.columns import RUN_TABLES, Table, kinds
from study.store.safe_load import read_text

#: Maximum number of rows below the header of a table, which the report prints in full, and of
#: ``history.csv``, which holds the points of the curves.
MOST_ROWS = 20_000
MOST_POINTS = 2_000_000


def read_table(folder: Path, table: Table) -> pd.DataFrame:
    """Returns a table with exactly its declared columns; it has no rows if the file does not exist.

    A declared column that the file lacks is empty, but the first one is required; other columns of the file
    are ignored. An empty cell is NaN in a column of numbers and "" in a column of text.

    Args:
        folder: the directory of the CSV files.
        table: the table to read.

    Raises:
        StoreError: the file is not a table, has too many rows, or has a cell that does not fit its column.
    """
    path, columns = folder / table.file, kinds(table)
    if not path.exists():
        return pd.DataFrame(columns=list(columns))
    rows = _rows(path)
    header, first = next(rows, []), next(iter(columns))
    if len(set(header)) != len(header) or first not in header:
        raise StoreError(f"{path.name} cannot be read as a table: its first line names no {first}")
    most = MOST_POINTS if table is Table.HISTORY else MOST_ROWS
    cells: dict[str, list[Cell]] = {name: [] for name in columns}
    known = [(place, name, columns[name].parse) for place, name in enumerate(header) if name in columns]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise StoreError(f"{path.name}, row {number}: {len(row)} cells, expected {len(header)}")
        if number - 1 > most:  # row 1 is the header
            raise StoreError(f"{path.name} has more than {most:,} rows")
        for place, name, parse in known:
            try:
                cells[name].append(parse(row[place]))
            except ValueError as error:
                raise StoreError(f"{path.name}, row {number}: {name} {error}") from None
    count = len(cells[first])
    for name, kind in columns.items():
        if name not in header:
            cells[name] = [kind.empty] * count
    if table in RUN_TABLES:
        _check_runs(path, cells)
    return pd.DataFrame({name: _series(kind, cells[name]) for name, kind in columns.items()})


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    except csv.Error as error:
        raise StoreError(f"{path.name} cannot be read as a table: {error}") from error


def _check_runs(path: Path, cells: dict[str, list[Cell]]) -> None:
    """Checks that each run has an existing arm and a seed, and a finished run also training images."""
    names = ("model", "init", "scope", "lr_policy")
    for place, state in enumerate(cells["state"]):
        try:
            model, init, scope, policy = (str(cells[name][place]) for name in names)
            Arm(model=network_name(model), init=Init(init), scope=Scope(scope), lr_policy=LrPolicy(policy))
        except (ValueError, UsageError) as error:
            raise StoreError(f"{path.name}, row {place + 2}: {error}") from None
        finished = state == RunState.FINISHED.value
        needed = ("seed", "train_images") if finished else ("seed",)
        lost = next((name for name in needed if cells[name][place] is None), None)
        if lost:
            raise StoreError(f"{path.name}, row {place + 2}: {lost} is empty")
        if finished and cells["train_images"][place] == 0:
            raise StoreError(f"{path.name}, row {place + 2}: train_images is 0")


def _series(kind: Kind, values: list[Cell]) -> Any:
    if kind.empty == "":
        return pd.Series(values, dtype=object)
    return pd.to_numeric(pd.Series([math.nan if value is None else value for value in values]))
