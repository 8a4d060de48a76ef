"""Rule 11 on a finished PDF: items of lists begin with a dash, а), б) or 1), in order."""

from __future__ import annotations

import re

from study.report.form_check.headings import Heading, pages_of
from study.report.form_check.pdf import INDENT, Page, Pdf
from study.report.form_check.tables import read_letters
from study.report.form_check.tags import Tag
from study.report.locale.messages import Words

_MARKER = re.compile(r"^(?:(–)|(\d+)\)|([^\W\d_])\)) ")


def check_lists(pdf: Pdf, headings: list[Heading], words: Words) -> list[str]:
    """Markers of all lists that the tags of the file tell of; the list of sources has rule 12."""
    if pdf.tags is None:
        return []
    sources = pages_of(pdf, headings, words.heading["sources"])
    letters = words.letters.split()
    problems = []
    kind, order = "", 0
    for group in pdf.tags.find("L"):
        for place, item in enumerate(group.find("LI")):
            page = pdf.pages[(item.page or 1) - 1]
            text, left = _begin(item, page)
            # An item that goes on from the page before begins without the indent.
            if page.number in sources or not text or left < INDENT - 5:
                continue
            marker = _MARKER.match(text)
            if marker is None or (marker[3] and marker[3] not in letters):
                problems.append(
                    f"rule 11, page {page.number}: a list item begins {text[:12]!r}, not with a dash, "
                    f"{letters[0]}) or 1)"
                )
                continue
            if marker[1]:
                kind, order = "–", 0
                continue
            now = "1" if marker[2] else "a"
            number = int(marker[2]) if marker[2] else letters.index(marker[3]) + 1
            due = order + 1 if now == kind else 1
            if number != due and not (place == 0 and number == 1):
                problems.append(f"rule 11, page {page.number}: {text[:12]!r} is not the next item")
            kind, order = now, number
    return problems


def _begin(item: Tag, page: Page) -> tuple[str, float]:
    """The first letters of an item and where they begin."""
    first = [piece for _, piece in item.pieces()][:3]
    chars = [char for piece in first for char in page.chars if char.get("mcid") == piece]
    seen = [char for char in chars if char["text"].strip()]
    return read_letters(chars), seen[0]["x0"] if seen else 0.0
