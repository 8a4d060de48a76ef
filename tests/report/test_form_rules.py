"""The result of the check as a file beside the PDF and as one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from miniature import miniature

from study.report.build import to_pdf
from study.report.form_check.check import check_document
from study.report.form_check.pdf import read_pdf
from study.report.form_check.problem import Problem
from study.report.form_check.result import summary, write_check
from study.report.locale.messages import read_words

if TYPE_CHECKING:
    from conftest import Built


def test_a_problem_is_printed_with_what_is_known_of_its_place() -> None:
    assert str(Problem(8, 12, "x: y")) == "rule 8, page 12: x: y"
    assert str(Problem(2, None, "a font")) == "rule 2: a font"
    assert str(Problem(None, None, "a file is damaged")) == "a file is damaged"


def test_one_line_names_rules_and_pages() -> None:
    path = Path("report.check.json")
    assert summary([], 31, path) == ["form: all 16 rules hold on 31 pages (report.check.json)"]
    found = [
        Problem(8, 12, "x"),
        Problem(8, 3, "y"),
        Problem(14, 3, "z"),
        Problem(2, None, "w"),
        Problem(None, None, "damaged"),
    ]
    assert summary(found, 31, path) == [
        "form: 3 of 16 rules broken: rule 2; rule 8, pages 3, 12; rule 14, page 3 (report.check.json)",
        "note: damaged",
    ]


def test_the_file_beside_the_pdf_tells_what_was_checked(built: Built, english: Built) -> None:
    for report, comma in ((built, True), (english, False)):
        found = json.loads((report.folder / "report.check.json").read_text(encoding="utf-8"))
        assert (found["passed"], found["problems"], found["pages"]) == (True, [], report.pages)
        assert [rule["rule"] for rule in found["rules"]] == list(range(1, 17))
        assert all(rule["holds"] and rule["checked"] for rule in found["rules"])
        assert ("decimal comma" in found["rules"][13]["checked"]) is comma
        assert found["accessibility"]["problems"] == []


def test_the_file_names_broken_rules_and_pages(tmp_path: Path) -> None:
    html, words = miniature().replace("ВВЕДЕНИЕ", "ВВЕДЕНИЕ."), read_words("ru")
    (tmp_path / "report.pdf").write_bytes(to_pdf(html).content)
    pdf = read_pdf(tmp_path / "report.pdf")
    write_check(tmp_path / "check.json", check_document(pdf, words), pdf, words)
    found = json.loads((tmp_path / "check.json").read_text(encoding="utf-8"))
    assert found["passed"] is False
    assert [(p["rule"], p["page"]) for p in found["problems"]] == [(5, 3)]
    assert [rule["rule"] for rule in found["rules"] if not rule["holds"]] == [5]
