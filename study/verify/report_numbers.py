"""Checks that the numbers of a report are those that its results give.

The report is composed anew from the results, in both lengths and without page breaks. Every number with two
or more decimals that the PDF prints must occur in that text, or else in a figure that is drawn anew. The
title page is left out: it is the student's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pypdfium2

from study.analysis import Analysis
from study.report.data.report_data import ReportData
from study.report.figures import Drawing, draw_all, empty_drawing, figure_names
from study.report.locale.messages import Words, languages, read_words
from study.report.locale.number_format import Numbers
from study.report.text.compose import compose
from study.report.text.length import Length
from study.report.text.title_page import TitlePage
from study.verify.check import Check, broken, holds, unchecked

_TAGS = re.compile(r"<[^>]*>")
#: How many numbers without an origin are named.
_NAMED = 3


def report_follows(analysis: Analysis, pdf: Path) -> Check:
    """Compares the numbers of a PDF with those of a report composed from the results."""
    if not pdf.is_file():
        return unchecked("report", f"there is no {pdf.name}")
    try:
        pages = list(_pages(pdf))
    except pypdfium2.PdfiumError as error:
        return unchecked("report", f"{pdf.name} cannot be read: {error}")
    data = ReportData.of(analysis)
    words = _language(pages, data)
    if words is None:
        return broken("report", f"{pdf.name} is no report of this program")
    shown = [(page, number) for page, text in pages for number in _numbers(text, words)]
    known = set(_numbers(_composed(data, words, _figures_of(pdf)), words))
    strange = [(page, number) for page, number in shown if number not in known]
    if strange:  # they may be printed in a figure, or beside one that report.html does not name
        drawings = draw_all(data, words, Numbers.of(words))
        text = f"{_composed(data, words, drawings)} {_texts_of(drawings)}"
        known |= set(_numbers(text, words))
        strange = [(page, number) for page, number in strange if number not in known]
    if strange:
        named = ", ".join(f"{number} (page {page})" for page, number in strange[:_NAMED])
        more = f" and {len(strange) - _NAMED} more" if len(strange) > _NAMED else ""
        return broken("report", f"{named}{more} of {pdf.name} do not follow from the results")
    return holds("report", f"{len(shown)} numbers of {len(pages)} pages follow from the results")


def _pages(pdf: Path) -> Iterator[tuple[int, str]]:
    """Yields number and text of each page but the title page."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for index in range(1, len(document)):
            page = document[index]
            textpage = page.get_textpage()
            yield index + 1, textpage.get_text_range()
            textpage.close()
            page.close()
    finally:
        document.close()


def _language(pages: list[tuple[int, str]], data: ReportData) -> Words | None:
    """Returns the words of the language in whose headings the report has a conclusion."""
    text = " ".join(text for _, text in pages)
    for lang in languages():
        words = read_words(lang, data.models, dataset=data.dataset)
        if words.heading["conclusion"] in text:
            return words
    return None


def _figures_of(pdf: Path) -> dict[str, Drawing]:
    """Returns an empty picture for each figure of the page beside the PDF; drawing them takes seconds."""
    page = pdf.with_name("report.html")
    text = page.read_text(encoding="utf-8", errors="replace") if page.is_file() else ""
    named = set(re.findall(r'<figure id="fig-([\w-]+)"', text))
    return {name: empty_drawing() for name in figure_names() if name in named}


def _composed(data: ReportData, words: Words, drawings: dict[str, Drawing]) -> str:
    """Returns the text of the report in both lengths with these figures."""
    numbers, title = Numbers.of(words), TitlePage()
    made = (
        compose(data, drawings, words, numbers, title, lang=words.lang, length=each).html for each in Length
    )
    return " ".join(unescape(_TAGS.sub(" ", text)) for text in made)


def _texts_of(drawings: dict[str, Drawing]) -> str:
    """Returns the texts in the figures."""
    vector = (
        drawing.data.decode("utf-8") for drawing in drawings.values() if drawing.media == "image/svg+xml"
    )
    return " ".join(unescape(_TAGS.sub(" ", text)) for text in vector)


def _numbers(text: str, words: Words) -> list[str]:
    """Returns the numbers with two or more decimals, in the order of the text."""
    point = re.escape(words.decimal)
    return re.findall(rf"(?<![\d.,]){_WHOLE}{point}\d{{2,}}(?![\d.,]*\d)", text)


_WHOLE = r"\d{1,3}"
