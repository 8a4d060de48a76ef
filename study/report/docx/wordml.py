"""Builds elements of WordprocessingML and of its equations, each in one expression."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

#: Width of the text block (165 mm) in twentieths of a point, Word's unit of length.
TEXT_WIDTH = 9355
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def twips(millimetres: float) -> int:
    """Converts millimetres to twentieths of a point."""
    return round(millimetres / 25.4 * 1440)


def w(tag: str, *children: BaseOxmlElement, **attributes: str | int) -> BaseOxmlElement:
    """Returns `<w:tag w:name="value">` with the children, whose order the schema prescribes."""
    return _element("w", tag, children, attributes)


def m(tag: str, *children: BaseOxmlElement, **attributes: str | int) -> BaseOxmlElement:
    """Returns `<m:tag m:name="value">`, a part of an equation, in the same way."""
    return _element("m", tag, children, attributes)


def _element(
    prefix: str, tag: str, children: Iterable[BaseOxmlElement], attributes: Mapping[str, str | int]
) -> BaseOxmlElement:
    element: BaseOxmlElement = OxmlElement(f"{prefix}:{tag}")
    for name, value in attributes.items():
        element.set(qn(f"{prefix}:{name}"), str(value))
    element.extend(children)
    return element


def written(tag: str, text: str, make: Callable[..., BaseOxmlElement] = w) -> BaseOxmlElement:
    """Returns `<w:t>`, `<w:instrText>` or `<m:t>` with all spaces.

    Characters that XML forbids become U+FFFD.
    """
    element = make(tag)
    element.text = _NO_XML.sub("\ufffd", text)
    element.set(qn("xml:space"), "preserve")
    return element


def run(*children: BaseOxmlElement, properties: Iterable[BaseOxmlElement] = ()) -> BaseOxmlElement:
    """Returns a run `<w:r>` with its properties."""
    listed = list(properties)
    return w("r", *([w("rPr", *listed)] if listed else []), *children)


def paragraph(
    style: str,
    *,
    keep_next: bool = False,
    page_break: bool | None = None,
    numbering: int | None = None,
    before: int | None = None,
    indent: int | None = None,
    align: str | None = None,
) -> BaseOxmlElement:
    """Returns an empty paragraph; only properties that differ from its style are written.

    Args:
        style: id of the style.
        keep_next: whether it stays on one page with the next paragraph.
        page_break: whether it begins a page; None leaves that to the style.
        numbering: id of a list other than the style's own.
        before: space above in twentieths of a point.
        indent: left indent in twentieths of a point.
        align: `left`, `center` or `right`.
    """
    properties = [w("pStyle", val=style)]
    if keep_next:
        properties.append(w("keepNext"))
    if page_break is not None:
        properties.append(w("pageBreakBefore", val=int(page_break)))
    if numbering is not None:
        properties.append(w("numPr", w("ilvl", val=0), w("numId", val=numbering)))
    if before is not None:
        properties.append(w("spacing", before=before))
    if indent is not None:
        properties.append(w("ind", left=indent, firstLine=0))
    if align is not None:
        properties.append(w("jc", val=align))
    return w("p", w("pPr", *properties))
