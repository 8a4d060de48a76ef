"""The Word file as LibreOffice lays it out keeps the form of the report."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from study.report.form_check.captions import check_captions, check_listing_captions
from study.report.form_check.contents import check_contents
from study.report.form_check.context import FormContext
from study.report.form_check.fonts import check_fonts, check_text_size
from study.report.form_check.heading_form import check_section_headings, check_structural_headings
from study.report.form_check.page_geometry import check_page_geometry, check_page_numbers
from study.report.form_check.pdf import BOTTOM, CENTRE, RIGHT, TOP, Line, Page, Pdf, read_pdf
from study.report.form_check.running_text import check_hyphenation, check_spacing
from study.report.locale.messages import read_words

if TYPE_CHECKING:
    from conftest import Built

_OFFICE = shutil.which("soffice")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(_OFFICE is None, reason="LibreOffice is not installed"),
]
#: LibreOffice shows equations with this part, which is a package of its own.
_MATH = Path(_OFFICE or "").resolve().parent / "libsmlo.so"


@pytest.fixture(scope="module")
def laid_out(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Pdf:
    """The Word file as LibreOffice prints it."""
    folder = tmp_path_factory.mktemp("office")
    command = [
        "soffice",
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        "--headless",
        "--convert-to",
        "pdf",
        "--outdir",
        str(folder),
        str(built.docx),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=600)
    pdf = read_pdf(folder / "report.pdf")
    return replace(pdf, pages=[_with_hyphens(page) for page in pdf.pages])


def _with_hyphens(page: Page) -> Page:
    """LibreOffice ends a divided word with the sign of a compound; tell them apart by what follows."""
    lines: list[Line] = []
    for line, following in zip(page.lines, [*page.lines[1:], None], strict=True):
        divided = re.search(r"[а-яё]-$", line.text) and (
            following is None or re.match(r"[а-яё]{2}", following.text)
        )
        lines.append(replace(line, text=f"{line.text[:-1]}\u2010") if divided else line)
    return replace(page, lines=lines)


def test_laid_out_it_keeps_the_rules_of_form(laid_out: Pdf) -> None:
    """Rules 1–8, and rule 13 for listings; LibreOffice chooses the fonts of equations.

    The contents have the pages of the PDF until Word or a person renews them, so a page may be another one.

    Of rule 8 one sentence is left out: Word does not move text in front of a figure that went to the next
    page, so a figure may stand more than a page behind its mention.
    """
    assert len(laid_out.pages) >= 18
    checks = (
        check_page_geometry,
        check_text_size,
        check_spacing,
        check_hyphenation,
        check_page_numbers,
        check_structural_headings,
        check_section_headings,
        check_captions,
        check_listing_captions,
        check_contents,
    )
    context = FormContext.of(laid_out, read_words("ru"))
    problems = [problem for check in checks for problem in check(context)]
    plain = replace(laid_out, pages=[page for page in laid_out.pages if not _numbers(page)])
    problems += check_fonts(FormContext.of(plain, read_words("ru")))
    left_out = "more than a page behind", "is not a bookmark", "is listed on page"
    assert [p for p in problems if not any(words in p.message for words in left_out)] == []


def test_no_page_is_nearly_empty(laid_out: Pdf) -> None:
    """Only the last page of a chapter may be less than a third full."""
    context = FormContext.of(laid_out, read_words("ru"))
    last = {heading.page - 1 for heading in context.headings if heading.first} | {len(laid_out.pages)}
    filled = {page.number: _bottom(page) for page in laid_out.pages[1:] if page.number not in last}
    third = TOP + (BOTTOM - TOP) / 3
    assert {number: bottom for number, bottom in filled.items() if bottom < third} == {}
    assert len(filled) > 10


def _bottom(page: Page) -> float:
    texts = [line.y for line in page.lines]
    return max([*texts, *(box.bottom for box in page.drawn if box.bottom <= BOTTOM + 5)], default=0.0)


def _numbers(page: Page) -> list[Line]:
    """The numbers of the formulas of a page, each a line of its own or the end of its formula's line."""
    return [line for line in page.lines if re.search(r"(?:^|\s)\(\d+\)$", line.text) and _at_right(line)]


def _at_right(line: Line) -> bool:
    return abs(line.x1 - RIGHT) < 1.5 and not line.full_width


@pytest.mark.skipif(not _MATH.exists(), reason="LibreOffice Math is not installed")
def test_formulas_are_shown_in_the_middle_and_numbered_at_the_right(laid_out: Pdf, built: Built) -> None:
    numbers = [line for page in laid_out.pages for line in _numbers(page)]
    count = built.html.count('<div class="formula"')
    assert [line.text.split()[-1] for line in numbers] == [f"({n})" for n in range(1, count + 1)]
    for line in numbers:
        page = laid_out.pages[line.page - 1]
        beside = [c for c in page.chars if abs(c.y - line.y) < 12]
        formula = [c for c in beside if c.text.strip() and c.x1 < RIGHT - 40]
        middle = (min(c.x0 for c in formula) + max(c.x1 for c in formula)) / 2
        assert abs(middle - CENTRE) < 10
