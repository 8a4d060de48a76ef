"""Checks rule 11 on a finished PDF: items of lists begin with a dash, а), б) or 1), in order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import INDENT, Page
from study.report.form_check.problem import Problem
from study.report.form_check.tables import join_chars
from study.report.form_check.tags import Tag

_MARKER = re.compile(r"^(?:(–)|(\d+)\)|([^\W\d_])\)) ")


def check_lists(context: FormContext) -> Iterator[Problem]:
    """Checks the markers of all lists that are tagged, but for the list of sources, which has rule 12."""
    if context.pdf.tags is None:
        return
    sources = context.pages_of("sources")
    letters = context.words.letters.split()
    kind, last = "", 0
    for group in context.pdf.tags.find("L"):
        for position, item in enumerate(group.find("LI")):
            page = context.pdf.pages[(item.page or 1) - 1]
            text, left = _begin(item, page)
            # An item that goes on from the page before begins without the indent.
            if page.number in sources or not text or left < INDENT - 5:
                continue
            marker = _MARKER.match(text)
            if marker is None or (marker[3] and marker[3] not in letters):
                message = f"a list item begins {text[:12]!r}, not with a dash, {letters[0]}) or 1)"
                yield Problem(11, page.number, message)
                continue
            if marker[1]:
                kind, last = "–", 0
                continue
            own_kind = "1" if marker[2] else "a"
            number = int(marker[2]) if marker[2] else letters.index(marker[3]) + 1
            expected = last + 1 if own_kind == kind else 1
            if number != expected and not (position == 0 and number == 1):
                yield Problem(11, page.number, f"{text[:12]!r} is not the next item")
            kind, last = own_kind, number


def _begin(item: Tag, page: Page) -> tuple[str, float]:
    """Returns the first letters of an item and where they begin."""
    first = [piece for _, piece in item.pieces()][:3]
    chars = [char for piece in first for char in page.chars if char.piece == piece]
    seen = [char for char in chars if char.text.strip()]
    return join_chars(chars), seen[0].x0 if seen else 0.0
