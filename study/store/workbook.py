"""Writes results.xlsx: the tables of results/ for a spreadsheet, which reads a CSV file by its own rules.

A spreadsheet with a decimal comma takes results.csv for one column. The workbook holds the same tables, one
sheet each, except history.csv, which is long.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO

import pandas as pd
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

from study.store.cells import SHARE, WHOLE, Cell, Kind
from study.store.columns import OF_BASELINE, OF_RUN, Table, kinds
from study.store.files import write_atomic

NAME = "results.xlsx"
#: Number formats of Excel; others are General.
_FORMATS = {SHARE: "0.00%", WHOLE: "#,##0"}
_MOST_WIDTH = 40


def write_workbook(folder: Path, tables: Mapping[Table, pd.DataFrame]) -> Path:
    """Writes results.xlsx into a results directory and returns its path.

    Args:
        folder: the results directory.
        tables: the content of its CSV files.

    Raises:
        StoreError: the file cannot be written.
    """
    book = Workbook(write_only=True)
    for table, found in tables.items():
        if table is not Table.HISTORY and len(found):
            columns = kinds(table)
            rows = (list(row) for row in found.itertuples(index=False))
            _sheet(book.create_sheet(table.value), list(columns), rows, list(columns.values()))
    meanings = {column.name: column.meaning for column in OF_RUN}
    meanings |= {column.name: column.meaning for column in OF_BASELINE}
    _sheet(book.create_sheet("columns"), ["column", "meaning"], map(list, meanings.items()), [])
    path = folder / NAME
    write_atomic(path, partial(_save, book))
    return path


def _save(book: Workbook, stream: IO[bytes]) -> None:
    book.save(stream)


def _sheet(
    sheet: WriteOnlyWorksheet, header: list[str], rows: Iterable[list[Cell]], columns: list[Kind]
) -> None:
    """Fills a sheet: a bold first row that stays in view, and a number format for each column."""
    known = list(rows)
    sheet.freeze_panes = "A2"
    for place, name in enumerate(header):
        texts = [name, *(_text(row[place]) for row in known[:200])]
        width = min(_MOST_WIDTH, 2 + max(map(len, texts)))
        sheet.column_dimensions[get_column_letter(place + 1)].width = width
    sheet.append(list(_bold(sheet, header)))
    for row in known:
        sheet.append([_cell(sheet, value, columns[i] if columns else None) for i, value in enumerate(row)])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{len(known) + 1}"


def _bold(sheet: WriteOnlyWorksheet, names: Iterable[str]) -> Iterator[WriteOnlyCell]:
    for name in names:
        cell = WriteOnlyCell(sheet, value=name)
        cell.font = Font(bold=True)
        yield cell


def _cell(sheet: WriteOnlyWorksheet, value: Cell, kind: Kind | None) -> WriteOnlyCell | None:
    """Returns a cell; a text that begins with ``=`` stays a text, and XML's forbidden characters go."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    value = ILLEGAL_CHARACTERS_RE.sub("\ufffd", value) if isinstance(value, str) else value
    cell = WriteOnlyCell(sheet, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
    elif kind in _FORMATS:
        cell.number_format = _FORMATS[kind]
    return cell


def _text(value: Cell) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
