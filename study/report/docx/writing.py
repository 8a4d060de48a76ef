"""Walks the composed HTML text of the report once and writes it as a Word document."""

from __future__ import annotations

import io
from collections.abc import Mapping
from copy import copy
from pathlib import Path

import lxml.html
from docx.document import Document
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.shared import Emu, Length, Mm, Pt
from lxml.html import HtmlElement

from study.report.docx.blank import blank
from study.report.docx.fields import Bookmarks, sequence
from study.report.docx.formulas import displayed, numbered_line, take_equations
from study.report.docx.front import contents, title_page
from study.report.docx.inline import Inline, classes
from study.report.docx.pictures import Print, read_pictures, size
from study.report.docx.tables import join_parts, table
from study.report.docx.wordml import paragraph, run, w, written

_WIDEST = Mm(165)
#: Space above the block after a table in twentieths of a point; Word has no space below a table.
_BEHIND_TABLE = 200
#: Id of no list, for a heading that its style would number.
_NO_LIST = 0
_HEADINGS = {"h1": "Heading1", "h2": "Heading2", "h3": "Heading3"}


def report_docx(
    html: str,
    *,
    forms: Path,
    print_pages: Print,
    pages: Mapping[str, int],
    formulas: Mapping[str, str],
) -> bytes:
    """Returns the report as a Word file.

    Args:
        html: the composed report, with numbers resolved.
        forms: folder of the document's styles, lists and settings.
        print_pages: prints HTML as PDF, to draw vector pictures.
        pages: page of each heading by anchor; Word replaces them with its own.
        formulas: LaTeX of the formulas by id.
    """
    parser = lxml.html.HTMLParser(huge_tree=True)
    root = lxml.html.document_fromstring(html, parser=parser)
    join_parts(root)
    equations = take_equations(root, formulas)
    document = blank(root.get("lang") or "ru", root.findtext(".//title") or "", forms)
    writer = _Writer(document, read_pictures(root, print_pages), equations, pages)
    writer.blocks(root.body)
    writer.end()
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


class _Writer:
    """Writes one block after another at the end of the document."""

    def __init__(
        self,
        document: Document,
        pictures: Mapping[str, bytes],
        equations: Mapping[str, BaseOxmlElement],
        pages: Mapping[str, int],
    ) -> None:
        self._document = document
        self._end = document.element.body.sectPr
        self._pictures = pictures
        self._equations = equations
        self._pages = pages
        self._bookmarks = Bookmarks()
        self._flat = False
        self._behind_table = False

    def blocks(self, parent: HtmlElement) -> None:
        self._flat = self._flat or "flat" in classes(parent)
        for child in parent:
            if isinstance(child.tag, str):
                self._block(child)

    def end(self) -> None:
        """Ends the document; Word wants a paragraph behind a table, so it gets one without height."""
        last = self._end.getprevious()
        if last is not None and last.tag == qn("w:tbl"):
            self._add(paragraph("AfterTable"))

    def _block(self, element: HtmlElement) -> None:
        kind = classes(element)
        if element.tag in _HEADINGS:
            self._add(self._heading(element, style="TOCHeading" if "unlisted" in kind else None))
        elif element.tag in ("ul", "ol"):
            self._list(element)
        elif element.tag == "figure":
            self._figure(element)
        elif element.tag == "table":
            box = element.getparent()
            whole = box is not None and "whole" in classes(box)
            self._add(table(element, self._bookmarks, whole=whole))
            self._behind_table = True
        elif element.tag == "pre":
            self._listing(element)
        elif element.tag == "p":
            self._paragraph(element, kind)
        elif "title" in kind:
            self._add(title_page(element, self._bookmarks))
        elif "contents" in kind:
            self._contents(element)
        elif "formula" in kind:
            self._formula(element)
        else:
            self.blocks(element)

    def _add(self, element: BaseOxmlElement) -> None:
        self._end.addprevious(element)
        self._behind_table = False

    def _text(self, element: HtmlElement, style: str, **direct: object) -> None:
        line = paragraph(style, **direct)  # type: ignore[arg-type]
        Inline(line, self._bookmarks).content(element)
        self._add(line)

    def _paragraph(self, element: HtmlElement, kind: set[str]) -> None:
        if "tcaption" in kind:
            self._text(element, "TableCaption")
            return
        before = _BEHIND_TABLE if self._behind_table else None
        style = "NoIndent" if "where" in kind else "Normal"
        self._text(element, style, before=before, keep_next=_follows(element, "formula"))

    def _heading(self, element: HtmlElement, style: str | None = None) -> BaseOxmlElement:
        """Returns a heading; Word counts its number, so the number of the text is left out."""
        kind = classes(element)
        numbered = "numbered" in kind
        own = _HEADINGS[element.tag] if numbered or element.tag != "h1" else "HeadingStructural"
        runs_on = self._flat and numbered and element.tag == "h1"
        above = element.getprevious()
        line = paragraph(
            style or own,
            before=0 if element.tag == "h2" and above is not None and above.tag == "h1" else None,
            page_break=False if runs_on else None,
            numbering=None if numbered or element.tag == "h1" else _NO_LIST,
        )
        anchor = element.get("id") or ""
        if numbered:
            element = copy(element)
            number = anchor.removeprefix("sec-").replace("-", ".")
            element.text = (element.text or "").lstrip().removeprefix(f"{number} ")
        inner = w("p")
        Inline(inner, self._bookmarks).content(element)
        line.extend(self._bookmarks.around(anchor, *inner) if anchor else list(inner))
        return line

    def _contents(self, element: HtmlElement) -> None:
        heading = self._heading(element.find("h1"), style="TOCHeading")
        self._add(contents(heading, element.findall("p"), self._bookmarks, self._pages))

    def _list(self, element: HtmlElement) -> None:
        kind = classes(element)
        numbering = self._new_numbering() if "num" in kind else None
        style = "Bibliography" if "sources" in kind else "ListNumber" if numbering else "ListBullet"
        for place, item in enumerate(element.findall("li")):
            before = _BEHIND_TABLE if self._behind_table and not place else None
            line = paragraph(style, numbering=numbering, before=before)
            inner = w("p")
            Inline(inner, self._bookmarks).content(item)
            anchor = item.get("id")
            line.extend(self._bookmarks.around(anchor, *inner) if anchor else list(inner))
            self._add(line)

    def _new_numbering(self) -> int:
        """Creates a list that counts from 1 again and returns its id."""
        numbering = self._document.part.numbering_part.element
        number = len(numbering.num_lst) + 1
        restart = w("lvlOverride", w("startOverride", val=1), ilvl=0)
        numbering.append(w("num", w("abstractNumId", val=2), restart, numId=number))
        return number

    def _figure(self, element: HtmlElement) -> None:
        line = paragraph("Figure")
        line.append(self._picture(element.find("img")))
        self._add(line)
        self._text(element.find("figcaption"), "Caption")

    def _formula(self, element: HtmlElement) -> None:
        anchor = element.get("id") or ""
        number = element.find("span").text_content().strip("() \n")
        counted = self._bookmarks.around(anchor, *sequence("Formula", number))
        known = self._equations.get(anchor)
        content = self._picture(element.find("img")) if known is None else displayed(known)
        self._add(numbered_line(content, counted, keep_next=_follows(element, "where")))

    def _picture(self, image: HtmlElement) -> BaseOxmlElement:
        """Returns a run with the picture at its printed size, at most as wide as the text."""
        width, height = _length(size(image, "width")), _length(size(image, "height"))
        scale = min(1.0, _WIDEST / width)
        picture = self._document.part.new_pic_inline(
            io.BytesIO(self._pictures[image.get("src") or ""]),
            Emu(round(width * scale)),
            Emu(round(height * scale)),
        )
        # Without these attributes LibreOffice adds an eighth of an inch.
        for side in "TBLR":
            picture.set(f"dist{side}", "0")
        picture.docPr.set("descr", image.get("alt") or "")
        return run(w("drawing", picture))

    def _listing(self, element: HtmlElement) -> None:
        lines = element.text_content().strip("\n").split("\n")
        for place, text in enumerate(lines):
            # Two lines of a listing stand together at each end, as those of a paragraph do.
            line = paragraph("Listing", keep_next=place in (0, len(lines) - 2) and len(lines) > 1)
            line.append(run(written("t", text)))
            self._add(line)
        self._behind_table = True


def _follows(element: HtmlElement, kind: str) -> bool:
    """Tells whether the next block is of this class."""
    following = element.getnext()
    return following is not None and kind in classes(following)


def _length(text: str) -> Length:
    value = float(text[:-2])
    return Mm(value) if text.endswith("mm") else Pt(value)
