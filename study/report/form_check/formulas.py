"""Checks rule 10 on a finished PDF: place and number of formulas, and the line below them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import CENTRE, LEFT, RIGHT, Line, Page
from study.report.form_check.problem import Problem

_NUMBER = re.compile(r"^\(((?:[^\W\d_]\.)?)(\d+)\)$")
_OFF_CENTRE = 5.0


def check_formulas(context: FormContext) -> Iterator[Problem]:
    """Checks that formulas are centred and numbered in order at the right margin."""
    where = context.words.form["where"]
    last: dict[str, int] = {}
    below_formula = False
    for page in context.pdf.pages[1:]:
        for position, line in enumerate(page.lines):
            if below_formula and re.match(rf"(?i){where}\b", line.text):
                yield from _check_where(line, where)
            match = _NUMBER.match(line.text)
            below_formula = match is not None and line.size > 12
            if match is None or not below_formula:
                continue
            letter, number = match[1], int(match[2])
            expected = last.get(letter, 0) + 1
            last[letter] = number
            formula = f"formula {line.text}"
            if number != expected:
                yield Problem(10, page.number, f"{formula} stands where ({letter}{expected}) is due")
            if abs(line.x1 - RIGHT) > 1.5:
                yield Problem(10, page.number, f"the number of {formula} is not at the right margin")
            if abs(_centre(page, position) - CENTRE) > _OFF_CENTRE:
                yield Problem(10, page.number, f"{formula} is not centred")


def _check_where(line: Line, where: str) -> Iterator[Problem]:
    """Checks the line below a formula that explains its symbols and begins with the word `where`."""
    if line.text[len(where) :].lstrip().startswith(":"):
        yield Problem(10, line.page, f"«{where}» is followed by a colon")
    if not line.text.startswith(where):
        yield Problem(10, line.page, f"«{where}» begins with a capital")
    if abs(line.x0 - LEFT) > 1.5:
        yield Problem(10, line.page, f"«{where}» is indented")


def _centre(page: Page, position: int) -> float:
    """Returns the middle of what is drawn between the lines above and below the number."""
    y = page.lines[position].y
    above = page.lines[position - 1].y if position else 0.0
    below = page.lines[position + 1].y if position + 1 < len(page.lines) else page.height
    parts = [
        thing
        for thing in page.drawn
        if above - 4 < thing.top and thing.bottom < below and abs(thing.top - y) < 60
    ]
    if not parts:
        return CENTRE
    return (min(part.x0 for part in parts) + max(part.x1 for part in parts)) / 2
