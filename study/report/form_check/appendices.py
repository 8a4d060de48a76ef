"""Checks rule 13 on a finished PDF: the order of appendices, their headings and their mention."""

from __future__ import annotations

import re
from collections.abc import Iterator

from study.report.form_check.captions import find_captions
from study.report.form_check.context import FormContext
from study.report.form_check.heading_form import check_structural_form
from study.report.form_check.pdf import join_lines
from study.report.form_check.problem import Problem


def check_appendices(context: FormContext) -> Iterator[Problem]:
    """Checks rule 13 but for the captions of listings, which `check_listing_captions` checks."""
    name = context.words.heading["appendix"]
    letters = context.words.form["appendix_letters"].split()
    headings = [heading for heading in context.headings if heading.text.startswith(name)]
    if not headings:
        yield Problem(13, len(context.pdf.pages), f"there is no heading {name} {letters[0]}")
    starts: list[tuple[str, int]] = []
    for heading, expected in zip(headings, letters, strict=False):
        letter, _, title = heading.text.removeprefix(name).strip().partition(" ")
        if letter.rstrip(".") != expected:
            yield Problem(13, heading.page, f"appendix {letter} stands where {expected} is due")
        if not title:
            yield Problem(13, heading.page, f"appendix {letter} has no title")
        yield from check_structural_form(13, heading, context)
        if letter not in _mentioned_before(heading.page, context):
            message = f"appendix {letter} is not mentioned in the text before it"
            yield Problem(13, heading.page, message)
        starts.append((letter, heading.page))
    for caption in find_captions(context):
        letter = next((letter for letter, page in reversed(starts) if page <= caption.page), "")
        if letter and not caption.number.startswith(f"{letter}."):
            message = f"{caption.word} {caption.number} stands in appendix {letter}"
            yield Problem(13, caption.page, message)


def _mentioned_before(end: int, context: FormContext) -> set[str]:
    """Returns the letters of the appendices that the text before page `end` names."""
    form, contents = context.words.form, context.pages_of("contents")
    text = join_lines(
        line.text
        for page in context.pdf.pages[1 : end - 1]
        if page.number not in contents
        for line in page.lines
        if not line.bold
    )
    letter = "[" + "".join(form["appendix_letters"].split()) + r"]\b"
    several = rf"{letter}(?:(?:\s*,\s*|\s+{form['and']}\s+){letter})*"
    lists = re.findall(rf"(?i:{form['mention']['appendix']})\s+({several})", text)
    return {one for found in lists for one in re.findall(letter, found)}
