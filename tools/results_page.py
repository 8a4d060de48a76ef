"""Prints the columns of the CSV files into docs/results.md: `python -m tools.results_page`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.page import replace_block
from study.store.columns import OF_BASELINE, OF_POINT, OF_RUN, RUN_TABLES, Column, Row, Table, kinds

PAGE = Path(__file__).parents[1] / "docs" / "results.md"


def columns() -> str:
    """Returns Markdown tables of the columns of runs, of points of curves and of baselines."""
    of_runs = ", ".join(f"`{table.file}`" for table in Table if table in RUN_TABLES)
    shared = " and ".join(f"`{column.name}`" for column in OF_RUN if Table.HISTORY in column.tables)
    return "\n\n".join(
        (
            f"{of_runs}; a row is a run:",
            _markdown(OF_RUN, files=True),
            f"`{Table.HISTORY.file}`; a row is a point of the curve of a run, with its {shared}, and:",
            _markdown(OF_POINT),
            f"`{Table.BASELINES.file}`; a row is a baseline:",
            _markdown(OF_BASELINE),
        )
    )


def _markdown(found: Iterable[Column[Row]], *, files: bool = False) -> str:
    """Returns one row per name of a column; `files` adds the files of runs that have the column."""
    rows = {
        column.name: (
            f"`{column.name}`",
            *([_files(column.name)] if files else []),
            column.kind.description,
            column.meaning,
        )
        for column in found
    }
    head = ("column", *(["files"] if files else []), "values", "meaning")
    lines = (head, ["---"] * len(head), *rows.values())
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _files(name: str) -> str:
    having = [table.value for table in Table if table in RUN_TABLES and name in kinds(table)]
    return "all" if len(having) == len(RUN_TABLES) else ", ".join(having)


if __name__ == "__main__":
    replace_block(PAGE, "columns", columns())
