"""Says which tables sort, and by what the rows of runs can be filtered, in the words of the language."""

from __future__ import annotations

from lxml.html import HtmlElement

from study.report.html.elements import plain
from study.report.locale.messages import Words

#: The least number of rows that are worth sorting.
_ROWS = 4


def mark_runs(main: HtmlElement, words: Words) -> None:
    """Marks the tables that sort, and those of runs with what their rows can be filtered by.

    A run's row has a cell with `data-arm`, the arm without its network. The row gets `data-model`,
    `data-init`, `data-scope`, `data-rates` and, where there is a column for it, `data-seed`.
    """
    for table in main.iter("table"):
        heads = [plain(cell) for cell in table.xpath("./thead//th")]
        rows = table.xpath("./tbody/tr")
        if (
            len(rows) >= _ROWS
            and all(len(row) == len(heads) for row in rows)
            and table.xpath("./thead//th[@class='n']")
        ):
            _add_class(table, "sortable")
        for row in rows:
            for cell in row.xpath("./td[@data-arm]"):
                _add_class(table, "runs")
                _mark(row, cell.attrib.pop("data-arm"), heads, words)


def _mark(row: HtmlElement, arm: str, heads: list[str], words: Words) -> None:
    levels, seed = words.screen["levels"], words.screen["filters"]["seed"]
    init, scope, *rates = arm.split("-")
    row.set("data-model", plain(row[0]))
    row.set("data-init", levels[init])
    row.set("data-scope", levels[scope])
    row.set("data-rates", levels[rates[0]] if rates else levels["none"])
    if seed in heads:
        row.set("data-seed", plain(row[heads.index(seed)]))


def _add_class(element: HtmlElement, name: str) -> None:
    kinds = (element.get("class") or "").split()
    if name not in kinds:
        element.set("class", " ".join([*kinds, name]))
