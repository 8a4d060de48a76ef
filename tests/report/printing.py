"""The PDF of a results directory without its HTML and DOCX files."""

from __future__ import annotations

from pathlib import Path

from study.report.composing import compose
from study.report.context import read_report_data
from study.report.figures import draw_all
from study.report.numbers import Numbers
from study.report.render import settle, to_pdf
from study.report.title_page import TitlePage
from study.report.words import Words


def print_report(results: Path, path: Path, words: Words, numbers: Numbers) -> str:
    """Write the PDF as the verb `report` does; the composed HTML."""
    data = read_report_data(results)
    drawings = draw_all(data, words, numbers)
    found = compose(data, drawings, words, numbers, TitlePage(year="2031"), lang=words.lang)
    assert found.problems == ()
    path.write_bytes(to_pdf(settle(found.html, words)).content)
    return found.html
