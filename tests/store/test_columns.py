"""The declared columns agree with files that were written by earlier versions."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from study.store.columns import OF_BASELINE, OF_POINT, OF_RUN, Table, kinds

SAMPLE = Path(__file__).parents[2] / "docs" / "sample" / "results"


@pytest.mark.parametrize("table", Table)
def test_names_and_order_are_those_of_the_sample(table: Table) -> None:
    with (SAMPLE / table.file).open(encoding="utf-8", newline="") as stream:
        assert next(csv.reader(stream)) == list(kinds(table))


@pytest.mark.parametrize("table", Table)
def test_a_table_has_no_column_twice(table: Table) -> None:
    names = [column.name for column in (*OF_RUN, *OF_POINT, *OF_BASELINE) if table in column.tables]
    assert names == list(kinds(table))
