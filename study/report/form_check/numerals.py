"""Rule 14 on a finished PDF: the decimal mark, and numbers that stay with their units."""

from __future__ import annotations

import re
from itertools import pairwise

from study.report.form_check.headings import Heading, pages_of
from study.report.form_check.pdf import LEADING, LEFT, Pdf, plain
from study.report.locale.messages import Words

#: Two numbers with a point between them; versions and dates of three parts are none.
_POINT = re.compile(r"(?<![\w.,/-])\d+\.\d+(?!\.?\w|-\w)")
_LATIN = re.compile(r"^[A-Za-z][\w.+-]*$")
#: A version of three parts, after which the next in a list may have two.
_VERSION = re.compile(r"\d\.\d+\.\d\S*[;,]$")
_LIST = re.compile(r"^[\s,–и]*$")


def check_marks(pdf: Pdf, headings: list[Heading], words: Words) -> list[str]:
    """Decimal points where the language has a comma; units that begin a line.

    Numbers of sections and of versions have points of their own: they are known by the word before
    them. Code, the contents and the list of sources are left out.
    """
    loose = {
        number
        for name in ("contents", "sources")
        for number in pages_of(pdf, headings, words.heading[name])
    }
    problems: list[str] = []
    for page in pdf.pages[1:]:
        if page.number in loose:
            continue
        found = []
        if words.decimal == ",":
            before = ""
            for line in page.lines:
                found += [] if line.bold else _points(before, line.prose, words)
                before = line.prose[:-1] if line.hyphenated else f"{line.prose} "
        problems += [f"rule 14, page {page.number}: {text!r} has a decimal point" for text in found[:1]]
        problems += _torn(page.number, pdf, words)[:1]
    return problems


def _points(above: str, line: str, words: Words) -> list[str]:
    """Decimals with a point in a line; the line above may hold the word before its first number."""
    names = set(words.model.values())
    text = above + line
    found, excused = [], -1
    for match in _POINT.finditer(text):
        before = text[: match.start()].rstrip()
        word = re.split(r"[\s(«]", before)[-1] if before else ""
        numbering = re.match(rf"(?i){words.form['section']}$", word)
        version = (_LATIN.match(word) and word not in names) or _VERSION.search(before)
        if numbering or version or (excused >= 0 and _LIST.match(text[excused : match.start()])):
            excused = match.end()
        elif match.start() >= len(above):
            found.append(match[0])
    return found


def _torn(number: int, pdf: Pdf, words: Words) -> list[str]:
    """Units at the beginning of a line of running text whose line before ends with a number."""
    units = [plain(unit) for unit in (*words.unit.values(), *words.form["units"])]
    longest_first = "|".join(re.escape(unit) for unit in sorted(units, key=len, reverse=True))
    unit = re.compile(rf"^(?:{longest_first})(?!\w)")
    lines = pdf.pages[number - 1].lines
    return [
        f"rule 14, page {number}: {line.prose[-8:]!r} is torn from {following.prose[:8]!r}"
        for line, following in pairwise(lines)
        if re.search(r"\d$", line.prose)
        and unit.match(following.prose)
        and abs(following.x0 - LEFT) < 1.0
        and abs(following.y - line.y - LEADING) < 0.3
    ]
