"""A finished PDF as lines of text with position, size and weight, read with playa."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import playa
from playa.content import (
    ContentObject,
    GlyphObject,
    ImageObject,
    PathObject,
    PathSegment,
    TextObject,
    XObjectObject,
)
from playa.pdftypes import ContentStream, Point, dict_value, resolve1
from playa.utils import decode_text

from study.report.form_check.tags import Tag, read_tags

#: The text block of rule 1 in points from the top left of an A4 page.
LEFT, RIGHT, TOP, BOTTOM = 85.04, 552.76, 56.69, 785.20
INDENT = LEFT + 35.43
CENTRE = (LEFT + RIGHT) / 2
#: Between the baselines of running text (rule 3).
LEADING = 24.15
#: Stands for a letter of code where only prose counts.
CODE = "¤"


@dataclass(frozen=True, kw_only=True, slots=True)
class Char:
    """A letter, with positions in points from the top left.

    top and bottom are the edges of a box of the height of the font size; y is the baseline. colour holds
    the components that `space` names. piece is the number of the marked piece of the page that holds the
    letter, None outside all; an artefact is decoration to a screen reader.
    """

    text: str
    x0: float
    x1: float
    top: float
    bottom: float
    y: float
    size: float
    font: str
    upright: bool
    colour: tuple[float, ...]
    space: str
    piece: int | None
    artefact: bool


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
    chars: list[Char]
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
    with playa.open(path) as opened:
        numbers = {page.pageid: number for number, page in enumerate(opened.pages, start=1)}
        return Pdf(
            pages=[_page(page, number) for number, page in enumerate(opened.pages, start=1)],
            bookmarks=[] if opened.outline is None else list(_bookmarks(opened.outline, numbers)),
            tags=read_tags(opened.catalog, numbers),
            catalogue=_catalogue(opened.catalog),
        )


def _page(page: playa.Page, number: int) -> Page:
    chars: list[Char] = []
    images: list[Box] = []
    shapes: list[tuple[Box, bool]] = []
    for thing, around in _content(page):  # read one by one: they share a state that the next one changes
        if isinstance(thing, TextObject):
            chars += [_char(glyph, around) for glyph in thing if isinstance(glyph, GlyphObject)]
        elif isinstance(thing, ImageObject) and thing.bbox is not None:
            x0, top, x1, bottom = thing.bbox
            images.append(Box(x0=x0, x1=x1, top=top, bottom=bottom))
        elif isinstance(thing, PathObject) and (thing.stroke or thing.fill):
            shapes += _shapes(thing)
    lines = list(_lines(number, chars))
    return Page(
        number=number,
        width=float(page.width),
        height=float(page.height),
        chars=chars,
        lines=[line for line in lines if line.y <= BOTTOM],
        foot=[line for line in lines if line.y > BOTTOM],
        images=[(image.x0, image.x1) for image in images],
        edges=[(shape.x0, shape.x1, shape.top) for shape, straight in shapes if straight],
        drawn=[*(shape for shape, _ in shapes), *images],
        fonts={
            font.basefont: any(f"FontFile{kind}" in font.descriptor for kind in ("", "2", "3"))
            for font in page.fonts.values()
        },
    )


def _content(
    objects: Iterable[ContentObject], around: int | None = None
) -> Iterator[tuple[ContentObject, int | None]]:
    """What is drawn, also inside form XObjects, with the marked piece that holds the XObject."""
    for thing in objects:
        if isinstance(thing, XObjectObject):
            yield from _content(thing, around if thing.mcid is None else thing.mcid)
        else:
            yield thing, around


def _char(glyph: GlyphObject, around: int | None) -> Char:
    a, b, c, d, x, y = glyph.matrix
    right, down = glyph.displacement
    descent = glyph.font.descent * 0.001
    across = [x + descent * c + part + up for part in (0, right) for up in (0, c)]
    level = [y + descent * d + part + up for part in (0, down) for up in (0, d)]
    state, section = glyph.gstate, glyph.mcs
    return Char(
        text=glyph.chars,
        x0=min(across),
        x1=max(across),
        top=min(level),
        bottom=max(level),
        y=y,
        size=glyph.size,
        font=glyph.fontname,
        upright=a * d < 0 and b * c >= 0,  # the y axis of a page points up, that of the screen down
        colour=tuple(float(part) for part in state.ncolor.values),
        space=state.ncs.name,
        piece=around if glyph.mcid is None else glyph.mcid,
        artefact=section is not None and section.tag == "Artifact",
    )


def _shapes(path: PathObject) -> Iterator[tuple[Box, bool]]:
    """The parts of a painted path, and whether each is a line or an upright rectangle."""
    parts: list[list[PathSegment]] = []
    for segment in path.segments:
        if segment.operator == "m" or not parts:
            parts.append([])
        parts[-1].append(segment)
    for part in parts:
        points = [point for segment in part for point in segment.points]
        if len(points) > 1:
            across, down = zip(*points, strict=True)
            box = Box(x0=min(across), x1=max(across), top=min(down), bottom=max(down))
            yield box, _is_straight("".join(segment.operator for segment in part), points, box)


def _is_straight(operators: str, points: list[Point], box: Box) -> bool:
    if operators in ("ml", "mlh"):
        return True
    return operators in ("mlllh", "mllll") and all(
        min(abs(x - box.x0), abs(x - box.x1)) < 1e-3 and min(abs(y - box.top), abs(y - box.bottom)) < 1e-3
        for x, y in points
    )


def _lines(number: int, chars: Iterable[Char]) -> Iterator[Line]:
    """Upright characters grouped by baseline within 0.7 pt, from top to bottom."""
    group: list[Char] = []
    for char in sorted((char for char in chars if char.upright), key=lambda char: char.y):
        if group and char.y - group[0].y > 0.7:
            yield from _line(number, group)
            group = []
        group.append(char)
    yield from _line(number, group)


def _line(number: int, group: list[Char]) -> Iterator[Line]:
    chars = sorted(group, key=lambda char: char.x0)
    seen = [char for char in chars if char.text.strip()]
    if not seen:
        return
    words = [char for char in seen if "Mono" not in char.font] or seen
    text, prose, end = "", "", seen[0].x0
    for char in chars:
        gap = " " * (char.x0 - end > 1.5 and not text.endswith(" "))
        text += gap + char.text
        prose += gap + (CODE if "Mono" in char.font else char.text)
        end = max(end, char.x1)
    yield Line(
        page=number,
        x0=seen[0].x0,
        x1=max(char.x1 for char in seen),
        y=group[0].y,
        text=plain(text),
        prose=plain(prose),
        size=Counter(round(char.size, 1) for char in words).most_common(1)[0][0],
        bold=all("Bold" in char.font for char in seen),
        gap=max((right.x0 - left.x1 for left, right in pairwise(seen)), default=0.0),
    )


def plain(text: str) -> str:
    """Replaces each run of spaces of any kind by one ordinary space."""
    return re.sub(r"[\s\u00a0\u202f]+", " ", text).strip()


def join_lines(lines: Iterable[str]) -> str:
    """Joins lines of text, and the words that are divided between them."""
    return re.sub("[\u2010\u00ad] ", "", " ".join(lines))


def _bookmarks(items: Iterable[Any], numbers: Mapping[int, int]) -> Iterator[Bookmark]:
    for item in items:
        target = item.destination
        page = None if target is None else numbers.get(target.page.pageid)
        yield Bookmark(title=plain(item.title), page=page)
        yield from _bookmarks(item, numbers)


def _catalogue(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Language, title shown, marked, and the text of the metadata."""
    preferences, mark = (dict_value(entries.get(key) or {}) for key in ("ViewerPreferences", "MarkInfo"))
    language, metadata = (resolve1(entries.get(key)) for key in ("Lang", "Metadata"))
    return {
        "language": decode_text(language) if isinstance(language, bytes) else "",
        "title_shown": resolve1(preferences.get("DisplayDocTitle")) is True,
        "marked": resolve1(mark.get("Marked")) is True,
        "metadata": metadata.buffer.decode("utf-8", "replace")
        if isinstance(metadata, ContentStream)
        else "",
    }
