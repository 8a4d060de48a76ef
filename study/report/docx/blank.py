"""Creates an empty Word document in the departmental form: page, styles, lists, page number."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from docx import Document as open_document
from docx.document import Document
from docx.opc.part import XmlPart
from docx.oxml import parse_xml
from docx.oxml.ns import qn
from docx.shared import Mm

from study.report.docx.fields import field
from study.report.docx.wordml import paragraph, run, written
from study.report.locale.messages import read_words

#: Types of relations in python-docx's template, by their ending, that lead to parts of another document.
_FOREIGN = ("/thumbnail", "/stylesWithEffects", "/customXml")


def blank(lang: str, title: str, forms: Path) -> Document:
    """Creates a document without content.

    Args:
        lang: language of the report.
        title: title in the document's properties.
        forms: folder of styles.xml, numbering.xml and settings.xml.
    """
    document = open_document()
    part = document.part
    for holder in (part, part.package):
        for key in [k for k, r in holder.rels.items() if r.reltype.endswith(_FOREIGN)]:
            del holder.rels[key]
    _replace(part._styles_part, forms / "styles.xml")
    _replace(part.numbering_part, forms / "numbering.xml")
    _replace(part._settings_part, forms / "settings.xml")
    name = read_words(lang).word_language
    for language in part._styles_part.element.iter(qn("w:lang")):
        language.set(qn("w:val"), name)
    _page(document)
    properties, now = document.core_properties, datetime.now(timezone.utc)
    properties.title, properties.language = title, name
    properties.author = properties.comments = properties.keywords = ""
    properties.created = properties.modified = now
    return document


def _replace(part: XmlPart, path: Path) -> None:
    part._element = parse_xml(path.read_bytes())


def _page(document: Document) -> None:
    """Applies rules 1 and 4: A4, margins, page number at the bottom centre except on the first page."""
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin, section.right_margin = Mm(30), Mm(15)
    section.top_margin = section.bottom_margin = Mm(20)
    section.header_distance = section.footer_distance = Mm(9)
    section.different_first_page_header_footer = True
    footer = section.footer
    footer.is_linked_to_previous = False
    number = paragraph("Footer")
    number.append(field("PAGE", run(written("t", "2"))))
    for old in list(footer._element):
        footer._element.remove(old)
    footer._element.append(number)
