"""Creates fields that Word computes itself, and the bookmarks that they refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count

from docx.oxml.xmlchemy import BaseOxmlElement

from study.report.docx.wordml import run, w, written

#: Maximum length of a bookmark's name in Word.
_LONGEST = 40


class Bookmarks:
    """Assigns names of bookmarks to the anchors of the HTML text.

    Word allows at most 40 letters, digits and underscores.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._numbers: Iterator[int] = count(1)

    def name(self, anchor: str) -> str:
        """Returns the name for an anchor, which is unique and always the same."""
        if anchor not in self._names:
            name = re.sub(r"\W", "_", anchor)[:_LONGEST]
            if name in self._names.values():
                tail = f"_{len(self._names)}"
                name = name[: _LONGEST - len(tail)] + tail
            self._names[anchor] = name
        return self._names[anchor]

    def around(self, anchor: str, *content: BaseOxmlElement) -> list[BaseOxmlElement]:
        """Returns the content between the start and the end of the anchor's bookmark."""
        number = next(self._numbers)
        start = w("bookmarkStart", id=number, name=self.name(anchor))
        return [start, *content, w("bookmarkEnd", id=number)]


def field(instruction: str, *content: BaseOxmlElement) -> BaseOxmlElement:
    """Returns a field; `content` is shown until Word computes it."""
    return w("fldSimple", *content, instr=f" {instruction} ")


def sequence(label: str, number: str) -> list[BaseOxmlElement]:
    """Returns the number of a caption: `5`, or `Б.1` with a separate count in every appendix.

    Args:
        label: the word before the number, which names the count.
        number: the number in the HTML text.
    """
    letter, dot, digits = number.rpartition(".")
    name = re.sub(r"\W", "_", f"{label}_{letter}" if letter else label)
    counted = field(f"SEQ {name} \\* ARABIC", run(written("t", digits)))
    return [run(written("t", letter + dot)), counted] if letter else [counted]


def begin_field(instruction: str) -> list[BaseOxmlElement]:
    """Returns the beginning of a field that contains paragraphs; Word updates it when it opens."""
    return [
        run(w("fldChar", fldCharType="begin", dirty="true")),
        run(written("instrText", f" {instruction} ")),
        run(w("fldChar", fldCharType="separate")),
    ]


def end_field() -> BaseOxmlElement:
    return run(w("fldChar", fldCharType="end"))
