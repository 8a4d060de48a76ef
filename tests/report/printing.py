"""The PDF of a results directory without its HTML and DOCX files."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from study.analysis import analyse
from study.report.build import settle, to_pdf
from study.report.data.report_data import ReportData
from study.report.figures import Drawing, draw_all
from study.report.figures.plotted import Plotted
from study.report.locale.messages import Words
from study.report.locale.number_format import Numbers
from study.report.text.compose import compose
from study.report.text.title_page import TitlePage


def blank_drawing(data: bytes, media: str) -> Drawing:
    """A drawing that only takes up room."""
    return Drawing(
        data=data, media=media, width_mm=100, height_mm=50, figure=Figure(), plotted=Plotted("x")
    )


def print_report(results: Path, path: Path, words: Words, numbers: Numbers) -> str:
    """Write the PDF as the verb `report` does; the composed HTML."""
    data = ReportData.of(analyse(results))
    drawings = draw_all(data, words, numbers)
    found = compose(data, drawings, words, numbers, TitlePage(year="2031"), lang=words.lang)
    assert found.problems == ()
    path.write_bytes(to_pdf(settle(found.html, words)).content)
    return found.html
