"""Checks rule 12 on a finished PDF: sources are numbered and listed in the order of first citation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import INDENT, Pdf
from study.report.form_check.problem import Problem

#: `[3]`, `[3, 5]`, `[3–5]`; an interval has decimals or a semicolon.
_CITED = re.compile(r"\[(\d{1,3}(?:\s?[,–]\s?\d{1,3})*)\]")
_ENTRY = re.compile(r"^(\d{1,3}) \S")


def check_citations(context: FormContext) -> Iterator[Problem]:
    """Checks the numbers of the list of sources, and those of the citations against it."""
    source_pages = context.pages_of("sources")
    listed = [
        (int(entry[1]), number)
        for number in source_pages
        for line in context.pdf.pages[number - 1].lines
        if abs(line.x0 - INDENT) < 1.5 and (entry := _ENTRY.match(line.text))
    ]
    for expected, (number, page) in enumerate(listed, start=1):
        if number != expected:
            yield Problem(12, page, f"source {number} is listed where {expected} is due")
    first_cited: dict[int, int] = {}
    for number, page in _citations(context.pdf, source_pages):
        first_cited.setdefault(number, page)
    known = {number for number, _ in listed}
    for expected, (number, page) in enumerate(first_cited.items(), start=1):
        if number not in known:
            yield Problem(12, page, f"[{number}] is not in the list of sources")
        elif number != expected:
            yield Problem(12, page, f"[{number}] is cited first where [{expected}] is due")
    for number, page in listed:
        if number not in first_cited:
            yield Problem(12, page, f"source {number} is not cited")


def _citations(pdf: Pdf, source_pages: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yields (number, page) of every citation in order; one torn over two pages belongs to the first."""
    text, starts = "", []
    for page in pdf.pages[1:]:
        starts.append((len(text), page.number))
        if page.number not in source_pages:
            text += " ".join(line.prose for line in page.lines) + " "
    for match in _CITED.finditer(text):
        page_number = max(page for start, page in starts if start <= match.start())
        for piece in re.split(r"\s?,\s?", match[1]):
            low, _, high = piece.partition("–")
            for number in range(int(low), int(high or low) + 1):
                yield number, page_number
