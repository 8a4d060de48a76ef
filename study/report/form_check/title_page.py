"""Checks rule 15 on a finished PDF: what the title page says and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from study.report.form_check.context import FormContext
from study.report.form_check.problem import Problem


def check_title_page(context: FormContext) -> Iterator[Problem]:
    """Checks rule 15. A blank line, drawn where nothing was given, counts as a line of text."""
    page, patterns = context.pdf.pages[0], context.words.work["title_page"]
    text = " ".join(line.text for line in page.lines)
    for name, pattern in patterns.items():
        if not re.search(pattern, text):
            yield Problem(15, 1, f"{name} ({pattern}) is missing")
    report = next((line.y for line in page.lines if re.search(patterns["report"], line.text)), 0.0)
    above = [line.y for line in page.lines if line.y < report and not line.text.startswith("(")]
    above += [y for x0, x1, y in page.edges if y < report and x1 - x0 > 50]
    if report and sum(b - a > 6 for a, b in pairwise([0.0, *sorted(above)])) < 3:
        yield Problem(15, 1, "ministry, university and department need a line each at the top")
    last = page.lines[-1] if page.lines else None
    if last is None or last.y < 700 or not re.search(r"\b\d{4}$", last.text):
        yield Problem(15, 1, "city and year do not stand at the bottom")
