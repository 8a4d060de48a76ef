"""Writes the result of the check as a file and as one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from study.report.form_check.accessibility import read_access
from study.report.form_check.pdf import Pdf
from study.report.form_check.problem import Problem
from study.report.form_check.rules import RULES
from study.report.locale.messages import Words
from study.store.files import write_json


def write_check(path: Path, problems: Sequence[Problem], pdf: Pdf, words: Words) -> None:
    """Writes the result as JSON (docs/report-check.md)."""
    counts = Counter(problem.rule for problem in problems)
    access = read_access(pdf)
    write_json(
        path,
        {
            "form": "ГОСТ 7.32-2017 and departmental custom",
            "language": words.lang,
            "pages": len(pdf.pages),
            "passed": all(problem.rule is None for problem in problems),
            "rules": [
                {
                    "rule": rule.number,
                    "holds": not counts[rule.number],
                    "problems": counts[rule.number],
                    "checked": rule.checked_in(words),
                    "not_checked": rule.not_checked,
                }
                for rule in RULES
            ],
            "problems": [
                {"rule": problem.rule, "page": problem.page, "text": problem.message}
                for problem in problems
            ],
            "accessibility": asdict(access) | {"problems": list(access.problems())},
        },
    )


def summary(problems: Sequence[Problem], pages: int, check: Path) -> list[str]:
    """Returns one line about the form, and one for each problem that no rule is about."""
    broken: dict[int, set[int]] = {}
    for problem in problems:
        if problem.rule is not None:
            broken.setdefault(problem.rule, set()).update([problem.page] if problem.page else [])
    if not broken:
        line = f"form: all {len(RULES)} rules hold on {pages} pages ({check})"
    else:
        shown = "; ".join(f"rule {rule}{_pages(broken[rule])}" for rule in sorted(broken))
        line = f"form: {len(broken)} of {len(RULES)} rules broken: {shown} ({check})"
    return [line, *(f"note: {problem.message}" for problem in problems if problem.rule is None)]


def _pages(pages: set[int]) -> str:
    """Returns `, pages 3, 5`; nothing where no page is known."""
    if not pages:
        return ""
    return f", page{'s' * (len(pages) > 1)} {', '.join(map(str, sorted(pages)))}"
