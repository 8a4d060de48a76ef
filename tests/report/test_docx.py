"""The Word file of the report: real structure, the numbers of the HTML, the form when laid out."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lxml.html
import pytest
from docx import Document
from docx.oxml.ns import qn
from planted import plant

from study.report.build import to_docx
from study.report.form_check.captions import check_captions, check_listing_captions
from study.report.form_check.context import FormContext
from study.report.form_check.fonts import check_fonts, check_text_size
from study.report.form_check.headings import find_headings
from study.report.form_check.page_geometry import check_page_geometry, check_page_numbers
from study.report.form_check.pdf import Line, Page, Pdf, read_pdf
from study.report.form_check.running_text import check_hyphenation, check_spacing
from study.report.locale.messages import read_words
from study.report.text.title_page import read_title_page

if TYPE_CHECKING:
    from conftest import Built, Composer


@pytest.fixture(scope="module")
def word(built: Built) -> Any:
    return Document(str(built.docx))


@pytest.fixture(scope="module")
def page(built: Built) -> Any:
    parser = lxml.html.HTMLParser(huge_tree=True)
    return lxml.html.document_fromstring(built.html, parser=parser)


def _plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def _shown(element: Any) -> str:
    """The text a reader sees, a line break as a space."""
    pieces = (" " if e.tag == qn("w:br") else e.text or "" for e in element.iter(qn("w:t"), qn("w:br")))
    return _plain("".join(pieces))


def _styled(word: Any, *styles: str) -> list[Any]:
    return [p for p in word.element.body.iter(qn("w:p")) if p.pPr is not None and p.pPr.style in styles]


def _instructions(element: Any, kind: str) -> list[str]:
    found = [field.get(qn("w:instr")).strip() for field in element.iter(qn("w:fldSimple"))]
    return [text for text in found if text.startswith(f"{kind} ")]


def test_headings_are_those_of_the_pdf(word: Any, built: Built) -> None:
    styles = ("TOCHeading", "Heading1", "Heading2", "HeadingStructural")
    shown = [_shown(p) for p in _styled(word, *styles)]
    assert shown == [heading.text for heading in find_headings(read_pdf(built.pdf))]
    assert len(shown) > 30


def test_contents_are_a_field_filled_with_the_headings(word: Any) -> None:
    texts = [e.text.strip() for e in word.element.body.iter(qn("w:instrText"))]
    assert len(texts) == 1 and texts[0].startswith("TOC ")
    begin = next(word.element.body.iter(qn("w:fldChar")))
    assert begin.get(qn("w:dirty")) == "true"
    headings = [_shown(p) for p in _styled(word, "Heading1", "Heading2", "HeadingStructural")]
    entries = _styled(word, "TOC1", "TOC2")
    pages = [_shown(field) for p in entries for field in p.iter(qn("w:fldSimple"))]
    assert len(pages) == len(headings) and all(page.isdigit() for page in pages)
    assert [_shown(p) for p in entries] == [h + n for h, n in zip(headings, pages, strict=True)]


def test_captions_are_those_of_the_html_and_counted_by_word(word: Any, page: Any) -> None:
    expected = [
        _plain(e.text_content())
        for e in page.iter("figcaption", "p")
        if e.tag == "figcaption" or e.get("class") == "tcaption"
    ]
    paragraphs = _styled(word, "Caption", "TableCaption")
    assert Counter(_shown(p) for p in paragraphs) == Counter(expected)
    assert any(text.startswith("Рисунок") for text in expected)
    assert any(text.startswith("Таблица Б.1") for text in expected)
    assert all(len(_instructions(p, "SEQ")) == 1 for p in paragraphs)


def test_references_show_what_their_bookmarks_hold(word: Any) -> None:
    body = word.element.body
    held = {}
    for start in body.iter(qn("w:bookmarkStart")):
        number, text = start.get(qn("w:id")), ""
        for sibling in start.itersiblings():
            if sibling.tag == qn("w:bookmarkEnd") and sibling.get(qn("w:id")) == number:
                break
            text += "".join(t.text or "" for t in sibling.iter(qn("w:t")))
        held[start.get(qn("w:name"))] = text
    fields = [f for f in body.iter(qn("w:fldSimple")) if " REF " in f.get(qn("w:instr"))]
    assert len(fields) > 20
    for field in fields:
        assert _shown(field) == held[field.get(qn("w:instr")).split()[1]]
    links = [link.get(qn("w:anchor")) for link in body.iter(qn("w:hyperlink"))]
    assert links and set(links) <= set(held)


def test_cells_of_tables_are_those_of_the_html(word: Any, page: Any) -> None:
    expected = [_plain(e.text_content()) for e in page.iter("th", "td") if _in_body(e)]
    tables = [t for t in word.tables if t.style.name == "Table Grid"]
    rows = [row for t in tables for row in t._tbl.tr_lst if not row.xpath("./w:trPr/w:tblHeader")]
    shown = [_shown(cell) for row in rows for cell in row.tc_lst]
    assert [text.replace(" ", "") for text in shown] == [text.replace(" ", "") for text in expected]
    assert any(re.fullmatch(r"\d+,\d+", text) for text in shown)


def _in_body(cell: Any) -> bool:
    return bool(cell.getparent().getparent().tag == "tbody")


def test_heads_repeat_and_rows_hold_together(word: Any) -> None:
    tables = [t._tbl for t in word.tables if t.style.name == "Table Grid"]
    assert len(tables) > 8
    for table in tables:
        assert table.tr_lst[0].xpath("./w:trPr/w:tblHeader")
        assert all(row.xpath("./w:trPr/w:cantSplit") for row in table.tr_lst)
        widths = [int(column.get(qn("w:w"))) for column in table.tblGrid]
        assert sum(widths) == 9355


def test_title_page_has_no_number_and_the_others_have(word: Any) -> None:
    section = word.sections[0]
    assert len(word.sections) == 1 and section.different_first_page_header_footer
    assert _shown(section.first_page_footer._element) == ""
    field = next(section.footer._element.iter(qn("w:fldSimple")))
    assert field.get(qn("w:instr")).strip() == "PAGE"


def test_pictures_have_words_and_fit_the_page(word: Any, page: Any) -> None:
    pictures = list(word.element.body.iter(qn("wp:inline")))
    assert len(pictures) == len(list(page.iter("img"))) > 15
    for picture in pictures:
        assert picture.docPr.get("descr").strip()
        assert picture.extent.cx <= 165 * 36_000
    formulas = _styled(word, "Formula")
    assert [_shown(p) for p in formulas] == [f"({n})" for n in range(1, len(formulas) + 1)]


def test_nothing_lies_outside_the_file(word: Any) -> None:
    parts = list(word.part.package.iter_parts())
    assert not [rel for part in parts for rel in part.rels.values() if rel.is_external]
    assert not _instructions(word.element.body, "HYPERLINK")
    assert not _instructions(word.element.body, "INCLUDEPICTURE")


def test_hostile_title_page_is_written_literally(tmp_path: Path, composer: Composer) -> None:
    hostile = {
        "student": "<script>alert(1)</script>",
        "teacher": "{ TOC } {{ 7*7 }}",
        "university": '"><w:p><img src="file:///etc/passwd">',
        "faculty": "=cmd|' /C calc'!A0",
        "city": "../../etc & co",
    }
    path = tmp_path / "title.yaml"
    path.write_text(json.dumps(hostile), encoding="utf-8")
    html = composer(plant(tmp_path / "results", bare=True), read_title_page(path))
    out = tmp_path / "report.docx"
    out.write_bytes(to_docx(html, {}))
    text = _shown(Document(str(out)).tables[0]._tbl)
    for value in hostile.values():
        assert value in text


@pytest.fixture(scope="module")
def laid_out(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Pdf:
    """The Word file as LibreOffice prints it."""
    folder = tmp_path_factory.mktemp("office")
    command = [
        "soffice",
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        "--headless",
        "--convert-to",
        "pdf",
        "--outdir",
        str(folder),
        str(built.docx),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    pdf = read_pdf(folder / "report.pdf")
    return replace(pdf, pages=[_with_hyphens(page) for page in pdf.pages])


def _with_hyphens(page: Page) -> Page:
    """LibreOffice ends a divided word with the sign of a compound; tell them apart by what follows."""
    lines: list[Line] = []
    for line, following in zip(page.lines, [*page.lines[1:], None], strict=True):
        divided = re.search(r"[а-яё]-$", line.text) and (
            following is None or re.match(r"[а-яё]{2}", following.text)
        )
        lines.append(replace(line, text=f"{line.text[:-1]}\u2010") if divided else line)
    return replace(page, lines=lines)


def test_laid_out_it_keeps_the_rules_of_form(laid_out: Pdf) -> None:
    """Rules 1–4 and 8, and rule 13 for listings.

    One sentence of rule 8 is left to the writer: a word processor does not move text before a
    figure that went to the next page, so a figure may stand more than a page behind its mention.
    """
    assert len(laid_out.pages) >= 18
    checks = (
        check_page_geometry,
        check_fonts,
        check_text_size,
        check_spacing,
        check_hyphenation,
        check_page_numbers,
        check_captions,
        check_listing_captions,
    )
    context = FormContext.of(laid_out, read_words("ru"))
    problems = [problem for check in checks for problem in check(context)]
    assert [p for p in problems if "more than a page behind" not in p.message] == []
