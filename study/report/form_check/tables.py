"""Rule 9 on a finished PDF: tables that break, their borders, the heads of columns and rows.

Cells are found by the tags of the file, which say what is a table, a head and a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from study.report.form_check.captions import NUMBER
from study.report.form_check.pdf import LEFT, Box, Line, Page, Pdf, plain
from study.report.form_check.tags import Tag
from study.report.locale.messages import Words

Pieces = Mapping[int, list[dict[str, Any]]]
#: A caption's last baseline stands at most so far above the letters of its table.
_NEAR = 45.0
#: Leading inside a caption is less than this, that of the text is more.
_CAPTION_LEADING = 19.0
_OFF_CENTRE = 3.0
_PADDING = 9.0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """head: the head of a column or of a row; box is where its letters stand, None without letters."""

    text: str
    head: bool
    box: Box | None


Row = tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The part of a table on one page; above holds the lines of the caption over it, if any."""

    page: int
    above: tuple[Line, ...]
    heads: tuple[Row, ...]
    rows: tuple[Row, ...]

    @property
    def caption(self) -> str:
        return " ".join(line.text for line in self.above)

    @property
    def head(self) -> tuple[str, ...]:
        return tuple(cell.text for row in self.heads for cell in row)


def find_tables(pdf: Pdf) -> list[Table]:
    """The tables of a tagged PDF behind its title page, page by page."""
    if pdf.tags is None:
        return []
    pieces = {page.number: _pieces(page) for page in pdf.pages}
    tables = [tag for tag in pdf.tags.find("Table") if (tag.page or 1) > 1]
    return [_table(tag, pdf.pages[(tag.page or 1) - 1], pieces) for tag in tables]


def _pieces(page: Page) -> Pieces:
    found: dict[int, list[dict[str, Any]]] = {}
    for char in page.chars:
        if char.get("mcid") is not None:
            found.setdefault(char["mcid"], []).append(char)
    return found


def _table(tag: Tag, page: Page, pieces: Mapping[int, Pieces]) -> Table:
    def rows(parts: Iterable[Tag]) -> tuple[Row, ...]:
        return tuple(
            tuple(_cell(cell, pieces) for cell in row.find("TH", "TD"))
            for part in parts
            for row in part.find("TR")
        )

    heads = rows(tag.find("THead"))
    body = rows(tag.find("TBody"))
    boxes = _boxes((*heads, *body))
    above = _above(page, min(box.top for box in boxes)) if boxes else ()
    return Table(page=page.number, above=above, heads=heads, rows=body)


def _cell(tag: Tag, pieces: Mapping[int, Pieces]) -> Cell:
    chars = [char for page, piece in tag.pieces() for char in pieces[page].get(piece, ())]
    seen = [char for char in chars if char["text"].strip()]
    box = None
    if seen:
        box = Box(
            x0=min(char["x0"] for char in seen),
            x1=max(char["x1"] for char in seen),
            top=min(char["top"] for char in seen),
            bottom=max(char["bottom"] for char in seen),
        )
    return Cell(text=read_letters(chars), head=tag.kind == "TH", box=box)


def read_letters(chars: Iterable[Mapping[str, Any]]) -> str:
    """Letters in order of reading; a gap or a new line becomes a space."""
    text, end = "", None
    for char in chars:
        if end is not None and (char["x0"] > end + 1.5 or char["x1"] < end - 1.0):
            text += " "
        text += char["text"]
        end = char["x1"]
    return plain(text)


def _boxes(rows: Iterable[Row]) -> list[Box]:
    return [cell.box for row in rows for cell in row if cell.box is not None]


def _above(page: Page, top: float) -> tuple[Line, ...]:
    """The lines next above, as long as they stand as close as those of a caption."""
    found: list[Line] = []
    for line in reversed([line for line in page.lines if line.y < top]):
        if found and (found[0].y - line.y > _CAPTION_LEADING or abs(line.size - found[0].size) > 0.5):
            break
        if not found and top - line.y > _NEAR:
            break
        found.insert(0, line)
    return tuple(found)


def check_tables(pdf: Pdf, words: Words) -> list[str]:
    """Rule 9, and of rule 8 that a table has its caption above."""
    begins = re.compile(rf"^{words.form['table']} ({NUMBER})\b")
    before, _, after = plain(words.caption["continued"]).partition("{number}")
    goes_on = re.compile(rf"^{re.escape(before)}({NUMBER}){re.escape(after)}$")
    problems: list[str] = []
    number, head = "", tuple[str, ...]()
    for table in find_tables(pdf):
        place = f"page {table.page}"
        first, further = begins.match(table.caption), goes_on.match(table.caption)
        page = pdf.pages[table.page - 1]
        if first:
            number, head = first[1], table.head
            if not head:
                problems.append(f"rule 9, {place}: table {number} has no head")
        elif further:
            problems += _continuation(table, further[1], number, head)
        elif not any(line.y < _top(table) for line in page.lines):
            problems.append(f"rule 9, {place}: table {number} goes on without «{before.strip()} …»")
        else:
            problems.append(f"rule 8, {place}: a table has no caption above it")
            number, head = "", table.head
        problems += _borders(table, page, number) + _heads(table, page)
    return problems


def _top(table: Table) -> float:
    return min((box.top for box in _boxes((*table.heads, *table.rows))), default=0.0)


def _continuation(table: Table, shown: str, number: str, head: tuple[str, ...]) -> list[str]:
    place = f"rule 9, page {table.page}"
    problems = []
    if number and shown != number:
        problems.append(f"{place}: table {shown} is said to go on where table {number} does")
    if abs(table.above[0].x0 - LEFT) > 1:
        problems.append(f"{place}: the continuation of table {number} does not begin at the left")
    if table.head != head:
        problems.append(f"{place}: table {number} goes on without its head")
    return problems


def _borders(table: Table, page: Page, number: str) -> list[str]:
    """Lines on all four sides, beside every row."""
    rows = [row for row in (*table.heads, *table.rows) if _boxes([row])]
    if not rows:
        return []
    boxes = _boxes(rows)
    left, right = min(box.x0 for box in boxes), max(box.x1 for box in boxes)
    top, bottom = min(box.top for box in boxes), max(box.bottom for box in boxes)
    ceiling = table.above[-1].y if table.above else 0.0
    level = [line for line in page.drawn if line.bottom - line.top < 2 and line.x1 - line.x0 > 2]
    places = [_middle(row) for row in rows]
    sides = {
        "left": all(_upright(page, y, high=left + 1) for y in places),
        "right": all(_upright(page, y, low=right - 1) for y in places),
        "top": any(ceiling - 1 < line.top < top + 4 for line in level),
        "bottom": any(bottom - 4 < line.top < bottom + 30 for line in level),
    }
    missing = [side for side, there in sides.items() if not there]
    if not missing:
        return []
    return [f"rule 9, page {table.page}: table {number} has no border at the {', '.join(missing)}"]


def _middle(row: Row) -> float:
    boxes = _boxes([row])
    return (min(box.top for box in boxes) + max(box.bottom for box in boxes)) / 2


def _upright(page: Page, y: float, low: float = 0.0, high: float = 1e4) -> list[float]:
    """Where vertical lines cross the height y, between low and high."""
    return [
        line.x0
        for line in page.drawn
        if line.x1 - line.x0 < 2 < line.bottom - line.top
        and line.top <= y <= line.bottom
        and low <= line.x0 <= high
    ]


def _heads(table: Table, page: Page) -> list[str]:
    """Heads of columns stand in the middle and begin with a capital, heads of rows at the left."""
    problems: list[str] = []
    for row in table.heads:
        for cell in row:
            if re.match(r"[^\W\d_]{3}", cell.text) and cell.text[0].islower():
                problems.append(f"the head {cell.text!r} does not begin with a capital")
            left, right = _sides(cell, row, page)
            if cell.box and abs((cell.box.x0 + cell.box.x1) / 2 - (left + right) / 2) > _OFF_CENTRE:
                problems.append(f"the head {cell.text!r} is not centred")
    for row in table.rows:
        for cell in row:
            if cell.head and cell.box and cell.box.x0 - _sides(cell, row, page)[0] > _PADDING:
                problems.append(f"the row head {cell.text[:40]!r} is not at the left")
    return [f"rule 9, page {table.page}: {problem}" for problem in problems[:1]]


def _sides(cell: Cell, row: Row, page: Page) -> tuple[float, float]:
    """The lines at both sides of a cell; its letters where there are none."""
    if cell.box is None:
        return 0.0, 0.0
    y = _middle(row)
    left = max(_upright(page, y, high=cell.box.x0 + 1), default=cell.box.x0)
    return left, min(_upright(page, y, low=cell.box.x1 - 1), default=cell.box.x1)
