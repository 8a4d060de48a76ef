"""Checks rules 5 and 6 on a finished PDF: the form of structural headings and of section headings."""

from __future__ import annotations

from collections.abc import Iterator

from study.report.form_check.context import FormContext
from study.report.form_check.headings import SECTION, Heading
from study.report.form_check.pdf import CENTRE, INDENT
from study.report.form_check.problem import Problem


def check_structural_headings(context: FormContext) -> Iterator[Problem]:
    """Checks rule 5: structural headings are there and in form, and main sections begin a page."""
    names = context.words.heading
    for part, name in names.items():
        if part != "appendix" and not context.pages_of(part):
            yield Problem(5, 1, f"there is no heading {name}")
    for heading in context.headings:
        section = SECTION.match(heading.text)
        if section is not None:
            if "." not in section[1] and not heading.first and not context.flat:
                yield Problem(5, heading.page, f"section {heading.shown} does not begin a page")
        elif not heading.text.startswith(names["appendix"]):
            if heading.text != heading.text.upper():
                yield Problem(5, heading.page, f"{heading.shown} is not in capitals")
            yield from check_structural_form(5, heading, context)


def check_structural_form(rule: int, heading: Heading, context: FormContext) -> Iterator[Problem]:
    """Checks what holds for every heading without a number: centred, no dot, no line below, a new page."""
    line = heading.lines[0]
    edges = context.pdf.pages[heading.page - 1].edges
    if any(abs(part.centre - CENTRE) > 2 for part in heading.lines):
        yield Problem(rule, heading.page, f"{heading.shown} is not centred")
    if heading.text.endswith("."):
        yield Problem(rule, heading.page, f"{heading.shown} ends with a dot")
    if not heading.first:
        yield Problem(rule, heading.page, f"{heading.shown} does not begin a page")
    if any(0.3 < y - line.y < 4 and x0 < line.x1 and x1 > line.x0 for x0, x1, y in edges):
        yield Problem(rule, heading.page, f"{heading.shown} is underlined")


def check_section_headings(context: FormContext) -> Iterator[Problem]:
    """Checks rule 6: dots and indent of section headings; no heading of any kind ends a page."""
    for heading in context.headings:
        section = SECTION.match(heading.text)
        if section is not None:
            if section[2]:
                yield Problem(6, heading.page, f"a dot follows the number of {heading.shown}")
            if heading.text.endswith("."):
                yield Problem(6, heading.page, f"{heading.shown} ends with a dot")
            if abs(heading.lines[0].x0 - INDENT) > 1.0:
                yield Problem(6, heading.page, f"{heading.shown} does not begin at the paragraph indent")
        if heading.lines[-1] is context.pdf.pages[heading.page - 1].lines[-1]:
            yield Problem(6, heading.page, "a heading ends the page")
