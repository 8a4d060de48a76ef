"""Walks the composed HTML text of the report once and writes it as a Word document."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import lxml.html
from docx.document import Document
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.shared import Emu, Length, Mm, Pt
from lxml.html import HtmlElement

from study.report.docx.blank import blank
from study.report.docx.fields import Bookmarks, sequence
from study.report.docx.front import contents, title_page
from study.report.docx.inline import Inline, classes
from study.report.docx.pictures import Print, read_pictures, size
from study.report.docx.tables import table
from study.report.docx.wordml import paragraph, run, w, written

_WIDEST = Mm(165)
#: Space above the block after a table in twentieths of a point; Word has no space below a table.
_BEHIND_TABLE = 240


def report_docx(html: str, *, forms: Path, print_pages: Print, pages: Mapping[str, int]) -> bytes:
    """Returns the report as a Word file.

    Args:
        html: the composed report, with numbers resolved and tables not cut.
        forms: folder of the document's styles, lists and settings.
        print_pages: prints HTML as PDF, to draw vector pictures.
        pages: page of each heading by anchor; Word replaces them with its own.
    """
    parser = lxml.html.HTMLParser(huge_tree=True)
    root = lxml.html.document_fromstring(html, parser=parser)
    document = blank(root.get("lang") or "ru", root.findtext(".//title") or "", forms)
    writer = _Writer(document, read_pictures(root, print_pages), pages)
    writer.blocks(root.body)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


class _Writer:
    """Writes one block after another at the end of the document."""

    def __init__(self, document: Document, pictures: Mapping[str, bytes], pages: Mapping[str, int]) -> None:
        self._document = document
        self._end = document.element.body.sectPr
        self._pictures = pictures
        self._pages = pages
        self._bookmarks = Bookmarks()
        self._flat = False
        self._behind_table = False

    def blocks(self, parent: HtmlElement) -> None:
        self._flat = self._flat or "flat" in classes(parent)
        for child in parent:
            if isinstance(child.tag, str):
                self._block(child)

    def _block(self, element: HtmlElement) -> None:
        kind = classes(element)
        if element.tag in ("h1", "h2"):
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
        self._text(element, "NoIndent" if "where" in kind else "Normal", before=before)

    def _heading(self, element: HtmlElement, style: str | None = None) -> BaseOxmlElement:
        numbered = "numbered" in classes(element)
        own = "Heading2" if element.tag == "h2" else "Heading1" if numbered else "HeadingStructural"
        runs_on = self._flat and numbered and element.tag == "h1"
        line = paragraph(style or own, page_break=False if runs_on else None)
        inner = w("p")
        Inline(inner, self._bookmarks).content(element)
        line.extend(self._bookmarks.around(element.get("id") or "", *inner))
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
        number = element.find("span").text_content().strip("() \n")
        counted = self._bookmarks.around(element.get("id") or "", *sequence("Formula", number))
        line = paragraph("Formula")
        line.extend(
            [
                run(w("tab")),
                self._picture(element.find("img")),
                run(w("tab"), written("t", "(")),
                *counted,
                run(written("t", ")")),
            ]
        )
        self._add(line)

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
        for text in element.text_content().strip("\n").split("\n"):
            line = paragraph("Listing")
            line.append(run(written("t", text)))
            self._add(line)
        self._behind_table = True


def _length(text: str) -> Length:
    value = float(text[:-2])
    return Mm(value) if text.endswith("mm") else Pt(value)
