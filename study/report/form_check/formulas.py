"""Rule 10 on a finished PDF: a formula stands alone in the middle, its number at the right margin."""

from __future__ import annotations

import re

from study.report.form_check.pdf import CENTRE, LEFT, RIGHT, Line, Page, Pdf
from study.report.locale.messages import Words

_NUMBER = re.compile(r"^\(((?:[^\W\d_]\.)?)(\d+)\)$")
_OFF_CENTRE = 5.0


def check_formulas(pdf: Pdf, words: Words) -> list[str]:
    where = words.form["where"]
    problems: list[str] = []
    counts: dict[str, int] = {}
    behind = False
    for page in pdf.pages[1:]:
        for position, line in enumerate(page.lines):
            place = f"rule 10, page {page.number}"
            if behind and re.match(rf"(?i){where}\b", line.text):
                problems += [f"{place}: {problem}" for problem in _where(line, where)]
            match = _NUMBER.match(line.text)
            behind = match is not None and line.size > 12
            if match is None or not behind:
                continue
            counts[match[1]] = counts.get(match[1], 0) + 1
            shown = f"formula {line.text}"
            if int(match[2]) != counts[match[1]]:
                problems.append(f"{place}: {shown} stands where ({match[1]}{counts[match[1]]}) is due")
                counts[match[1]] = int(match[2])
            if abs(line.x1 - RIGHT) > 1.5:
                problems.append(f"{place}: the number of {shown} is not at the right margin")
            if abs(_centre(page, position) - CENTRE) > _OFF_CENTRE:
                problems.append(f"{place}: {shown} is not centred")
    return problems


def _where(line: Line, where: str) -> list[str]:
    problems = []
    if line.text[len(where) :].lstrip().startswith(":"):
        problems.append(f"«{where}» is followed by a colon")
    if not line.text.startswith(where):
        problems.append(f"«{where}» begins with a capital")
    if abs(line.x0 - LEFT) > 1.5:
        problems.append(f"«{where}» is indented")
    return problems


def _centre(page: Page, position: int) -> float:
    """The middle of what is drawn between the lines above and below the number."""
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
