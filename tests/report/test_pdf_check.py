"""Every rule of form is broken on purpose and must be named, with its page, and nothing else.

Breaks that do not touch each other share a document, since laying out and reading take most of the
time: each must be answered by a problem of its rule and page, and every problem must answer a break.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from breaks import ENGLISH, GROUPS, Break
from miniature import miniature
from weasyprint import HTML

from study.report.build import to_pdf
from study.report.form_check.check import check_pdf
from study.report.form_check.context import FormContext
from study.report.form_check.numerals import check_numerals
from study.report.form_check.pdf import Line, Page, Pdf
from study.report.form_check.problem import Problem
from study.report.form_check.rules import RULES
from study.report.locale.messages import languages, read_words


def _problems(html: str, folder: Path, lang: str = "ru", *, flat: bool = False) -> list[Problem]:
    path = folder / "report.pdf"
    path.write_bytes(to_pdf(html)[0])
    return check_pdf(path, read_words(lang), flat=flat)


def _compare(html: str, breaks: list[Break], folder: Path, lang: str) -> None:
    for item in breaks:
        assert item.old in html, "the break must change something"
        html = html.replace(item.old, item.new) if item.old else html
    found = _problems(html, folder, lang)
    missing = [item for item in breaks if not any(_answers(problem, item) for problem in found)]
    unexpected = [p for p in found if not any(_answers(p, item) for item in breaks)]
    assert (missing, unexpected) == ([], []), found
    assert found == sorted(found, key=lambda problem: problem.rule or 0)


def _answers(problem: Problem, item: Break) -> bool:
    place = (problem.rule, problem.page) == (item.rule, item.page)
    return place and item.says in problem.message


@pytest.mark.parametrize("lang", languages())
def test_good_document_has_no_problems(lang: str, tmp_path: Path) -> None:
    assert _problems(miniature(lang), tmp_path, lang) == []


@pytest.mark.parametrize("group", GROUPS)
def test_broken_rules_are_named_with_their_pages(group: str, tmp_path: Path) -> None:
    _compare(miniature(), GROUPS[group], tmp_path, "ru")


@pytest.mark.parametrize("group", ENGLISH)
def test_broken_rules_are_named_in_english(group: str, tmp_path: Path) -> None:
    _compare(miniature("en"), ENGLISH[group], tmp_path, "en")


def test_every_rule_is_broken_somewhere() -> None:
    broken = {item.rule for breaks in GROUPS.values() for item in breaks}
    assert [rule.number for rule in RULES] == sorted(broken) == list(range(1, 17))


def test_a_font_that_is_not_embedded_is_named(tmp_path: Path) -> None:
    content = HTML(string=miniature()).write_pdf(pdf_variant="pdf/ua-1", uncompressed_pdf=True)
    assert content is not None and b"/FontFile" in content
    path = tmp_path / "report.pdf"
    path.write_bytes(content.replace(b"/FontFile", b"/FontNone"))
    found = check_pdf(path, read_words("ru"))
    assert {problem.rule for problem in found} == {2}
    assert {problem.page for problem in found} == set(range(1, 9))
    assert all("is not embedded" in problem.message for problem in found)


def test_sections_may_run_on_where_that_is_wished(tmp_path: Path) -> None:
    old = '<section class="numbered">'
    html = miniature().replace(old, f'<section class="numbered" style="break-before: auto">{"<p>–</p>"}')
    html = html.replace('<ul class="dash">', '<ul class="dash" style="display: none">')
    path = tmp_path / "report.pdf"
    assert any("section '1 Ход" in p.message for p in _problems(html, tmp_path))
    assert not any("section '1 Ход" in p.message for p in check_pdf(path, read_words("ru"), flat=True))


def test_a_sentence_may_begin_with_the_name_of_a_table(tmp_path: Path) -> None:
    html = miniature("en")
    end = '</section>\n<section class="end">'
    assert end in html
    sentence = '<p style="text-indent: 0">Table 1. So much for it.</p>'
    assert _problems(html.replace(end, sentence + end), tmp_path, "en") == []


def test_a_section_that_is_named_over_a_page_break_has_no_decimal() -> None:
    def page(number: int, text: str) -> Page:
        line = Line(page=number, x0=85, x1=553, y=700, text=text, prose=text, size=14, bold=False, gap=4)
        return Page(
            number=number,
            width=595,
            height=842,
            chars=[],
            lines=[line],
            foot=[],
            images=[],
            edges=[],
            drawn=[],
            fonts={},
        )

    def found(first: str, second: str) -> list[Problem]:
        pages = [page(1, "ОТЧЁТ"), page(2, first), page(3, second)]
        pdf = Pdf(pages=pages, bookmarks=[], tags=None, catalogue={})
        return list(check_numerals(FormContext.of(pdf, read_words("ru"))))

    assert found("Условия названы в под\u2010", "разделе 3.6 и ниже") == []
    assert found("Условия названы в подразделе", "3.6 и ниже") == []
    assert [problem.page for problem in found("Доля верных ответов", "3.6 и ниже")] == [3]


def test_numbers_of_sections_and_versions_are_no_decimals(tmp_path: Path) -> None:
    old = "Обучение длилось 25&nbsp;мин."
    named = "Смотри подраздел 3.2 и подразделы 1.1, 1.2. " * 8 + "Версия 2.14, PyTorch 2.14, 5.0.0; 70.0."
    assert old in miniature()
    assert _problems(miniature().replace(old, named), tmp_path) == []
    found = _problems(miniature().replace(old, f"{named} Доля VGG11 0.91."), tmp_path)
    assert len(found) == 1 and "'0.91'" in found[0].message
