"""results.xlsx holds the tables as a spreadsheet reads them."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from study.store.columns import Table
from study.store.csv_tables import read_table
from study.store.workbook import write_workbook

_SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "results"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in _SAMPLE.glob("*.csv"):
        shutil.copy(path, tmp_path)
    return tmp_path


def _written(folder: Path) -> Workbook:
    return load_workbook(write_workbook(folder, {table: read_table(folder, table) for table in Table}))


@pytest.mark.parametrize("table", [Table.RESULTS, Table.RUNGS, Table.TRIALS, Table.BASELINES])
def test_a_sheet_has_the_cells_of_its_file(folder: Path, table: Table) -> None:
    sheet = _written(folder)[table.value]
    found, expected = list(sheet.iter_rows(values_only=True)), read_table(folder, table)
    assert list(found[0]) == list(expected.columns) and sheet.freeze_panes == "A2"
    assert len(found) == len(expected) + 1
    for row, wanted in zip(found[1:], expected.itertuples(index=False), strict=True):
        for cell, value in zip(row, wanted, strict=True):
            empty = value == "" or (isinstance(value, float) and math.isnan(value))
            assert cell is None or cell == "" if empty else cell == pytest.approx(value)


def test_shares_are_percentages_and_every_column_is_explained(folder: Path) -> None:
    book = _written(folder)
    results = book["results"]
    header = [cell.value for cell in results[1]]
    assert results.cell(2, header.index("test_accuracy") + 1).number_format == "0.00%"
    explained = {row[0] for row in book["columns"].iter_rows(min_row=2, values_only=True)}
    assert set(header) <= explained


def test_no_cell_is_a_formula_or_breaks_the_file(folder: Path) -> None:
    path = folder / "results.csv"
    text = path.read_text(encoding="utf-8").replace(",fractal,", ",=1+1\x01,", 1)
    path.write_text(text, encoding="utf-8")
    cells = [cell for row in _written(folder)["results"] for cell in row]
    assert any(cell.value == "=1+1\ufffd" and cell.data_type == "s" for cell in cells)
