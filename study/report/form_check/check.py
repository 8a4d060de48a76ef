"""Checks a finished PDF against the rules of form of ГОСТ 7.32 and departmental custom."""

from __future__ import annotations

from pathlib import Path

from study.report.form_check.context import FormContext
from study.report.form_check.pdf import Pdf, read_pdf
from study.report.form_check.problem import Problem
from study.report.form_check.rules import RULES
from study.report.locale.messages import Words


def check_pdf(path: Path, words: Words, *, flat: bool = False) -> list[Problem]:
    """Reads a PDF and checks it as `check_document` does."""
    return check_document(read_pdf(path), words, flat=flat)


def check_document(pdf: Pdf, words: Words, *, flat: bool = False) -> list[Problem]:
    """Returns the problems of a report in the order of the rules.

    Args:
        pdf: the report.
        words: those of the report's language.
        flat: main sections need not begin a page.
    """
    if not pdf.pages:
        return [Problem(1, 1, "the document has no pages")]
    context = FormContext.of(pdf, words, flat=flat)
    return [problem for rule in RULES for problem in rule.check(context)]
