"""A finished PDF as lines of text with position, size and weight, read with pdfplumber."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pdfplumber

#: The text block of rule 1 in points from the top left of an A4 page.
LEFT, RIGHT, TOP, BOTTOM = 85.04, 552.76, 56.69, 785.20
INDENT = LEFT + 35.43
CENTRE = (LEFT + RIGHT) / 2
#: Between the baselines of running text (rule 3).
LEADING = 24.15


@dataclass(frozen=True, kw_only=True)
class Line:
    """Characters on one baseline; y is the baseline, text has plain spaces."""

    page: int
    x0: float
    x1: float
    y: float
    text: str
    size: float
    bold: bool

    @property
    def centre(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def hyphenated(self) -> bool:
        return self.text.endswith(("\u2010", "\u00ad"))


@dataclass(frozen=True, kw_only=True)
class Page:
    """number counts from 1; rules are drawn lines as (x0, x1, y)."""

    number: int
    width: float
    height: float
    chars: list[dict[str, Any]]
    lines: list[Line]
    foot: list[Line]
    images: list[tuple[float, float]]
    rules: list[tuple[float, float, float]]
    fonts: dict[str, bool]


@dataclass(frozen=True, kw_only=True)
class Bookmark:
    title: str
    page: int | None


@dataclass(frozen=True, kw_only=True)
class Pdf:
    pages: list[Page]
    bookmarks: list[Bookmark]

    @property
    def lines(self) -> list[Line]:
        return [line for page in self.pages for line in page.lines]


def read_pdf(path: Path) -> Pdf:
    with pdfplumber.open(path) as opened:
        pages = [_page(page) for page in opened.pages]
        numbers = {page.page_obj.pageid: page.page_number for page in opened.pages}
        bookmarks = [
            Bookmark(title=_plain(str(title)), page=_target(dest, numbers))
            for _, title, dest, _, _ in _outlines(opened)
        ]
    return Pdf(pages=pages, bookmarks=bookmarks)


def _page(page: Any) -> Page:
    chars = page.chars
    lines = list(_lines(page))
    return Page(
        number=page.page_number,
        width=float(page.width),
        height=float(page.height),
        chars=chars,
        lines=[line for line in lines if line.y <= BOTTOM],
        foot=[line for line in lines if line.y > BOTTOM],
        images=[(image["x0"], image["x1"]) for image in page.images],
        rules=[(edge["x0"], edge["x1"], edge["top"]) for edge in (*page.lines, *page.rects)],
        fonts=_fonts(page),
    )


def _lines(page: Any) -> Iterator[Line]:
    """Upright characters grouped by baseline within 0.7 pt, from top to bottom."""
    placed = [(page.height - c["matrix"][5], c["x0"], c) for c in page.chars if c["upright"]]
    placed.sort(key=lambda item: item[0])
    group: list[tuple[float, float, dict[str, Any]]] = []
    for item in placed:
        if group and item[0] - group[0][0] > 0.7:
            yield from _line(page.page_number, group)
            group = []
        group.append(item)
    yield from _line(page.page_number, group)


def _line(number: int, group: list[tuple[float, float, dict[str, Any]]]) -> Iterator[Line]:
    chars = [char for _, _, char in sorted(group, key=lambda item: item[1])]
    seen = [char for char in chars if char["text"].strip()]
    if not seen:
        return
    text, end = "", seen[0]["x0"]
    for char in chars:
        text += " " * (char["x0"] - end > 1.5 and not text.endswith(" ")) + char["text"]
        end = max(end, char["x1"])
    yield Line(
        page=number,
        x0=seen[0]["x0"],
        x1=max(char["x1"] for char in seen),
        y=group[0][0],
        text=_plain(text),
        size=Counter(round(char["size"], 1) for char in seen).most_common(1)[0][0],
        bold=all("Bold" in char["fontname"] for char in seen),
    )


def _plain(text: str) -> str:
    return re.sub(r"[\s\u00a0\u202f]+", " ", text).strip()


def _fonts(page: Any) -> dict[str, bool]:
    """Font name → whether its file is embedded."""
    from pdfminer.pdftypes import resolve1

    found: dict[str, bool] = {}
    fonts = resolve1((page.page_obj.resources or {}).get("Font")) or {}
    for reference in fonts.values():
        font = resolve1(reference)
        nested = resolve1(font.get("DescendantFonts"))
        descriptor = resolve1((resolve1(nested[0]) if nested else font).get("FontDescriptor")) or {}
        name = str(font.get("BaseFont", "?")).strip("/'")
        found[name] = any(f"FontFile{kind}" in descriptor for kind in ("", "2", "3"))
    return found


def _outlines(opened: Any) -> list[Any]:
    from pdfminer.pdfdocument import PDFNoOutlines

    try:
        return list(opened.doc.get_outlines())
    except PDFNoOutlines:
        return []


def _target(dest: Any, numbers: Mapping[Any, int]) -> int | None:
    reference = dest[0] if isinstance(dest, list) and dest else None
    return numbers.get(getattr(reference, "objid", -1))
