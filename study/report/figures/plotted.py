"""Collects what a figure shows as the rows of a table, while it is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy.typing as npt

from study.analysis.finding import plain
from study.spec import LrPolicy
from study.store.cells import Cell
from study.store.tables import rows_text

#: Columns that name an arm, in the words of results.csv.
ARM = ("network", "init", "scope", "lr_policy")


class Plotted:
    """The table behind a figure.

    A drawing function adds the values that it hands to Matplotlib, so that table and picture agree. The
    name of a column ends with its unit: `_pct` is per cent, `_pp` percentage points, `_nats` natural units
    of information. Classes are the numbers 0…9, and images are counted one by one.

    Attributes:
        columns: names of the columns.
        rows: cells of each row; None is an empty cell.
    """

    def __init__(self, *columns: str) -> None:
        self.columns = columns
        self.rows: list[tuple[Cell, ...]] = []

    def add(self, *cells: object, values: npt.NDArray[Any] | None = None) -> None:
        """Adds a row.

        Args:
            cells: the first cells; NaN and infinity become empty cells.
            values: finite numbers of the last cells, for example the pixels of a picture in reading order.

        Raises:
            ValueError: the row has not as many cells as there are columns.
        """
        row = tuple(plain(cell) for cell in cells)
        if values is not None:
            row += tuple(values.ravel().tolist())
        if len(row) != len(self.columns):
            raise ValueError(f"{len(row)} cells for {len(self.columns)} columns")
        self.rows.append(row)

    def add_all(self, cells: Iterable[object], *series: Iterable[object]) -> None:
        """Adds a row for each item of the series, which are equally long, behind the same first cells."""
        first = tuple(cells)
        for values in zip(*series, strict=True):
            self.add(*first, *values)

    def text(self) -> str:
        """Returns the table as CSV."""
        return rows_text(self.columns, self.rows)


def of_arm(model: str, key: str) -> tuple[str, ...]:
    """Returns the cells of the columns `ARM` for an arm's key, for example `pretrained-full-uniform`."""
    init, scope, *policy = key.split("-")
    return model, init, scope, policy[0] if policy else LrPolicy.NONE.value


def numbered(name: str, shape: tuple[int, ...]) -> tuple[str, ...]:
    """Returns the columns for the values of an array, for example `pixel1`, `pixel2` and so on."""
    return tuple(f"{name}{place}" for place in range(1, math.prod(shape) + 1))
