"""Finds page breaks: cuts tables and listings with a continuation caption, and fills holes before floats.

Each section begins a page, so it is laid out alone until nothing changes:

* A table whose rows are on two pages is cut there, and a continuation caption is put above the rest.
* So is a listing, at the last blank line before if that is near.
* A figure or table that moved to the next page leaves a hole. The blocks after it are put before it as
  long as they fit. Figures keep their order, and so do tables, so that numbers do not change, and a float
  stays behind the text that mentions it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: Page index, and y in points from the top of the page, by anchor.
Places = Mapping[str, tuple[int, float]]
#: Lays out a section and returns where its anchors are.
Layout = Callable[[str], Places]

#: An empty block whose place shows where the block before it ends.
HOLDER = '<div class="before" id="{name}"></div>'
FLOAT_END = "<!--float-->"
#: An empty mark before a line of a listing.
LINE = '<span id="line-{name}-{number}"></span>'
#: Bottom of the text block in points, and the least height of a hole that is filled: three lines.
_BOTTOM = 841.89 - 56.69
_WORTH = 72.0
#: Height of a line and of a subsection's heading in points, and characters in a line.
_LINE = 24.15
_HEADING_HEIGHT = 46.0
_CHARACTERS = 67
_MAX_PASSES = 16
#: Most lines that a listing is cut earlier for the sake of a blank line.
_MOST_EARLIER = 14

_FLOAT = re.compile(r'<div class="before" id="before-([\w-]+)"></div>')
_ROW = re.compile(r'<tr id="row-([\w-]+)-(\d+)">')
_LINE_MARK = re.compile(r'<span id="line-([\w-]+)-(\d+)"></span>')
_TEXT = re.compile(r'\s*(?:<p>.*?</p>|<(ul|ol) class="\w+">.*?</\1>)', re.DOTALL)
_HEADING = re.compile(r"\s*<h2 .*?</h2>(?=\s*<p>)", re.DOTALL)
_PIECE = re.compile(r"<(?:p|li)>(.*?)</(?:p|li)>", re.DOTALL)
_TAGS = re.compile(r"<[^>]+>")


@dataclass(frozen=True, kw_only=True)
class _Block:
    """A block that may be put before a float.

    Attributes:
        end: offset of its end in the section.
        height: its height in points.
    """

    end: int
    height: float


def paginate(section: str, layout: Layout, table: str, listing: str) -> str:
    """Returns the section with its tables and listings cut and its floats moved.

    Args:
        section: HTML of a section that begins a page, with references resolved.
        layout: lays out the section.
        table: caption of the rest of a table, with `{number}`.
        listing: caption of the rest of a listing, with `{number}`.
    """
    if FLOAT_END not in section and not _LINE_MARK.search(section):
        return section
    moved: set[str] = set()
    for _ in range(_MAX_PASSES):
        places = layout(section)
        changed = _fill_first_hole(section, places, moved)
        if changed is None:
            changed = _cut_first_table(section, places, table)
        if changed is None:
            changed = _cut_first_listing(section, places, listing)
        if changed is None:
            break
        section = changed
    return section


def _fill_first_hole(section: str, places: Places, moved: set[str]) -> str | None:
    """Moves the first float with a hole before it behind the blocks that fill the hole.

    Returns:
        The new section, or None if no float can be moved.
    """
    for match in _FLOAT.finditer(section):
        name = match[1]
        before, itself = places.get(f"before-{name}"), places.get(name)
        if name in moved or before is None or itself is None or itself[0] == before[0]:
            continue
        hole = _BOTTOM - before[1]
        if hole < _WORTH:
            continue
        moved.add(name)
        end = section.index(FLOAT_END, match.start()) + len(FLOAT_END)
        place, start = end, match.start()
        while hole > _LINE:
            block = _next_block(section, place, hole, name, section[:start], places)
            if block is None:
                break
            hole, place = hole - block.height, block.end
        if place > end:
            return section[:start] + section[end:place] + section[start:end] + section[place:]
    return None


def _next_block(
    section: str, place: int, hole: float, name: str, earlier: str, places: Places
) -> _Block | None:
    """Returns the block at `place` if it may stand before the float `name`, otherwise None.

    Text may, and so may a heading with room for two more lines. A float may if it is of the other kind,
    fits into the hole and is mentioned in the text before.
    """
    text = _TEXT.match(section, place)
    if text is not None:
        return _Block(end=text.end(), height=_height(text[0]))
    heading = _HEADING.match(section, place)
    if heading is not None and hole > _HEADING_HEIGHT + 2 * _LINE:
        return _Block(end=heading.end(), height=_HEADING_HEIGHT)
    other = re.compile(rf"\s*{_FLOAT.pattern}").match(section, place)
    if other is None or other[1].split("-")[0] == name.split("-")[0]:
        return None
    top, bottom = places.get(f"before-{other[1]}"), places.get(f"after-{other[1]}")
    cited = f'href="#{other[1]}"' in earlier
    if top is None or bottom is None or top[0] != bottom[0] or not cited:
        return None
    height = bottom[1] - top[1]
    if height > hole:
        return None
    return _Block(end=section.index(FLOAT_END, place) + len(FLOAT_END), height=height)


def _height(text: str) -> float:
    """Estimates the height of paragraphs or items in points from the length of their text.

    The indent counts as 5 characters.
    """
    pieces = [_TAGS.sub("", piece) for piece in _PIECE.findall(text)]
    return sum(_LINE * -(-(len(piece) + 5) // _CHARACTERS) for piece in pieces)


def _cut_first_table(section: str, places: Places, continued: str) -> str | None:
    """Cuts the first part of a table that is on two pages, at its first row on the second page.

    Returns:
        The new section, or None if there is no such part.
    """
    previous: tuple[str, int, int] | None = None
    for match in _ROW.finditer(section):
        name, row = match[1], int(match[2])
        place = places.get(f"row-{name}-{row}")
        if place is None:
            continue
        same_part = (
            previous is not None
            and previous[0] == name
            and "</table>" not in section[previous[2] : match.start()]
        )
        if same_part and previous is not None and place[0] > previous[1]:
            return _cut(section, match.start(), name, continued)
        previous = (name, place[0], match.start())
    return None


def _cut(section: str, at: int, name: str, continued: str) -> str:
    start = section.rindex("<table", 0, at)
    body = section.index("<tbody>", start) + len("<tbody>")
    head = section[start:body]
    return f"{section[:at]}</tbody></table>{_caption(section, name, continued)}{head}{section[at:]}"


def _caption(section: str, name: str, continued: str) -> str:
    number = re.search(rf'id="number-{name}">([^<]*)<', section)
    return f'<p class="tcaption continued">{continued.format(number=number[1] if number else "")}</p>'


def _cut_first_listing(section: str, places: Places, continued: str) -> str | None:
    """Cuts the first part of a listing that is on two pages, before its first line on the second page.

    Where one of the lines shortly before is blank, the listing is cut there: a function stays whole.

    Returns:
        The new section, or None if there is no such part.
    """
    for part in re.finditer(r"<pre>.*?</pre>", section, re.DOTALL):
        marks = list(_LINE_MARK.finditer(section, part.start(), part.end()))
        pages = [places.get(f"line-{mark[1]}-{mark[2]}", (0, 0.0))[0] for mark in marks]
        torn = next((place for place, page in enumerate(pages) if page > pages[0]), None)
        if torn is None:
            continue
        blank = (
            place + 1
            for place in range(torn - 1, max(0, torn - _MOST_EARLIER), -1)
            if section[marks[place].end()] == "\n"
        )
        mark = marks[next(blank, torn)]
        caption = _caption(section, mark[1], continued)
        before = section[: mark.start()].rstrip("\n")
        return f"{before}</pre>{caption}<pre>{section[mark.start() :]}"
    return None
