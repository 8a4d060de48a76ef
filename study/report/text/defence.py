"""Composes the sheet for the defence as one HTML text."""

from __future__ import annotations

from pathlib import Path

from study.report.data.defence import questions
from study.report.data.report_data import ReportData
from study.report.locale.messages import TEMPLATES, Words
from study.report.locale.number_format import Numbers
from study.report.text.compose import typeset
from study.report.text.jinja_env import environment
from study.report.text.template_globals import filters, names, tests
from study.report.text.title_page import TitlePage

#: The most pages of the sheet, and the sizes of its letters in points, from the preferred one on.
MOST_PAGES = 2
SIZES = (11.0, 10.5, 10.0)


def compose_defence(
    data: ReportData,
    words: Words,
    numbers: Numbers,
    title: TitlePage,
    *,
    lang: str,
    size: float = SIZES[0],
    templates: Path = TEMPLATES,
) -> str:
    """Renders the questions that a teacher will ask after the report, with their answers.

    Args:
        data: the results.
        words: words of the language.
        numbers: number format of the language.
        title: fields of the report's title page.
        lang: language, a folder of `templates`.
        size: of the letters in points.
        templates: folder of the templates.
    """
    jinja = environment(templates, lang)
    jinja.filters |= filters(numbers, words)
    jinja.tests |= tests()
    jinja.globals |= names(data, words) | {"full": True}
    css = (templates / "defence.css").read_text(encoding="utf-8")
    sheet = jinja.get_template("defence.html")
    html = sheet.render(questions=questions(data), title=title, css=css, size=size)
    return typeset(html, words)
