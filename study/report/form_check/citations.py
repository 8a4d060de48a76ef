"""Rule 12 on a finished PDF: sources are numbered by their first citation and listed in that order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from study.report.form_check.headings import Heading, pages_of
from study.report.form_check.pdf import INDENT, Pdf
from study.report.locale.messages import Words

#: `[3]`, `[3, 5]`, `[3–5]`; an interval has decimals or a semicolon.
_CITED = re.compile(r"\[(\d{1,3}(?:\s?[,–]\s?\d{1,3})*)\]")
_ENTRY = re.compile(r"^(\d{1,3}) \S")


def check_citations(pdf: Pdf, headings: list[Heading], words: Words) -> list[str]:
    own = pages_of(pdf, headings, words.heading["sources"])
    listed = [
        (int(entry[1]), number)
        for number in own
        for line in pdf.pages[number - 1].lines
        if abs(line.x0 - INDENT) < 1.5 and (entry := _ENTRY.match(line.text))
    ]
    problems = []
    for due, (number, page) in enumerate(listed, start=1):
        if number != due:
            problems.append(f"rule 12, page {page}: source {number} is listed where {due} is due")
    known = {number for number, _ in listed}
    seen: list[int] = []
    for number, page in _cited(pdf, own):
        if number in seen:
            continue
        seen.append(number)
        if number not in known:
            problems.append(f"rule 12, page {page}: [{number}] is not in the list of sources")
        elif number != len(seen):
            problems.append(f"rule 12, page {page}: [{number}] is cited first where [{len(seen)}] is due")
    for number, page in listed:
        if number not in seen:
            problems.append(f"rule 12, page {page}: source {number} is not cited")
    return problems


def _cited(pdf: Pdf, own: range) -> Iterator[tuple[int, int]]:
    """(number, page) of every citation in order; one torn over two pages belongs to the first."""
    text, starts = "", []
    for page in pdf.pages[1:]:
        starts.append((len(text), page.number))
        if page.number not in own:
            text += " ".join(line.prose for line in page.lines) + " "
    for match in _CITED.finditer(text):
        page_number = max(page for start, page in starts if start <= match.start())
        for piece in re.split(r"\s?,\s?", match[1]):
            low, _, high = piece.partition("–")
            for number in range(int(low), int(high or low) + 1):
                yield number, page_number
