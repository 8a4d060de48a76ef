"""Writes tables with full borders, a head repeated on every page, and rows that do not split."""

from __future__ import annotations

import re
from itertools import pairwise, zip_longest

from docx.oxml.xmlchemy import BaseOxmlElement
from lxml.html import HtmlElement

from study.report.docx.fields import Bookmarks
from study.report.docx.inline import Inline, classes
from study.report.docx.wordml import TEXT_WIDTH, paragraph, w

_STYLES = {"tight": "TableTextTight", "dense": "TableTextDense"}
#: Font size of each style in points; its cell margins beside and above the text in twentieths of a point.
_SIZES = {"TableText": 12.0, "TableTextTight": 11.0, "TableTextDense": 9.5}
_BESIDE = {"TableText": 70, "TableTextTight": 55, "TableTextDense": 40}
_ABOVE = {"TableText": 52, "TableTextTight": 40, "TableTextDense": 18}
#: Bounds in characters for a column without a given width, which is as wide as its longest line.
_NARROWEST, _WIDEST = 6, 36
#: Length up to which a word is not divided, and mean width of a letter as a share of the font size.
_UNDIVIDED = 16
_LETTER = 0.53


def table(element: HtmlElement, bookmarks: Bookmarks, *, whole: bool) -> BaseOxmlElement:
    """Returns a table as wide as the text.

    Args:
        element: `<table>` with `<thead>` and `<tbody>`.
        bookmarks: names of the things that the cells refer to.
        whole: whether the table stays on one page.
    """
    rows = [row for row in element.iter("tr")]
    style = next((_STYLES[c] for c in classes(element) if c in _STYLES), "TableText")
    widths = _widths(element, rows, style)
    written = [
        _row(row, widths, style, bookmarks, keep_next=_is_head(row) or (whole and row is not rows[-1]))
        for row in rows
    ]
    properties = w(
        "tblPr",
        w("tblStyle", val="TableGrid"),
        w("tblW", w=TEXT_WIDTH, type="dxa"),
        w("tblLayout", type="fixed"),
        cell_margins(_ABOVE[style], _BESIDE[style]),
        w("tblLook", val="0020", firstRow=1, noHBand=1, noVBand=1),
    )
    grid = w("tblGrid", *(w("gridCol", w=width) for width in widths))
    return w("tbl", properties, grid, *written)


def cell_margins(above: int, beside: int) -> BaseOxmlElement:
    """Returns the margins of all cells of a table in twentieths of a point."""
    sides = (("top", above), ("left", beside), ("bottom", above), ("right", beside))
    return w("tblCellMar", *(w(side, w=width, type="dxa") for side, width in sides))


def join_parts(root: HtmlElement) -> None:
    """Puts the parts of each table and listing together again that were cut where a page of the PDF ends.

    Args:
        root: the HTML text.
    """
    for caption in root.findall(".//p[@class='tcaption continued']"):
        first, rest = caption.getprevious(), caption.getnext()
        if first.tag == "pre":  # its last line ends without a break
            first[-1].tail = f"{first[-1].tail or ''}\n"
            first.extend(list(rest))
        else:
            first.find("tbody").extend(rest.find("tbody"))
        rest.drop_tree()
        caption.drop_tree()


def _is_head(row: HtmlElement) -> bool:
    parent = row.getparent()
    return parent is not None and parent.tag == "thead"


def _cells(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def _span(cell: HtmlElement) -> int:
    return int(cell.get("colspan") or 1)


def _widths(element: HtmlElement, rows: list[HtmlElement], style: str) -> list[int]:
    """Returns the widths of the columns in twentieths of a point, given or derived from their text.

    Unlike a browser, Word splits a word that is wider than its cell. So a column is at least as wide as its
    longest word, and the other columns give up the width for it.
    """
    cells = [_cells(row) for row in rows if not _spans(row)]
    columns = [[c for c in column if c is not None] for column in zip_longest(*cells)]
    given = [re.search(r"width:\s*([\d.]+)%", col.get("style") or "") for col in element.iter("col")]
    shares = [float(match[1]) for match in given if match] or [
        float(min(max(_NARROWEST, *map(_length, column)), _WIDEST)) for column in columns
    ]
    letter = 20 * _SIZES[style] * _LETTER
    least = [max(map(_longest_word, column)) * letter + 2 * _BESIDE[style] for column in columns]
    wanted = [TEXT_WIDTH * share / sum(shares) for share in shares]
    missing = sum(max(low - width, 0) for low, width in zip(least, wanted, strict=True))
    spare = [max(width - low, 0) for low, width in zip(least, wanted, strict=True)]
    if 0 < missing <= sum(spare):
        wanted = [
            max(width, low) - room * missing / sum(spare)
            for width, low, room in zip(wanted, least, spare, strict=True)
        ]
    edges = [round(sum(wanted[:n])) for n in range(len(wanted) + 1)]
    return [right - left for left, right in pairwise(edges)]


def _spans(row: HtmlElement) -> bool:
    return any(_span(cell) > 1 for cell in _cells(row))


def _length(cell: HtmlElement) -> int:
    """Returns the characters of the longest line of a cell."""
    lines = [cell.text_content()] if cell.find("br") is None else list(cell.itertext())
    return max((len(line.strip()) for line in lines), default=0)


def _longest_word(cell: HtmlElement) -> int:
    """Returns the characters of the longest word, at most `_UNDIVIDED`.

    A no-break space does not end a word.
    """
    text = " ".join(cell.itertext()) if cell.find("br") is not None else cell.text_content()
    return min(max(map(len, re.split(r"[ \t\n]", text))), _UNDIVIDED)


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
