"""Writes text with its inline elements as runs, links and fields into one paragraph."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from docx.oxml.xmlchemy import BaseOxmlElement
from lxml.html import HtmlElement

from study.report.docx.fields import Bookmarks, field, sequence
from study.report.docx.wordml import run, w, written

#: Characters that HTML collapses to one space; the no-break space is not one of them.
_SPACE = re.compile(r"[ \t\n\r\f]+")
_NUMBERED = ("fig-", "tab-", "eq-", "lst-")
#: Width of an underscore, which is half of the title page's font size of 14 pt.
_UNDERSCORE_MM = 7 / 72 * 25.4


@dataclass(frozen=True, kw_only=True)
class Face:
    """The look of text.

    Attributes:
        bold: whether it is bold.
        italic: whether it is italic.
        code: whether it is set as code.
        unbroken: whether its spaces do not break.
        raised: `superscript`, `subscript` or "".
    """

    bold: bool = False
    italic: bool = False
    code: bool = False
    unbroken: bool = False
    raised: str = ""

    def properties(self) -> list[BaseOxmlElement]:
        found = [w("rStyle", val="Code")] if self.code else []
        found += [w("b"), w("bCs")] if self.bold else []
        found += [w("i"), w("iCs")] if self.italic else []
        return found + ([w("vertAlign", val=self.raised)] if self.raised else [])


PLAIN = Face()
_FACES = {
    "b": {"bold": True},
    "strong": {"bold": True},
    "i": {"italic": True},
    "em": {"italic": True},
    "code": {"code": True},
    "tt": {"code": True},
    "sub": {"raised": "subscript"},
    "sup": {"raised": "superscript"},
}


def classes(element: HtmlElement) -> set[str]:
    return set((element.get("class") or "").split())


class Inline:
    """Writes into a paragraph; spaces are collapsed, and removed at the paragraph's start and end.

    Args:
        paragraph: element to which runs are added.
        bookmarks: names of the things that are referred to.
    """

    def __init__(self, paragraph: BaseOxmlElement, bookmarks: Bookmarks) -> None:
        self._target = paragraph
        self._bookmarks = bookmarks
        self._at_start = True
        self._space: Face | None = None
        self._last: tuple[Face, BaseOxmlElement] | None = None

    def content(self, element: HtmlElement, face: Face = PLAIN) -> None:
        """Writes everything inside the element."""
        self.text(element.text or "", face)
        for child in element:
            if isinstance(child.tag, str):
                self._element(child, face)
            self.text(child.tail or "", face)

    def text(self, text: str, face: Face = PLAIN) -> None:
        text = _SPACE.sub(" ", text)
        if text.startswith(" ") and not self._at_start and self._space is None:
            self._space = face
        bare = text.strip(" ")
        if not bare:
            return
        self._flush()
        self._put(bare, face)
        self._space = face if text.endswith(" ") else None

    def add(self, *elements: BaseOxmlElement) -> None:
        """Adds finished elements after what has been written."""
        self._flush()
        self._target.extend(elements)
        self._at_start, self._last = False, None

    def _flush(self) -> None:
        if self._space is not None:
            face, self._space = self._space, None
            self._put(" ", face)

    def _put(self, text: str, face: Face) -> None:
        if face.unbroken:
            text = text.replace(" ", "\u00a0")
        self._at_start = False
        if self._last is not None and self._last[0] == face:
            self._last[1].text = (self._last[1].text or "") + (written("t", text).text or "")
            return
        piece = written("t", text)
        self._target.append(run(piece, properties=face.properties()))
        self._last = (face, piece)

    def _element(self, element: HtmlElement, face: Face) -> None:
        kind = classes(element)
        identity = element.get("id") or ""
        if element.tag in _FACES:
            self.content(element, replace(face, **_FACES[element.tag]))  # type: ignore[arg-type]
        elif element.tag == "br":
            self._break()
        elif element.tag == "a":
            self._reference(element, face)
        elif identity.startswith("number-"):
            self._number(element, identity.removeprefix("number-"))
        elif "blank" in kind:
            self._flush()
            self._put("_" * round(_millimetres(element) / _UNDERSCORE_MM), face)
        elif "subtitle" in kind:
            self._break()
            self.content(element, face)
        else:
            self.content(element, replace(face, unbroken=face.unbroken or "nowrap" in kind))

    def _break(self) -> None:
        self._space = None
        self._target.append(run(w("br")))
        self._at_start, self._last = True, None

    def _number(self, element: HtmlElement, anchor: str) -> None:
        """Writes the number of a caption, which Word counts for the word before it."""
        parent = element.getparent()
        label = (parent.text or "").strip() if parent is not None else ""
        number = element.text_content().strip()
        self.add(*self._bookmarks.around(anchor, *sequence(label, number)))

    def _reference(self, element: HtmlElement, face: Face) -> None:
        """Writes a field that repeats a caption's number, or a link inside the document."""
        address = element.get("href") or ""
        if not address.startswith("#"):
            self.content(element, face)
            return
        name = self._bookmarks.name(address[1:])
        if address[1:].startswith(_NUMBERED):
            inside = field(f"REF {name} \\h")
        else:
            inside = w("hyperlink", anchor=name, history=1)
        self.add(inside)
        outside, self._target = self._target, inside
        self.content(element, face)
        self._target, self._last = outside, None


def _millimetres(element: HtmlElement) -> float:
    match = re.search(r"width:\s*([\d.]+)mm", element.get("style") or "")
    return float(match[1]) if match else 0.0
