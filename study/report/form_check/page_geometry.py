"""Checks rules 1 and 4 on a finished PDF: size and margins of the pages, and their numbers."""

from __future__ import annotations

from collections.abc import Iterator

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import BOTTOM, CENTRE, LEFT, RIGHT, TOP, Page
from study.report.form_check.problem import Problem

_TOLERANCE = 1.0


def check_page_geometry(context: FormContext) -> Iterator[Problem]:
    """Checks rule 1: pages are A4, and only the page number stands outside the text block."""
    for page in context.pdf.pages:
        if abs(page.width - 595.28) > 0.5 or abs(page.height - 841.89) > 0.5:
            yield Problem(1, page.number, "the page is not A4")
        yield from _first_char_outside(page)
        if any(x0 < LEFT - 2 or x1 > RIGHT + 2 for x0, x1 in page.images):
            yield Problem(1, page.number, "a picture stands outside the text block")


def _first_char_outside(page: Page) -> Iterator[Problem]:
    for char in page.chars:
        if not char.text.strip():
            continue
        baseline = char.y
        inside = char.x0 >= LEFT - _TOLERANCE and char.x1 <= RIGHT + _TOLERANCE
        below = baseline > BOTTOM and not char.text.isdigit()
        if not inside or char.top < TOP - _TOLERANCE or below:
            place = f"x {char.x0:.1f}…{char.x1:.1f}, y {char.top:.1f}"
            message = f"{char.text!r} stands at {place}, outside the text block"
            yield Problem(1, page.number, message)
            return


def check_page_numbers(context: FormContext) -> Iterator[Problem]:
    """Checks rule 4: every page but the title page shows its number at the bottom centre."""
    for page in context.pdf.pages:
        if page.number == 1:
            if page.foot:
                yield Problem(4, 1, f"the title page shows {page.foot[0].text!r}")
        elif [line.text for line in page.foot] != [str(page.number)]:
            shown = " ".join(line.text for line in page.foot) or "nothing"
            yield Problem(4, page.number, f"the foot shows {shown!r}, not {page.number}")
        elif abs(page.foot[0].centre - CENTRE) > 2:
            yield Problem(4, page.number, "the page number is not centred")
