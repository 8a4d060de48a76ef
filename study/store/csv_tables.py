"""Reads the CSV files of results/ and refuses a file in which a cell does not fit its column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd

from study.errors import StoreError, UsageError
from study.networks import NETWORKS, network_name
from study.records import RunState
from study.spec import Arm, Experiment, FirstConv, Init, LrPolicy, Scope
from study.store.safe_load import read_text

#: Maximum number of rows of a table, which the report prints in full, and of ``history.csv``, which holds
#: the points of the curves.
MOST_ROWS = 20_000
MOST_POINTS = 2_000_000
#: Largest number in a cell, except for losses.
_MOST = 1e15
_ENUMS: dict[str, type[Enum]] = {
    "init": Init,
    "scope": Scope,
    "lr_policy": LrPolicy,
    "state": RunState,
    "experiment": Experiment,
    "first_conv": FirstConv,
}
_WORDS = {name: frozenset(str(item.value) for item in kind) for name, kind in _ENUMS.items()}
_WORDS["model"] = frozenset(NETWORKS)
_WORDS["role"] = frozenset({"matrix", "champion"})
_MAY_BE_EMPTY = frozenset({"experiment", "first_conv"})
_TEXTS = frozenset({"run_id", "name", "init_source", "checkpoint", "reason", *_WORDS})
_SHARES = frozenset({"val_accuracy", "train_accuracy", "test_accuracy", "macro_f1", "ece"})
_WHOLE = frozenset({"seed", "trial", "rung", "resolution", "unfrozen_stages"})
_LOSSES = frozenset({"test_loss", "train_loss", "val_loss"})
Cell = str | int | float | None


def read_table(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    """Returns the table with exactly `columns`; it has no rows if the file does not exist.

    A column that the file lacks is empty, and other columns of the file are ignored. An empty cell is NaN
    in a numeric column and "" in a text column.

    Args:
        path: the CSV file.
        columns: names of the columns; the file must have the first of them.

    Raises:
        StoreError: the file is not a table, has too many rows, or has a cell that does not fit its column.
    """
    if not path.exists():
        return pd.DataFrame(columns=list(columns))
    rows = _rows(path)
    header = next(rows, [])
    if len(set(header)) != len(header) or columns[0] not in header:
        raise StoreError(f"{path.name} cannot be read as a table: its first line names no {columns[0]}")
    most = MOST_POINTS if "train_loss" in columns else MOST_ROWS
    cells: dict[str, list[Cell]] = {name: [] for name in columns}
    known = [(place, name, _parser(name)) for place, name in enumerate(header) if name in cells]
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise StoreError(f"{path.name}, row {number}: {len(row)} cells, expected {len(header)}")
        if number > most:
            raise StoreError(f"{path.name} has more than {most:,} rows")
        for place, name, parse in known:
            try:
                cells[name].append(parse(row[place]))
            except ValueError as error:
                raise StoreError(f"{path.name}, row {number}: {name} {error}") from None
    count = len(cells[columns[0]])
    for name in columns:
        if name not in header:
            cells[name] = ["" if name in _TEXTS else None] * count
    _check_runs(path, cells)
    return pd.DataFrame({name: _series(name, cells[name]) for name in columns})


def _rows(path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    except csv.Error as error:
        raise StoreError(f"{path.name} cannot be read as a table: {error}") from error


def _parser(name: str) -> Callable[[str], Cell]:
    """Returns the function that converts a cell of the column; it raises ValueError for a wrong cell."""
    if name in _WORDS:
        return lambda text: _word(text, name)
    if name in _TEXTS:
        return str
    if name in _SHARES:
        return lambda text: _number(text, 1.0)
    if name in _WHOLE:
        return _whole
    return lambda text: _number(text, math.inf if name in _LOSSES else _MOST)


def _word(text: str, name: str) -> str:
    if text not in _WORDS[name] and not (text == "" and name in _MAY_BE_EMPTY):
        raise ValueError(f"is {text[:40]!r}, known are {', '.join(sorted(_WORDS[name]))}")
    return text


def _number(text: str, most: float) -> int | float | None:
    """Converts a number in [0, `most`]; an empty cell and NaN become None."""
    bare = text.strip()
    if bare in ("", "nan", "NaN"):
        return None
    try:
        if "_" in bare:
            raise ValueError
        value = int(bare) if bare.isdecimal() and len(bare) < 16 else float(bare)
    except ValueError:
        raise ValueError(f"is {bare[:40]!r}, which is not a number") from None
    if not 0 <= value <= most:
        raise ValueError(f"is {bare[:40]}, which is not between 0 and {most:g}")
    return value


def _whole(text: str) -> int | float | None:
    value = _number(text, _MOST)
    if value is not None and value != int(value):
        raise ValueError(f"is {text[:40]}, which is not a whole number")
    return value


def _check_runs(path: Path, cells: dict[str, list[Cell]]) -> None:
    """Checks that each run has an existing arm and a seed, and a finished run also training images."""
    if "state" not in cells:
        return
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


def _series(name: str, values: list[Cell]) -> Any:
    if name in _TEXTS:
        return pd.Series(values, dtype=object)
    return pd.to_numeric(pd.Series([math.nan if value is None else value for value in values]))
