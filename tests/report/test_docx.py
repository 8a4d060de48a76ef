"""The Word file of the report: real structure, and the numbers of the HTML."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lxml.html
import pytest
from docx import Document
from docx.oxml.ns import qn
from miniature import miniature
from planted import plant

from study.report.build import to_docx
from study.report.form_check.headings import find_headings
from study.report.form_check.pdf import read_pdf
from study.report.text.title_page import read_title_page

if TYPE_CHECKING:
    from conftest import Built, Composer

_LISTED = ("Heading1", "Heading2", "HeadingStructural")


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


def _style_chain(word: Any, name: str) -> list[Any]:
    """A style and those that it is based on, nearest first."""
    chain = word.styles.element.xpath(f"./w:style[@w:styleId='{name}']")
    based = chain[0].xpath("./w:basedOn/@w:val")
    return chain + (_style_chain(word, based[0]) if based else [])


def _numbered(word: Any, *styles: str) -> list[str]:
    """The headings with the numbers that Word counts for them."""
    lists, counts, shown = word.part.numbering_part.element, [0, 0, 0], []
    for heading in _styled(word, *styles):
        chain = [heading, *_style_chain(word, heading.pPr.style)]
        listed = next(x for x in (element.xpath("./w:pPr/w:numPr") for element in chain) if x)[0]
        number = listed.xpath("string(./w:numId/@w:val)")
        level = int(listed.xpath("string(./w:ilvl/@w:val)") or 0)
        if number == "0":
            shown.append(_shown(heading))
            continue
        abstract = lists.xpath(f"string(./w:num[@w:numId='{number}']/w:abstractNumId/@w:val)")
        path = f"./w:abstractNum[@w:abstractNumId='{abstract}']/w:lvl[@w:ilvl='{level}']"
        form = lists.xpath(f"string({path}/w:lvlText/@w:val)")
        counts[level:] = [counts[level] + 1, *[0] * (2 - level)]
        shown.append(
            f"{re.sub(r'%(.)', lambda place: str(counts[int(place[1]) - 1]), form)} {_shown(heading)}"
        )
    return shown


def _sized(html: str) -> str:
    """The miniature with sizes of its pictures, which every picture of the report has."""
    return html.replace(' src="data', ' style="width:10mm;height:5mm" src="data')


def _instructions(element: Any, kind: str) -> list[str]:
    found = [field.get(qn("w:instr")).strip() for field in element.iter(qn("w:fldSimple"))]
    return [text for text in found if text.startswith(f"{kind} ")]


def test_headings_are_those_of_the_pdf_and_counted_by_word(word: Any, built: Built) -> None:
    shown = _numbered(word, "TOCHeading", *_LISTED)
    assert shown == [heading.text for heading in find_headings(read_pdf(built.pdf))]
    assert len(shown) > 30
    typed = [_shown(heading) for heading in _styled(word, *_LISTED)]
    assert not [text for text in typed if re.match(r"\d", text)]


def test_a_heading_that_the_text_does_not_number_has_no_number_in_word() -> None:
    html = _sized(miniature()).replace("</h2>", "</h2><h2>Приложенное</h2><h3>Мелкое</h3>", 1)
    word: Any = Document(io.BytesIO(to_docx(html, {}, {})))
    shown = _numbered(word, "Heading2", "Heading3")
    assert shown[1:] == ["Приложенное", "Мелкое"]


def test_contents_are_a_field_filled_with_the_headings(word: Any) -> None:
    texts = [e.text.strip() for e in word.element.body.iter(qn("w:instrText"))]
    assert len(texts) == 1 and texts[0].startswith("TOC ")
    begin = next(word.element.body.iter(qn("w:fldChar")))
    assert begin.get(qn("w:dirty")) == "true"
    headings = _numbered(word, *_LISTED)
    entries = _styled(word, "TOC1", "TOC2")
    pages = [_shown(field) for p in entries for field in p.iter(qn("w:fldSimple"))]
    assert len(pages) == len(headings) and all(page.isdigit() for page in pages)
    assert [_shown(p) for p in entries] == [h + n for h, n in zip(headings, pages, strict=True)]


@pytest.mark.parametrize("style", ["TOC1", "TOC2"])
def test_pages_of_the_contents_stand_at_a_tab_inside_the_text(word: Any, style: str) -> None:
    """LibreOffice leaves out what stands at a tab beyond the text or beyond a right indent."""
    section = word.sections[0]
    width = section.page_width - section.left_margin - section.right_margin
    chain = _style_chain(word, style)
    tabs = next(found for found in (each.xpath("./w:pPr/w:tabs/w:tab") for each in chain) if found)
    assert [(tab.get(qn("w:val")), tab.get(qn("w:leader"))) for tab in tabs] == [("right", "dot")]
    assert 0.99 * width < 635 * int(tabs[0].get(qn("w:pos"))) <= width
    assert not [value for each in chain for value in each.xpath("./w:pPr/w:ind/@w:right") if value != "0"]


def test_captions_are_those_of_the_html_and_counted_by_word(word: Any, page: Any) -> None:
    expected = [
        _plain(e.text_content())
        for e in page.iter("figcaption", "p")
        if e.tag == "figcaption" or (e.get("class") == "tcaption" and e.getparent().get("class") != "brief")
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
    summary, *tables = [t for t in word.tables if t.style.name == "Table Grid"]
    assert len(summary.rows) == 8, "which are cards on the page"
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
    drawn = [image for image in page.iter("img") if image.getparent().get("class") != "formula"]
    assert len(pictures) == len(drawn) > 10
    for picture in pictures:
        assert picture.docPr.get("descr").strip()
        assert picture.extent.cx <= 165 * 36_000


def test_formulas_are_equations_with_their_number_at_the_right(word: Any, page: Any) -> None:
    rows = [row for row in word.element.body.iter(qn("w:tr")) if row.xpath(".//m:oMathPara/m:oMath")]
    expected = [
        _plain(e.text_content()) for e in page.iter("span") if e.getparent().get("class") == "formula"
    ]
    assert (
        [_shown(row.tc_lst[2]) for row in rows] == expected == [f"({n})" for n in range(1, len(rows) + 1)]
    )
    for row in rows:
        assert _shown(row.tc_lst[0]) == _shown(row.tc_lst[1]) == ""
        assert len(_instructions(row, "SEQ")) == 1
    assert len(rows) > 5


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
    out.write_bytes(to_docx(html, {}, {}))
    text = _shown(Document(str(out)).tables[0]._tbl)
    for value in hostile.values():
        assert value in text


def test_a_table_that_the_pdf_cuts_is_one_table() -> None:
    word: Any = Document(io.BytesIO(to_docx(_sized(miniature()), {}, {})))
    tables = [t._tbl for t in word.tables if t.style.name == "Table Grid"]
    assert [len(table.tr_lst) for table in tables] == [3]
    assert len(_styled(word, "TableCaption")) == 2  # of the table and of the listing
