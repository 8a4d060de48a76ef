"""Writes the title page and the table of contents."""

from __future__ import annotations

from collections.abc import Mapping

from docx.oxml.xmlchemy import BaseOxmlElement
from lxml.html import HtmlElement

from study.report.docx.fields import Bookmarks, begin_field, end_field, field
from study.report.docx.inline import Inline, classes
from study.report.docx.wordml import TEXT_WIDTH, paragraph, run, twips, w, written

#: Least height of each part of the title page in mm, from top to bottom.
_PARTS = {"head": 88.0, "main": 72.0, "people": 86.0, "foot": 9.0}
#: Left indent of the people's names, which are in the right half of the page.
_PEOPLE_INDENT = twips(77)
_STYLES = {"word": "TitlePageStrong", "name": "TitlePageStrong", "hint": "TitlePageHint"}


def title_page(element: HtmlElement, bookmarks: Bookmarks) -> BaseOxmlElement:
    """Returns a table without borders, which keeps the parts in place while lines are filled in."""
    rows = []
    for part in element:
        name = next(iter(classes(part) & set(_PARTS)), "")
        lines = [_line(child, name, bookmarks) for child in part] or [paragraph("TitlePage")]
        place = w("vAlign", val="bottom" if name == "foot" else "top")
        cell = w("tc", w("tcPr", w("tcW", w=TEXT_WIDTH, type="dxa"), place), *lines)
        height = w("trHeight", val=twips(_PARTS.get(name, 0)), hRule="atLeast")
        rows.append(w("tr", w("trPr", w("cantSplit"), height), cell))
    properties = w("tblPr", w("tblW", w=TEXT_WIDTH, type="dxa"), w("tblLayout", type="fixed"))
    return w("tbl", properties, w("tblGrid", w("gridCol", w=TEXT_WIDTH)), *rows)


def _line(element: HtmlElement, part: str, bookmarks: Bookmarks) -> BaseOxmlElement:
    style = next((_STYLES[c] for c in classes(element) if c in _STYLES), "TitlePage")
    people = part == "people"
    line = paragraph(style, indent=_PEOPLE_INDENT if people else None, align="left" if people else None)
    Inline(line, bookmarks).content(element)
    return line


def contents(
    heading: BaseOxmlElement,
    entries: list[HtmlElement],
    bookmarks: Bookmarks,
    pages: Mapping[str, int],
) -> BaseOxmlElement:
    """Returns the table of contents, a field that is filled in until Word counts pages.

    Args:
        heading: the paragraph above.
        entries: paragraphs of the classes level1 and level2 with a link each.
        bookmarks: names of the headings.
        pages: page of each heading in the PDF, by anchor.
    """
    lines = [_entry(entry, bookmarks, pages) for entry in entries]
    if lines:
        for place, piece in enumerate(begin_field('TOC \\o "1-2" \\h \\z \\u')):
            lines[0].insert(1 + place, piece)
        lines[-1].append(end_field())
    gallery = w("docPartGallery", val="Table of Contents")
    kind = w("sdtPr", w("docPartObj", gallery, w("docPartUnique")))
    return w("sdt", kind, w("sdtContent", heading, *lines))


def _entry(element: HtmlElement, bookmarks: Bookmarks, pages: Mapping[str, int]) -> BaseOxmlElement:
    link = element.find("a")
    anchor = (link.get("href") or "").removeprefix("#") if link is not None else ""
    line = paragraph("TOC2" if "level2" in classes(element) else "TOC1")
    inside = w("hyperlink", anchor=bookmarks.name(anchor), history=1)
    Inline(inside, bookmarks).text(element.text_content())
    page = str(pages.get(anchor, ""))
    number = field(f"PAGEREF {bookmarks.name(anchor)} \\h", run(written("t", page)))
    inside.extend([run(w("tab")), number])
    line.append(inside)
    return line
