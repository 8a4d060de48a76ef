"""Tables are read with their declared columns, and cells and lengths that do not fit are refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from study.errors import StoreError
from study.store import csv_tables
from study.store.columns import Table, kinds
from study.store.csv_tables import read_table


@pytest.mark.parametrize(
    ("table", "limit"), [(Table.BASELINES, "MOST_ROWS"), (Table.HISTORY, "MOST_POINTS")]
)
def test_a_table_may_have_as_many_rows_as_the_limit(
    table: Table, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_tables, limit, 3)
    path, first = tmp_path / table.file, next(iter(kinds(table)))
    path.write_text("\n".join([first, "x", "x", "x", ""]))
    assert len(read_table(tmp_path, table)) == 3
    path.write_text("\n".join([first, "x", "x", "x", "x", ""]))
    with pytest.raises(StoreError, match=f"{table.file} has more than 3 rows"):
        read_table(tmp_path, table)


@pytest.mark.parametrize(
    ("name", "cell", "says"),
    [
        ("train_images", "1.5", "is 1.5, which is not a whole number"),
        ("test_accuracy", "1.01", "is 1.01, which is not between 0 and 1"),
        ("seconds", "-1", "is -1, which is not between 0 and"),
        ("seconds", "inf", "is inf, which is not between 0 and"),
        ("seconds", "1_0", "is '1_0', which is not a number"),
    ],
)
def test_a_cell_that_does_not_fit_its_column_is_named(
    name: str, cell: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "baselines.csv").write_text(f"name,{name}\nchance,{cell}\n")
    with pytest.raises(StoreError) as refused:
        read_table(tmp_path, Table.BASELINES)
    assert str(refused.value).startswith(f"baselines.csv, row 2: {name} {says}")


def test_a_loss_may_be_infinite(tmp_path: Path) -> None:
    (tmp_path / "history.csv").write_text("run_id,train_loss\nx,inf\n")
    assert read_table(tmp_path, Table.HISTORY).loc[0, "train_loss"] == math.inf


def test_columns_that_a_file_lacks_are_empty_and_others_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_text(
        "run_id,model,init,scope,lr_policy,seed,state,colour\nx,vgg11,scratch,frozen,none,1,skipped,red\n"
    )
    table = read_table(tmp_path, Table.RESULTS)
    assert list(table.columns) == list(kinds(Table.RESULTS))
    row = table.iloc[0]
    assert (row["model"], row["seed"], row["checkpoint"]) == ("vgg11", 1, "")
    assert math.isnan(row["test_accuracy"])
