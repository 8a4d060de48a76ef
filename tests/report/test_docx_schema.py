"""Every part of the Word file keeps to the schema of WordprocessingML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from wordml_schema import faults

if TYPE_CHECKING:
    from conftest import Built


@pytest.fixture(params=["ru", "en"])
def report(request: pytest.FixtureRequest) -> Built:
    return request.getfixturevalue("built" if request.param == "ru" else "english")  # type: ignore[no-any-return]


def test_every_part_keeps_to_the_schema(report: Built) -> None:
    part = Document(str(report.docx)).part
    footers = [section.footer._element for section in part.document.sections]
    parts = [
        part.element,
        part._styles_part.element,
        part.numbering_part.element,
        part._settings_part.element,
        *footers,
    ]
    assert [fault for root in parts for fault in faults(root)] == []


def test_names_that_are_referred_to_exist(report: Built) -> None:
    part = Document(str(report.docx)).part
    body, styles, lists = part.element, part._styles_part.element, part.numbering_part.element
    known = set(styles.xpath("./w:style/@w:styleId"))
    used = body.xpath("//w:pStyle/@w:val | //w:rStyle/@w:val | //w:tblStyle/@w:val")
    based = styles.xpath("//w:basedOn/@w:val | //w:next/@w:val") + lists.xpath("//w:pStyle/@w:val")
    assert set(used) | set(based) <= known
    numbers = set(lists.xpath("./w:num/@w:numId"))
    assert set(body.xpath("//w:numId/@w:val") + styles.xpath("//w:numId/@w:val")) <= numbers | {"0"}
    bookmarks = body.xpath("//w:bookmarkStart/@w:id")
    assert len(set(bookmarks)) == len(bookmarks) == len(body.xpath("//w:bookmarkEnd"))


@pytest.mark.parametrize(
    ("xml", "fault"),
    [
        ("<w:p {}><w:pPr><w:jc w:val='left'/><w:ind/></w:pPr></w:p>", "w:pPr holds w:jc w:ind"),
        ("<w:p {}><w:pPr><w:jc w:val='middle'/></w:pPr></w:p>", "w:jc has w:val='middle'"),
        ("<w:p {}><w:pPr><w:jc/></w:pPr></w:p>", "w:jc lacks w:val"),
        ("<w:p {}>text</w:p>", "w:p holds text"),
        ("<w:p {}><w:ins/></w:p>", "w:p holds w:ins"),
        ("<w:tc {}><w:tbl><w:tblPr/><w:tblGrid/></w:tbl></w:tc>", "w:tc holds w:tbl"),
        ("<m:oMath {}><m:f><m:num/></m:f></m:oMath>", "m:f holds m:num"),
    ],
)
def test_a_fault_is_found(xml: str, fault: str) -> None:
    root: Any = parse_xml(xml.format(nsdecls("w", "m")))
    assert fault in faults(root)
