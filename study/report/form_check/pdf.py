"""A finished PDF as lines of text with position, size and weight, read with pdfplumber."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pdfplumber

from study.report.form_check.tags import Tag, read_tags

#: The text block of rule 1 in points from the top left of an A4 page.
LEFT, RIGHT, TOP, BOTTOM = 85.04, 552.76, 56.69, 785.20
INDENT = LEFT + 35.43
CENTRE = (LEFT + RIGHT) / 2
#: Between the baselines of running text (rule 3).
LEADING = 24.15
#: Stands for a letter of code where only prose counts.
CODE = "¤"


@dataclass(frozen=True, kw_only=True)
class Line:
    """Characters on one baseline; y is the baseline, text has plain spaces.

    prose is the text with every letter of code replaced by `CODE`; gap is the widest space between two
    letters, in points.
    """

    page: int
    x0: float
    x1: float
    y: float
    text: str
    prose: str
    size: float
    bold: bool
    gap: float

    @property
    def centre(self) -> float:
        return (self.x0 + self.x1) / 2

    @property
    def hyphenated(self) -> bool:
        return self.text.endswith(("\u2010", "\u00ad"))

    @property
    def full_width(self) -> bool:
        """Whether the line fills the text block, which running text does whatever its size."""
        fills = abs(self.x0 - LEFT) <= 1.0 and abs(self.x1 - RIGHT) <= 1.5
        return fills and len(self.text) > 40 and "...." not in self.text


@dataclass(frozen=True, kw_only=True)
class Box:
    """Where something stands, in points from the top left."""

    x0: float
    x1: float
    top: float
    bottom: float


@dataclass(frozen=True, kw_only=True)
class Page:
    """number counts from 1; edges are drawn lines as (x0, x1, y); drawn: lines, shapes, pictures."""

    number: int
    width: float
    height: float
    chars: list[dict[str, Any]]
    lines: list[Line]
    foot: list[Line]
    images: list[tuple[float, float]]
    edges: list[tuple[float, float, float]]
    drawn: list[Box]
    fonts: dict[str, bool]


@dataclass(frozen=True, kw_only=True)
class Bookmark:
    title: str
    page: int | None


@dataclass(frozen=True, kw_only=True)
class Pdf:
    """tags: the structure tree, None in an untagged file; catalogue: the document's own entries."""

    pages: list[Page]
    bookmarks: list[Bookmark]
    tags: Tag | None
    catalogue: Mapping[str, Any]

    @property
    def lines(self) -> list[Line]:
        return [line for page in self.pages for line in page.lines]


def read_pdf(path: Path) -> Pdf:
    with pdfplumber.open(path) as opened:
        pages = [_page(page) for page in opened.pages]
        numbers = {page.page_obj.pageid: page.page_number for page in opened.pages}
        bookmarks = [
            Bookmark(title=plain(str(title)), page=_target(dest, numbers))
            for _, title, dest, _, _ in _outlines(opened)
        ]
        tags = read_tags(opened.doc.catalog, numbers)
        catalogue = _catalogue(opened.doc.catalog)
    return Pdf(pages=pages, bookmarks=bookmarks, tags=tags, catalogue=catalogue)


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
        edges=[(edge["x0"], edge["x1"], edge["top"]) for edge in (*page.lines, *page.rects)],
        drawn=[
            Box(x0=thing["x0"], x1=thing["x1"], top=thing["top"], bottom=thing["bottom"])
            for thing in (*page.lines, *page.rects, *page.curves, *page.images)
        ],
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
    words = [char for char in seen if "Mono" not in char["fontname"]] or seen
    text, prose, end = "", "", seen[0]["x0"]
    for char in chars:
        gap = " " * (char["x0"] - end > 1.5 and not text.endswith(" "))
        text += gap + char["text"]
        prose += gap + (CODE if "Mono" in char["fontname"] else char["text"])
        end = max(end, char["x1"])
    yield Line(
        page=number,
        x0=seen[0]["x0"],
        x1=max(char["x1"] for char in seen),
        y=group[0][0],
        text=plain(text),
        prose=plain(prose),
        size=Counter(round(char["size"], 1) for char in words).most_common(1)[0][0],
        bold=all("Bold" in char["fontname"] for char in seen),
        gap=max((right["x0"] - left["x1"] for left, right in pairwise(seen)), default=0.0),
    )


def plain(text: str) -> str:
    """Replaces each run of spaces of any kind by one ordinary space."""
    return re.sub(r"[\s\u00a0\u202f]+", " ", text).strip()


def join_lines(lines: Iterable[str]) -> str:
    """Joins lines of text, and the words that are divided between them."""
    return re.sub("[\u2010\u00ad] ", "", " ".join(lines))


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


def _catalogue(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Language, title shown, marked, and the text of the metadata."""
    from pdfminer.pdftypes import resolve1
    from pdfminer.utils import decode_text

    language = resolve1(entries.get("Lang"))
    shown = (resolve1(entries.get("ViewerPreferences")) or {}).get("DisplayDocTitle")
    marked = (resolve1(entries.get("MarkInfo")) or {}).get("Marked")
    metadata = resolve1(entries.get("Metadata"))
    return {
        "language": decode_text(language) if isinstance(language, bytes) else "",
        "title_shown": shown is True,
        "marked": marked is True,
        "metadata": metadata.get_data().decode("utf-8", "replace") if metadata is not None else "",
    }
