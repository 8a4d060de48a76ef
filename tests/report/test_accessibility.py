"""What a screen reader gets: language, title, tags, texts of pictures, heads of cells."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from miniature import miniature

from study.report.build import to_pdf
from study.report.form_check.accessibility import read_access
from study.report.form_check.pdf import read_pdf

if TYPE_CHECKING:
    from conftest import Sample


def test_the_report_is_tagged_and_says_what_its_pictures_show(sample: Sample) -> None:
    access = read_access(sample.pdf)
    assert list(access.problems()) == []
    assert (access.tagged, access.language, access.title_shown, access.pdf_ua) == (True, "ru", True, True)
    assert access.headings > 40 and access.tables > 12
    assert sample.pdf.tags is not None
    spoken = [tag.alt for tag in sample.pdf.tags.find("Figure")]
    written = [unescape(text) for text in re.findall(r'<img alt="([^"]*)"', sample.html)]
    assert spoken == written and access.figures > 20


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('<html lang="ru">', "<html>", "the language is not given"),
        ('alt="■"', 'alt=""', "1 figures have no text"),
        ("<h2 ", "<h3 ", "1 headings skip a level"),
        ("<thead><tr><th>Выборка</th><th>Доля</th></tr></thead>", "", "4 cells name no head"),
    ],
)
def test_what_is_missing_is_named(old: str, new: str, problem: str, tmp_path: Path) -> None:
    html = miniature()
    assert old in html
    html = html.replace(old, new).replace("</h2>", "</h3>" if new == "<h3 " else "</h2>")
    if "cells" in problem:
        html = html.replace('<th scope="row">', "<td>").replace("</th><td", "</td><td")
    (tmp_path / "report.pdf").write_bytes(to_pdf(html).content)
    assert list(read_access(read_pdf(tmp_path / "report.pdf")).problems()) == [problem]
