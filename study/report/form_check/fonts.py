"""Checks rule 2 on a finished PDF: fonts, colour and size of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import Page
from study.report.form_check.problem import Problem

_TEXT_SIZE = 14.0
_FONTS = re.compile(r"(?i)liberation-?serif|times-?new-?roman|liberation-?mono")


def check_fonts(context: FormContext) -> Iterator[Problem]:
    """Checks that all text is black and set in embedded fonts of the report."""
    for page in context.pdf.pages:
        yield from _first_char_in_other_font(page)
        yield from _first_char_in_colour(page)
        for name, embedded in page.fonts.items():
            if not embedded:
                yield Problem(2, page.number, f"font {name} is not embedded")


def _first_char_in_other_font(page: Page) -> Iterator[Problem]:
    for char in page.chars:
        if not _FONTS.search(char.font):
            yield Problem(2, page.number, f"{char.text!r} is set in {char.font}")
            return


def _first_char_in_colour(page: Page) -> Iterator[Problem]:
    for char in page.chars:
        if any(part > 0.01 for part in char.colour) and char.space != "DeviceCMYK":
            yield Problem(2, page.number, f"{char.text!r} is not black")
            return


def check_text_size(context: FormContext) -> Iterator[Problem]:
    """Checks that running text is 14 pt; lines that fill the text block are taken for running text."""
    sizes = {
        page.number: [line.size for line in page.lines if line.full_width] for page in context.pdf.pages[1:]
    }
    for number, found in sizes.items():
        wrong = [size for size in found if abs(size - _TEXT_SIZE) > 0.2]
        if wrong:
            yield Problem(2, number, f"running text of {min(wrong):.1f} pt, not 14")
    if not any(sizes.values()):
        yield Problem(2, 2, "no line of running text fills the width of the block")
