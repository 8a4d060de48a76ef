"""Checks rule 9 on a finished PDF: tables that break, their borders, the heads of columns and rows.

Cells are found by the tags of the file, which say what is a table, a head and a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from study.report.form_check.captions import NUMBER
from study.report.form_check.context import FormContext
from study.report.form_check.pdf import LEFT, Box, Char, Line, Page, Pdf, plain
from study.report.form_check.problem import Problem
from study.report.form_check.tags import Tag
from study.report.locale.messages import Words

Pieces = Mapping[int, list[Char]]
#: A caption's last baseline stands at most so far above the letters of its table.
_NEAR = 45.0
#: Leading inside a caption is less than this, that of the text is more.
_CAPTION_LEADING = 19.0
_OFF_CENTRE = 3.0
_PADDING = 9.0


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell of a table."""

    text: str
    """The text of the cell on one line."""
    head: bool
    """Tells whether the cell is the head of a column or of a row."""
    box: Box | None
    """Where the letters of the cell stand; None without letters."""


Row = tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """The part of a table on one page."""

    page: int
    """Page of the PDF, counted from 1."""
    above: tuple[Line, ...]
    """The lines of the caption over this part; empty without a caption."""
    heads: tuple[Row, ...]
    """The rows that hold the heads of the columns."""
    rows: tuple[Row, ...]
    """All other rows."""

    @property
    def caption(self) -> str:
        return " ".join(line.text for line in self.above)

    @property
    def head(self) -> tuple[str, ...]:
        return tuple(cell.text for row in self.heads for cell in row)


def find_tables(pdf: Pdf) -> list[Table]:
    """Finds the tables of a tagged PDF behind its title page, page by page."""
    if pdf.tags is None:
        return []
    pieces = {page.number: _pieces(page) for page in pdf.pages}
    tables = [tag for tag in pdf.tags.find("Table") if (tag.page or 1) > 1]
    return [_table(tag, pdf.pages[(tag.page or 1) - 1], pieces) for tag in tables]


def _pieces(page: Page) -> Pieces:
    found: dict[int, list[Char]] = {}
    for char in page.chars:
        if char.piece is not None:
            found.setdefault(char.piece, []).append(char)
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
    seen = [char for char in chars if char.text.strip()]
    box = None
    if seen:
        box = Box(
            x0=min(char.x0 for char in seen),
            x1=max(char.x1 for char in seen),
            top=min(char.top for char in seen),
            bottom=max(char.bottom for char in seen),
        )
    return Cell(text=join_chars(chars), head=tag.kind == "TH", box=box)


def join_chars(chars: Iterable[Char]) -> str:
    """Joins letters in order of reading; a gap or a new line becomes a space."""
    text, end = "", None
    for char in chars:
        if end is not None and (char.x0 > end + 1.5 or char.x1 < end - 1.0):
            text += " "
        text += char.text
        end = char.x1
    return plain(text)


def _boxes(rows: Iterable[Row]) -> list[Box]:
    return [cell.box for row in rows for cell in row if cell.box is not None]


def _above(page: Page, top: float) -> tuple[Line, ...]:
    """Returns the lines next above, as long as they stand as close as those of a caption."""
    found: list[Line] = []
    for line in reversed([line for line in page.lines if line.y < top]):
        if found and (found[0].y - line.y > _CAPTION_LEADING or abs(line.size - found[0].size) > 0.5):
            break
        if not found and top - line.y > _NEAR:
            break
        found.insert(0, line)
    return tuple(found)


class _CaptionPatterns:
    """Holds the patterns of captions of tables, and of their parts on further pages, in one language."""

    def __init__(self, words: Words) -> None:
        self.before, _, after = plain(words.caption["continued"]).partition("{number}")
        self.first = re.compile(rf"^{words.form['table']} ({NUMBER})\b")
        self.continuation = re.compile(rf"^{re.escape(self.before)}({NUMBER}){re.escape(after)}$")


def check_tables(context: FormContext) -> Iterator[Problem]:
    """Checks rule 9; the caption above a table belongs to rule 8."""
    patterns = _CaptionPatterns(context.words)
    number, head = "", tuple[str, ...]()
    for table in find_tables(context.pdf):
        page = context.pdf.pages[table.page - 1]
        if first := patterns.first.match(table.caption):
            number, head = first[1], table.head
            if not head:
                yield Problem(9, table.page, f"table {number} has no head")
        elif continuation := patterns.continuation.match(table.caption):
            yield from _check_continuation(table, continuation[1], number, head)
        elif _begins_page(table, page):
            message = f"table {number} goes on without «{patterns.before.strip()} …»"
            yield Problem(9, table.page, message)
        else:
            number, head = "", table.head
        yield from _check_borders(table, page, number)
        yield from islice(_check_heads(table, page), 1)


def check_table_captions(context: FormContext) -> Iterator[Problem]:
    """Checks of rule 8 that a table, unless it goes on from the page before, has its caption above."""
    patterns = _CaptionPatterns(context.words)
    for table in find_tables(context.pdf):
        captioned = patterns.first.match(table.caption) or patterns.continuation.match(table.caption)
        if not captioned and not _begins_page(table, context.pdf.pages[table.page - 1]):
            yield Problem(8, table.page, "a table has no caption above it")


def _begins_page(table: Table, page: Page) -> bool:
    top = min((box.top for box in _boxes((*table.heads, *table.rows))), default=0.0)
    return not any(line.y < top for line in page.lines)


def _check_continuation(table: Table, shown: str, number: str, head: tuple[str, ...]) -> Iterator[Problem]:
    if number and shown != number:
        yield Problem(9, table.page, f"table {shown} is said to go on where table {number} does")
    if abs(table.above[0].x0 - LEFT) > 1:
        yield Problem(9, table.page, f"the continuation of table {number} does not begin at the left")
    if table.head != head:
        yield Problem(9, table.page, f"table {number} goes on without its head")


def _check_borders(table: Table, page: Page, number: str) -> Iterator[Problem]:
    """Checks that lines stand on all four sides, and beside every row."""
    rows = [row for row in (*table.heads, *table.rows) if _boxes([row])]
    if not rows:
        return
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
    if missing:
        yield Problem(9, table.page, f"table {number} has no border at the {', '.join(missing)}")


def _middle(row: Row) -> float:
    boxes = _boxes([row])
    return (min(box.top for box in boxes) + max(box.bottom for box in boxes)) / 2


def _upright(page: Page, y: float, low: float = 0.0, high: float = 1e4) -> list[float]:
    """Returns where vertical lines cross the height y, between low and high."""
    return [
        line.x0
        for line in page.drawn
        if line.x1 - line.x0 < 2 < line.bottom - line.top
        and line.top <= y <= line.bottom
        and low <= line.x0 <= high
    ]


def _check_heads(table: Table, page: Page) -> Iterator[Problem]:
    """Checks that column heads are centred and begin with a capital, and row heads stand at the left."""
    for row in table.heads:
        for cell in row:
            if re.match(r"[^\W\d_]{3}", cell.text) and cell.text[0].islower():
                yield Problem(9, table.page, f"the head {cell.text!r} does not begin with a capital")
            left, right = _sides(cell, row, page)
            if cell.box and abs((cell.box.x0 + cell.box.x1) / 2 - (left + right) / 2) > _OFF_CENTRE:
                yield Problem(9, table.page, f"the head {cell.text!r} is not centred")
    for row in table.rows:
        for cell in row:
            if cell.head and cell.box and cell.box.x0 - _sides(cell, row, page)[0] > _PADDING:
                yield Problem(9, table.page, f"the row head {cell.text[:40]!r} is not at the left")


def _sides(cell: Cell, row: Row, page: Page) -> tuple[float, float]:
    """Returns the lines at both sides of a cell; the edges of its letters where there are no lines."""
    if cell.box is None:
        return 0.0, 0.0
    y = _middle(row)
    left = max(_upright(page, y, high=cell.box.x0 + 1), default=cell.box.x0)
    return left, min(_upright(page, y, low=cell.box.x1 - 1), default=cell.box.x1)
