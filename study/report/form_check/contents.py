"""Checks rule 7 on a finished PDF: the contents and the bookmarks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from study.report.form_check.context import FormContext
from study.report.form_check.headings import SECTION
from study.report.form_check.pdf import LEFT, RIGHT, Line
from study.report.form_check.problem import Problem

_WITH_LEADERS = re.compile(r"^(.*?)[ .]{3,}(\d+)$")
_WITHOUT_LEADERS = re.compile(r"^(.*) (\d+)$")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the contents."""

    text: str
    """The heading that the entry repeats."""
    target: int
    """The page number that the entry shows."""
    leaders: bool
    """Tells whether dots lead to the page number."""
    lines: tuple[Line, ...]
    """The lines on which the entry stands; the last one shows the page number."""

    @property
    def page(self) -> int:
        return self.lines[-1].page


def check_contents(context: FormContext) -> Iterator[Problem]:
    """Checks that every heading is listed with its page, behind leaders, and is a bookmark."""
    entries = list(_find_entries(context))
    for entry in entries:
        yield from _check_form(entry)
    unlisted = (context.words.heading["contents"], context.words.abstract)
    # The entry of a heading that ends with a dot, which rules 5 and 6 forbid, loses the dot to its leaders.
    pages = {text: h.page for h in context.headings if (text := h.text.rstrip(".")) not in unlisted}
    listed = {entry.text: entry for entry in entries}
    for text, entry in listed.items():
        if text not in pages:
            yield Problem(7, entry.page, f"{text[:50]!r} is listed but not a heading")
        elif pages[text] != entry.target:
            message = f"{text[:50]!r} is listed on page {entry.target}, stands on {pages[text]}"
            yield Problem(7, entry.page, message)
    for text, page in pages.items():
        if text not in listed:
            yield Problem(7, page, f"{text[:50]!r} is not in the contents")
    bookmarks = {bookmark.title.rstrip("."): bookmark.page for bookmark in context.pdf.bookmarks}
    for text, page in pages.items():
        if bookmarks.get(text) != page:
            yield Problem(7, page, f"{text[:50]!r} is not a bookmark of this page")


def _check_form(entry: Entry) -> Iterator[Problem]:
    first, last = entry.lines[0], entry.lines[-1]
    if not entry.leaders:
        yield Problem(7, entry.page, f"{last.text[:40]!r} has no leaders")
    if abs(last.x1 - RIGHT) > 1.5:
        yield Problem(7, entry.page, f"the page of {entry.text[:40]!r} is not at the right")
    section = SECTION.match(entry.text)
    if section and "." in section[1] and first.x0 < LEFT + 5:
        yield Problem(7, entry.page, f"{entry.text[:40]!r} is not indented")


def _find_entries(context: FormContext) -> Iterator[Entry]:
    """Yields the entries; each ends with the line that shows a page number."""
    lines: list[Line] = []
    for number in context.pages_of("contents"):
        for line in context.pdf.pages[number - 1].lines:
            if line.bold:
                continue
            lines.append(line)
            match = _WITH_LEADERS.match(line.text)
            leaders = match is not None
            if match is None and abs(line.x1 - RIGHT) < 1.5:
                match = _WITHOUT_LEADERS.match(line.text)
            if match is not None:
                text = " ".join([*(part.text for part in lines[:-1]), match[1]]).strip()
                yield Entry(text=text, target=int(match[2]), leaders=leaders, lines=tuple(lines))
                lines = []
