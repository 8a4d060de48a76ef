"""Rules 5, 6 and 7 on a finished PDF: headings, contents, bookmarks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from study.report.form_check.pdf import CENTRE, INDENT, LEFT, RIGHT, Line, Pdf
from study.report.locale.messages import Words

_NUMBERED = re.compile(r"^(\d+(?:\.\d+)*)(\.?)\s+(\S.*)")
_ENTRY = re.compile(r"^(.*?)[ .]{3,}(\d+)$")
_SIZE = 12.0


@dataclass(frozen=True, kw_only=True)
class Heading:
    """text is the whole heading; first tells whether it begins its page."""

    page: int
    text: str
    lines: tuple[Line, ...]
    first: bool

    @property
    def numbered(self) -> bool:
        return _NUMBERED.match(self.text) is not None

    @property
    def level(self) -> int:
        match = _NUMBERED.match(self.text)
        return 1 if match is None else match[1].count(".") + 1


def find_headings(pdf: Pdf) -> list[Heading]:
    """Runs of wholly bold lines behind the title page."""
    found: list[Heading] = []
    for page in pdf.pages[1:]:
        group: list[Line] = []
        for position, line in enumerate([*page.lines, None]):
            joined = (
                line is not None
                and bool(group)
                and line.y - group[-1].y < 30
                and not _NUMBERED.match(line.text)
            )
            bold = line is not None and line.bold and line.size >= _SIZE
            if group and not (bold and joined):
                text = re.sub("[\u2010\u00ad] ", "", " ".join(part.text for part in group))
                found.append(
                    Heading(
                        page=page.number,
                        text=text,
                        lines=tuple(group),
                        first=group[0] is page.lines[0],
                    )
                )
                group = []
            if bold and line is not None and position < len(page.lines):
                group.append(line)
    return found


def check_headings(pdf: Pdf, headings: list[Heading], words: Words, *, flat: bool) -> list[str]:
    """Rules 5 and 6."""
    problems = []
    appendix = words.heading["appendix"]
    for name in words.heading.values():
        if name != appendix and not any(h.text.rstrip(".").startswith(name) for h in headings):
            problems.append(f"rule 5, page 1: there is no heading {name}")
    for heading in headings:
        place = f"page {heading.page}"
        if heading.numbered:
            problems += _numbered(heading, place, flat)
            continue
        if heading.text.startswith(appendix):
            continue
        if heading.text != heading.text.upper():
            problems.append(f"rule 5, {place}: {heading.text[:40]!r} is not in capitals")
        problems += check_structural(pdf, heading, 5)
    for heading in headings:
        if any(line.hyphenated for line in heading.lines):
            problems.append(f"rule 3, page {heading.page}: a heading is hyphenated")
        last = pdf.pages[heading.page - 1].lines[-1]
        if last is heading.lines[-1]:
            problems.append(f"rule 6, page {heading.page}: a heading ends the page")
    return problems


def check_structural(pdf: Pdf, heading: Heading, rule: int) -> list[str]:
    """What holds for every heading without a number: centred, no dot, no line under it, a new page."""
    place, shown = f"rule {rule}, page {heading.page}", repr(heading.text[:40])
    line = heading.lines[0]
    problems = []
    if any(abs(part.centre - CENTRE) > 2 for part in heading.lines):
        problems.append(f"{place}: {shown} is not centred")
    if heading.text.endswith("."):
        problems.append(f"{place}: {shown} ends with a dot")
    if not heading.first:
        problems.append(f"{place}: {shown} does not begin a page")
    rules = pdf.pages[heading.page - 1].rules
    if any(0.3 < y - line.y < 4 and x0 < line.x1 and x1 > line.x0 for x0, x1, y in rules):
        problems.append(f"{place}: {shown} is underlined")
    return problems


def pages_of(pdf: Pdf, headings: list[Heading], name: str) -> range:
    """Pages from the heading of this name to the next heading of the first level."""
    start = next((h.page for h in headings if h.text.rstrip(".").startswith(name)), None)
    if start is None:
        return range(0)
    end = next((h.page for h in headings if h.page > start), len(pdf.pages) + 1)
    return range(start, end)


def _numbered(heading: Heading, place: str, flat: bool) -> list[str]:
    problems = []
    match = _NUMBERED.match(heading.text)
    shown = repr(heading.text[:40])
    if match is not None and match[2]:
        problems.append(f"rule 6, {place}: a dot follows the number of {shown}")
    if heading.text.endswith("."):
        problems.append(f"rule 6, {place}: {shown} ends with a dot")
    if abs(heading.lines[0].x0 - INDENT) > 1.0:
        problems.append(f"rule 6, {place}: {shown} does not begin at the paragraph indent")
    if heading.level == 1 and not heading.first and not flat:
        problems.append(f"rule 5, {place}: section {shown} does not begin a page")
    return problems


def check_contents(pdf: Pdf, headings: list[Heading], contents: str, abstract: str) -> list[str]:
    """Rule 7: every heading is listed with its real page, with leaders, and is a bookmark.

    Args:
        pdf: the document.
        headings: all its headings.
        contents: heading of the contents, which does not list itself.
        abstract: heading of the abstract, which is not listed either.
    """
    entries, problems = _entries(pdf, headings, contents)
    # A dot at the end of a heading, itself a mistake, is one of the leaders here.
    unlisted = (contents, abstract)
    real = {h.text.rstrip("."): h.page for h in headings if h.text.rstrip(".") not in unlisted}
    for text, (shown, place) in entries.items():
        if text not in real:
            problems.append(f"rule 7, page {place}: {text[:50]!r} is listed but not a heading")
        elif real[text] != shown:
            problems.append(
                f"rule 7, page {place}: {text[:50]!r} is listed on page {shown}, stands on {real[text]}"
            )
    for text, page in real.items():
        if text not in entries:
            problems.append(f"rule 7, page {page}: {text[:50]!r} is not in the contents")
    marks = {bookmark.title.rstrip("."): bookmark.page for bookmark in pdf.bookmarks}
    for text, page in real.items():
        if marks.get(text) != page:
            problems.append(f"rule 7, page {page}: {text[:50]!r} is not a bookmark of this page")
    return problems


def _entries(
    pdf: Pdf, headings: list[Heading], contents: str
) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """Entries of the contents: text → (page shown, page of the contents)."""
    entries: dict[str, tuple[int, int]] = {}
    problems, text, left = [], "", None
    for number in pages_of(pdf, headings, contents):
        page = pdf.pages[number - 1]
        for line in page.lines:
            if line.bold:
                continue
            left = line.x0 if left is None else left
            match = _ENTRY.match(line.text)
            if match is None and abs(line.x1 - RIGHT) < 1.5:
                match = re.match(r"^(.*) (\d+)$", line.text)
                if match:
                    problems.append(f"rule 7, page {page.number}: {line.text[:40]!r} has no leaders")
            if match is None:
                text += f"{line.text} "
                continue
            text = (text + match[1]).strip()
            section = _NUMBERED.match(text)
            if abs(line.x1 - RIGHT) > 1.5:
                problems.append(
                    f"rule 7, page {page.number}: the page of {text[:40]!r} is not at the right"
                )
            if section and "." in section[1] and left < LEFT + 5:
                problems.append(f"rule 7, page {page.number}: {text[:40]!r} is not indented")
            entries[text] = (int(match[2]), page.number)
            text, left = "", None
    return entries, problems
