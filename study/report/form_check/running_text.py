"""Checks rules 3 and 16 on a finished PDF: leading, indent, justification, hyphenation, word spaces."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

from study.report.form_check.captions import find_captions
from study.report.form_check.context import FormContext
from study.report.form_check.pdf import CENTRE, INDENT, LEADING, LEFT, RIGHT, Page
from study.report.form_check.problem import Problem

_TOLERANCE = 1.0
#: Widest space between two words of a justified line, in sizes of the type (em).
WIDEST_SPACE = 1.6


def check_spacing(context: FormContext) -> Iterator[Problem]:
    """Checks leading, paragraph indent and justification; names the first fault of each page."""
    # Lines of the contents and of the list of sources are not justified.
    ragged = context.pages_of("contents", "sources")
    table = f"{context.words.form['table']} "
    for page in context.pdf.pages[1:]:
        yield from islice(_page_spacing(page, ragged=page.number in ragged, table=table), 1)


def _page_spacing(page: Page, *, ragged: bool, table: str) -> Iterator[Problem]:
    for line, following in pairwise(page.lines):
        if line.bold or following.bold or line.size < 12 or following.size < 12:
            continue
        caption = line.text.startswith(table) or following.text.startswith(table)
        if abs(following.x0 - LEFT) > _TOLERANCE or caption:
            continue
        step = following.y - line.y
        filled = abs(line.x1 - RIGHT) <= 1.5 and line.x0 < CENTRE
        if filled and 12 < step < 40 and abs(step - LEADING) > 0.3 and not ragged:
            yield Problem(3, page.number, f"{step:.2f} pt between baselines, not {LEADING}")
        if abs(step - LEADING) > 0.3 or ragged:
            continue
        if not filled and line.x0 < INDENT + _TOLERANCE and following.x1 > RIGHT - 100:
            yield Problem(3, page.number, f"{line.text[-30:]!r} is not justified")
        elif filled and line.x0 > LEFT + _TOLERANCE and abs(line.x0 - INDENT) > _TOLERANCE:
            yield Problem(3, page.number, f"paragraph indent of {line.x0 - LEFT:.1f} pt, not 35.4")


def check_hyphenation(context: FormContext) -> Iterator[Problem]:
    """Checks that running text is hyphenated, and that headings and captions are not."""
    full = [line for page in context.pdf.pages[1:] for line in page.lines if line.full_width]
    if len(full) >= 30 and not any(line.hyphenated for line in full):
        yield Problem(3, 2, "running text is not hyphenated")
    for heading in context.headings:
        if any(line.hyphenated for line in heading.lines):
            yield Problem(3, heading.page, "a heading is hyphenated")
    for caption in find_captions(context):
        if any(line.hyphenated for line in caption.lines):
            yield Problem(3, caption.page, f"the caption of {caption.number} is hyphenated")


def check_word_spaces(context: FormContext) -> Iterator[Problem]:
    """Checks that no justified line is torn apart; names the widest space of each page."""
    loose = context.pages_of("contents", "sources")
    for page in context.pdf.pages[1:]:
        torn = [line for line in page.lines if line.full_width and line.gap > WIDEST_SPACE * line.size]
        if torn and page.number not in loose:
            worst = max(torn, key=lambda line: line.gap / line.size)
            yield Problem(
                16, page.number, f"a space of {worst.gap / worst.size:.1f} em in {worst.text[:40]!r}"
            )
