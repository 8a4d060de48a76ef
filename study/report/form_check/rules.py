"""What the check of the PDF looks at, rule by rule, and its result as a file and as one line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from study.report.form_check.accessibility import read_access
from study.report.form_check.pdf import Pdf
from study.report.locale.messages import Words
from study.store.files import write_json

_PROBLEM = re.compile(r"^rule (\d+)(?:, page (\d+))?: (.*)$")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """looks: what the program sees; leaves: what only a person can judge, empty for nothing."""

    looks: str
    leaves: str = ""


#: ГОСТ 7.32-2017 and departmental custom.
RULES = {
    1: Rule(
        looks="A4; letters, pictures and tables inside the margins of 30, 15, 20 and 20 mm",
        leaves="shapes inside vector figures",
    ),
    2: Rule(looks="Liberation Serif or Times New Roman of 14 pt, code in Liberation Mono; black; embedded"),
    3: Rule(
        looks="24.15 pt between baselines, indent of 12.5 mm, justified, hyphenated; "
        "no hyphen in headings and captions"
    ),
    4: Rule(looks="page numbers at the bottom in the middle, none on the title page"),
    5: Rule(looks="structural headings: there, capitals, centred, bold, no dot, no line, a new page"),
    6: Rule(looks="section headings: indent, no dot, not at the bottom of a page"),
    7: Rule(looks="contents: every heading with its page, leaders, indent; bookmarks"),
    8: Rule(
        looks="captions: form, place, number, no dot, mentioned before and near",
        leaves="whether the name says what is shown",
    ),
    9: Rule(
        looks="tables: head on every page, continuation caption, borders, heads of columns and rows",
        leaves="the singular of heads",
    ),
    10: Rule(
        looks="formulas: centred, numbered in order at the right margin; the line below",
        leaves="formulas without a number",
    ),
    11: Rule(looks="lists: marker and order of every item"),
    12: Rule(
        looks="citations in order of first appearance; every source listed and cited",
        leaves="whether an entry follows ГОСТ Р 7.0.100-2018 and names its source rightly",
    ),
    13: Rule(
        looks="appendices: letter, title, new page, mentioned; captions of listings",
        leaves="whether a mention is in the right place",
    ),
    14: Rule(
        looks="decimal comma (Russian); no line begins with the unit of a number",
        leaves="a comma inside figures drawn as pictures",
    ),
    15: Rule(
        looks="title page: lines at the top, work, course, student, teacher, city and year",
        leaves="whether names are right; a blank line stands for what was not given",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Problem:
    """rule and page are None for what no rule is about."""

    rule: int | None
    page: int | None
    text: str


def read_problem(text: str) -> Problem:
    """`rule N, page P: …`, `rule N: …`, or anything else."""
    match = _PROBLEM.match(text)
    if match is None:
        return Problem(rule=None, page=None, text=text)
    page = int(match[2]) if match[2] else None
    return Problem(rule=int(match[1]), page=page, text=match[3])


def write_check(path: Path, problems: Iterable[str], pdf: Pdf, words: Words) -> None:
    """The result as JSON (docs/report-check.md)."""
    found = [read_problem(text) for text in problems]
    access = read_access(pdf)
    write_json(
        path,
        {
            "form": "ГОСТ 7.32-2017 and departmental custom",
            "language": words.lang,
            "pages": len(pdf.pages),
            "passed": not any(problem.rule for problem in found),
            "rules": [
                _entry(number, rule, sum(p.rule == number for p in found), words)
                for number, rule in RULES.items()
            ],
            "problems": [asdict(problem) for problem in found],
            "accessibility": asdict(access) | {"problems": list(access.problems())},
        },
    )


def _entry(number: int, rule: Rule, problems: int, words: Words) -> dict[str, Any]:
    partly = number == 14 and words.decimal != ","
    return {
        "rule": number,
        "holds": not problems,
        "problems": problems,
        "checked": rule.looks.partition("; ")[2] if partly else rule.looks,
        "not_checked": rule.leaves,
    }


def summary(problems: Sequence[str], pages: int, check: Path) -> list[str]:
    """One line about the form, and one for each thing that no rule is about."""
    found = [read_problem(text) for text in problems]
    broken: dict[int, list[int]] = {}
    for problem in found:
        if problem.rule is not None:
            broken.setdefault(problem.rule, []).extend([problem.page] if problem.page else [])
    if not broken:
        line = f"form: all {len(RULES)} rules hold on {pages} pages ({check})"
    else:
        shown = "; ".join(f"rule {rule}{_pages(broken[rule])}" for rule in sorted(broken))
        line = f"form: {len(broken)} of {len(RULES)} rules broken: {shown} ({check})"
    return [line, *(f"note: {problem.text}" for problem in found if problem.rule is None)]


def _pages(pages: Sequence[int]) -> str:
    """`, pages 3, 5`; nothing where no page is known."""
    if not pages:
        return ""
    known = sorted(set(pages))
    return f", page{'s' * (len(known) > 1)} {', '.join(map(str, known))}"
