"""Tables: full borders, head repeated on every page, rows that do not split."""

from __future__ import annotations

import re
from itertools import pairwise, zip_longest

from docx.oxml.xmlchemy import BaseOxmlElement
from lxml.html import HtmlElement

from study.report.docx.fields import Bookmarks
from study.report.docx.inline import Inline, classes
from study.report.docx.wordml import TEXT_WIDTH, paragraph, w

_STYLES = {"tight": "TableTextTight", "dense": "TableTextDense"}
#: A column without a given width is as wide as its longest line, within these characters.
_NARROWEST, _WIDEST = 6, 36
#: Characters that the space beside the text of a cell is worth.
_PADDING = 3
#: Space beside the text of a cell in twentieths of a point, where the style's own is too wide.
_CLOSE = 45


def table(element: HtmlElement, bookmarks: Bookmarks, *, whole: bool) -> BaseOxmlElement:
    """A table as wide as the text.

    Args:
        element: `<table>` with `<thead>` and `<tbody>`.
        bookmarks: names of what the cells refer to.
        whole: stands on one page.
    """
    rows = [row for row in element.iter("tr")]
    widths = _widths(element, rows)
    style = next((_STYLES[c] for c in classes(element) if c in _STYLES), "TableText")
    written = [
        _row(row, widths, style, bookmarks, keep_next=_is_head(row) or (whole and row is not rows[-1]))
        for row in rows
    ]
    properties = w(
        "tblPr",
        w("tblStyle", val="TableGrid"),
        w("tblW", w=TEXT_WIDTH, type="dxa"),
        w("tblLayout", type="fixed"),
        *([] if style == "TableText" else [w("tblCellMar", *_beside())]),
        w("tblLook", val="0020", firstRow=1, noHBand=1, noVBand=1),
    )
    grid = w("tblGrid", *(w("gridCol", w=width) for width in widths))
    return w("tbl", properties, grid, *written)


def _beside() -> list[BaseOxmlElement]:
    return [w(side, w=_CLOSE, type="dxa") for side in ("left", "right")]


def _is_head(row: HtmlElement) -> bool:
    parent = row.getparent()
    return parent is not None and parent.tag == "thead"


def _cells(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _span(cell: HtmlElement) -> int:
    return int(cell.get("colspan") or 1)


def _widths(element: HtmlElement, rows: list[HtmlElement]) -> list[int]:
    """Widths of the columns in twentieths of a point: the given ones, or by their text."""
    given = [re.search(r"width:\s*([\d.]+)%", col.get("style") or "") for col in element.iter("col")]
    shares = [float(match[1]) for match in given if match]
    if not shares:
        lengths = [[_length(c) for c in _cells(row)] for row in rows if not _spans(row)]
        columns = zip_longest(*lengths, fillvalue=0)
        shares = [float(min(max(*column, _NARROWEST), _WIDEST) + _PADDING) for column in columns]
    edges = [round(TEXT_WIDTH * sum(shares[:n]) / sum(shares)) for n in range(len(shares) + 1)]
    return [right - left for left, right in pairwise(edges)]


def _spans(row: HtmlElement) -> bool:
    return any(_span(cell) > 1 for cell in _cells(row))


def _length(cell: HtmlElement) -> int:
    """Characters of the longest line of a cell."""
    lines = [cell.text_content()] if cell.find("br") is None else list(cell.itertext())
    return max((len(line.strip()) for line in lines), default=0)


def _row(
    row: HtmlElement, widths: list[int], style: str, bookmarks: Bookmarks, *, keep_next: bool
) -> BaseOxmlElement:
    head = _is_head(row)
    properties = w("trPr", w("cantSplit"), *([w("tblHeader")] if head else []))
    cells, start = [], 0
    for cell in _cells(row):
        end = start + _span(cell)
        cells.append(_cell(cell, sum(widths[start:end]), style, bookmarks, head=head, keep_next=keep_next))
        start = end
    return w("tr", properties, *cells)


def _cell(
    cell: HtmlElement, width: int, style: str, bookmarks: Bookmarks, *, head: bool, keep_next: bool
) -> BaseOxmlElement:
    kind = classes(cell)
    span = [w("gridSpan", val=_span(cell))] if _span(cell) > 1 else []
    centred = head or kind & {"n", "c"}
    text = paragraph(
        "TableTextCode" if "code" in kind else style,
        keep_next=keep_next,
        align="center" if centred else None,
    )
    Inline(text, bookmarks).content(cell)
    properties = w("tcPr", w("tcW", w=width, type="dxa"), *span, w("vAlign", val="center"))
    return w("tc", properties, text)
