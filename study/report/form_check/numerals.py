"""Checks rule 14 on a finished PDF: the decimal mark, and numbers that stay with their units."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, pairwise

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import LEADING, LEFT, Line, Page, plain
from study.report.form_check.problem import Problem
from study.report.locale.messages import Words

#: Two numbers with a point between them; versions and dates of three parts are none.
_POINT = re.compile(r"(?<![\w.,/-])\d+\.\d+(?!\.?\w|-\w)")
_LATIN = re.compile(r"^[A-Za-z][\w.+-]*$")
#: A version of three parts, after which the next in a list may have two.
_VERSION = re.compile(r"\d\.\d+\.\d\S*[;,]$")
_LIST = re.compile(r"^[\s,–и]*$")


def check_numerals(context: FormContext) -> Iterator[Problem]:
    """Finds decimal points where the language has a comma, and units that begin a line.

    Names the first fault of both kinds on each page. Numbers of sections and of versions have points
    of their own: they are known by the word before them. Code, the contents and the list of sources
    are left out.
    """
    words = context.words
    unit = _unit_pattern(words)
    skipped = context.pages_of("contents", "sources")
    above: Line | None = None
    for page in context.pdf.pages[1:]:
        if page.number not in skipped:
            if words.decimal == ",":
                for number in islice(_decimal_points(page, above, words), 1):
                    yield Problem(14, page.number, f"{number!r} has a decimal point")
            yield from islice(_torn_units(page, unit), 1)
        above = page.lines[-1] if page.lines else None


def _decimal_points(page: Page, above: Line | None, words: Words) -> Iterator[str]:
    """Yields the decimals with a point; `above` is the last line of the page before."""
    for line in page.lines:
        if not line.bold:
            yield from _points_in_line(_end(above), line.prose, words)
        above = line


def _end(line: Line | None) -> str:
    """Returns the text of a line as it continues in the next one."""
    if line is None:
        return ""
    return line.prose[:-1] if line.hyphenated else f"{line.prose} "


def _points_in_line(above: str, line: str, words: Words) -> Iterator[str]:
    """Yields decimals with a point; the line above may hold the word before the first number."""
    names = set(words.model.values())
    text = above + line
    excused = -1
    for match in _POINT.finditer(text):
        before = text[: match.start()].rstrip()
        word = re.split(r"[\s(«]", before)[-1] if before else ""
        numbering = re.match(rf"(?i){words.form['section']}$", word)
        version = (_LATIN.match(word) and word not in names) or _VERSION.search(before)
        if numbering or version or (excused >= 0 and _LIST.match(text[excused : match.start()])):
            excused = match.end()
        elif match.start() >= len(above):
            yield match[0]


def _unit_pattern(words: Words) -> re.Pattern[str]:
    units = [plain(unit) for unit in (*words.unit.values(), *words.form["units"])]
    longest_first = "|".join(re.escape(unit) for unit in sorted(units, key=len, reverse=True))
    return re.compile(rf"^(?:{longest_first})(?!\w)")


def _torn_units(page: Page, unit: re.Pattern[str]) -> Iterator[Problem]:
    """Finds units that begin a line of running text and whose number ends the line before."""
    for line, following in pairwise(page.lines):
        if (
            re.search(r"\d$", line.prose)
            and unit.match(following.prose)
            and abs(following.x0 - LEFT) < 1.0
            and abs(following.y - line.y - LEADING) < 0.3
        ):
            message = f"{line.prose[-8:]!r} is torn from {following.prose[:8]!r}"
            yield Problem(14, page.number, message)
