"""Builds PDF, HTML and DOCX from results and checks the PDF (the only user of WeasyPrint)."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import tinycss2
from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from study.analysis import Analysis
from study.errors import UsageError
from study.report.data.report_data import ReportData
from study.report.docx.writing import report_docx
from study.report.figures import draw_all, figure_files, figure_names, file_names, font_is_missing
from study.report.form_check.accessibility import complete_tags
from study.report.form_check.check import check_document
from study.report.form_check.pdf import read_pdf
from study.report.form_check.problem import Problem
from study.report.form_check.result import write_check
from study.report.html.files import csv_files
from study.report.html.page import web_page
from study.report.locale.messages import TEMPLATES, Words, read_words
from study.report.locale.number_format import Numbers
from study.report.pdf.pagination import Places, paginate
from study.report.text.compose import compose
from study.report.text.cross_references import count_pages
from study.report.text.defence import MOST_PAGES, SIZES, compose_defence
from study.report.text.department import Department, open_department
from study.report.text.jinja_env import check_templates
from study.report.text.length import Length
from study.report.text.template_globals import filters, tests
from study.report.text.title_page import TitlePage, read_title_page
from study.store.files import write_atomic, write_text
from study.store.folders import replace_folder

_SECTION = "<section"
#: While page breaks are being found, an empty picture of the same printed size replaces every picture.
_PICTURE = re.compile(r'src="data:[^"]*"')
_NO_PICTURE = 'src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E"'


@dataclass(frozen=True, kw_only=True)
class ReportResult:
    """The files of a report and what is wrong with its form."""

    pdf: Path
    """The report; its HTML and its figures stand beside it."""
    check: Path | None
    """The file that tells what was checked and found; None for a draft."""
    docx: Path | None
    """The editable report; None for a draft."""
    figures: Path | None
    """The folder of the figures as SVG, PDF and CSV; None for a draft, and where there are none."""
    defence: Path | None
    """The sheet for the defence; None where it was not asked for."""
    pages: int
    """Number of the pages of the PDF."""
    seconds: float
    """Wall-clock time of the build."""
    problems: tuple[Problem, ...]
    """Empty for a report in good form."""


class Printed(NamedTuple):
    """A printed PDF.

    Attributes:
        content: bytes of the file.
        pages: number of pages.
        anchors: page number, from 1, of every id of the text.
    """

    content: bytes
    pages: int
    anchors: dict[str, int]


def build_report(
    analysis: Analysis,
    report_dir: Path,
    *,
    lang: str = "ru",
    title_page: Path | None = None,
    templates: Path | None = None,
    draft: bool = False,
    flat: bool = False,
    length: Length = Length.FULL,
    defence: bool = False,
) -> ReportResult:
    """Builds report.pdf, report.html, report.docx, figures/ and the check from whatever results exist.

    Args:
        analysis: of a study, complete or not.
        report_dir: folder of the report.
        lang: language, a folder of the templates.
        title_page: YAML file of the title page (see `study.report.text.title_page`).
        templates: folder of a department (see `study.report.text.department`).
        draft: whether to write only PDF and HTML, without pictures, continuation captions and form check.
            It takes less than half the time; it serves a study that is running or has to end.
        flat: whether main sections do not begin pages.
        length: of PDF and Word file; the page for the screen is always full.
        defence: whether to write defence.pdf too, the questions of a teacher with their answers.

    Raises:
        ReportError: there is no such language.
        UsageError: the title page or the department's folder cannot be used.
    """
    started = time.perf_counter()
    title = read_title_page(title_page)
    data = ReportData.of(analysis)
    words = read_words(lang, data.models, dataset=data.dataset)
    department = read_department(templates, lang)
    numbers = Numbers.of(words)
    drawings = {} if draft else draw_all(data, words, numbers)
    write = partial(
        compose, data, drawings, words, numbers, title, lang=lang, flat=flat, department=department
    )
    composition = write(length=length)
    whole = composition if length is Length.FULL else write(length=Length.FULL)
    html = composition.html if draft else settle(composition.html, words, flat=flat)
    printed = to_pdf(html)
    problems = list(dict.fromkeys((*composition.problems, *whole.problems)))
    for name in data.artifacts.damaged:
        problems.append(Problem(None, None, f"{name} is damaged; its figure is left out"))
    if font_is_missing():
        problems.append(Problem(2, None, "Liberation Serif is not installed; figures use another font"))
    write_atomic(report_dir / "report.pdf", partial(_write, printed.content))
    screen = count_pages(whole.html, printed.pages)
    page = web_page(screen, title, words, files=csv_files(analysis))
    write_text(report_dir / "report.html", page)
    beside = report_dir / "defence.pdf"
    if not defence:
        beside.unlink(missing_ok=True)  # an earlier one would be taken for this report's
    else:
        sheet = to_sheet(data, words, numbers, title, lang=lang)
        write_atomic(beside, partial(_write, sheet.content))
        if sheet.pages > MOST_PAGES:
            told = f"the sheet for the defence has {sheet.pages} pages, more than {MOST_PAGES}"
            problems.append(Problem(None, None, told))
    docx, check = report_dir / "report.docx", report_dir / "report.check.json"
    check.unlink(missing_ok=True)
    if not draft:
        paged = count_pages(html, printed.pages)
        write_atomic(docx, partial(_write, to_docx(paged, printed.anchors, composition.formulas)))
        own = file_names(figure_names())
        replace_folder(report_dir / "figures", figure_files(drawings), own=own)
        pdf = read_pdf(report_dir / "report.pdf")
        problems += check_document(pdf, words, flat=flat)
        write_check(check, problems, pdf, words)
    return ReportResult(
        pdf=report_dir / "report.pdf",
        check=None if draft else check,
        docx=None if draft else docx,
        figures=report_dir / "figures" if drawings else None,
        defence=beside if defence else None,
        pages=printed.pages,
        seconds=time.perf_counter() - started,
        problems=tuple(problems),
    )


def read_department(folder: Path | None, lang: str) -> Department | None:
    """Opens a department's folder and checks its templates and its style sheet.

    Raises:
        UsageError: the folder cannot be used; the message has file and line.
    """
    department = open_department(folder, lang)
    if department is not None:
        words = read_words(lang)
        check_templates(department, TEMPLATES, filters(Numbers.of(words), words), tests())
        check_style(department.style(), department.style_path)
    return department


def check_style(text: str, path: Path) -> None:
    """Refuses a style sheet of which WeasyPrint would ignore a part.

    Raises:
        UsageError: the message has the file, the line and the fault.
    """
    complaints: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("weasyprint")
    logger.addHandler(handler)
    try:
        for rule in tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True):
            if rule.type == "error":
                complaints.append(rule.message)
            else:
                # The line breaks make the line of a complaint the line of the file.
                CSS(string="\n" * (rule.source_line - 1) + rule.serialize(), url_fetcher=_fetcher())
            if complaints:
                what = complaints[0]
                exact = re.search(r" at (\d+):\d+", what)
                line = int(exact[1]) if exact else rule.source_line
                raise UsageError(f"{path}, line {line}: {what.replace(exact[0], '') if exact else what}")
    finally:
        logger.removeHandler(handler)


def _write(payload: bytes, stream: IO[bytes]) -> None:
    stream.write(payload)


def settle(html: str, words: Words, *, flat: bool = False) -> str:
    """Returns the text with page breaks found: tables are cut, and figures and tables are moved.

    Each section is laid out alone, because it begins a page; with `flat` all sections are one.
    """
    start, end = html.index("<body"), html.index("</body>")
    opening, *sections = html[start:end].split(_SECTION)
    if flat:
        sections = [_SECTION.join(sections)]
    before, after = html[:start], html[end:]
    fonts, cache = FontConfiguration(), dict[str, Any]()

    def layout(section: str) -> Places:
        body = opening[: opening.index(">") + 1]
        text = _PICTURE.sub(_NO_PICTURE, before + body + section + after)
        pages = _html(text).render(font_config=fonts, cache=cache).pages
        return {
            name: (number, float(point[1]) * 0.75)
            for number, page in enumerate(pages)
            for name, point in page.anchors.items()
        }

    table, listing = words.caption["continued"], words.caption["continued_listing"]
    settled = [paginate(_SECTION + section, layout, table, listing) for section in sections]
    return before + opening + "".join(settled) + after


def _html(text: str) -> HTML:
    return HTML(string=text, url_fetcher=_fetcher())


def _fetcher() -> URLFetcher:
    """Returns a fetcher that reads only data: addresses, whatever the text refers to."""
    return URLFetcher(allowed_protocols={"data"}, allow_redirects=False)


def to_pdf(html: str) -> Printed:
    """Prints the text; it is laid out twice if it contains the number of its pages."""
    document = _html(html).render(pdf_variant="pdf/ua-1")
    counted = count_pages(html, len(document.pages))
    if counted != html:
        document = _html(counted).render(pdf_variant="pdf/ua-1")
    content = document.write_pdf(finisher=lambda _, pdf: complete_tags(pdf.objects), pdf_variant="pdf/ua-1")
    anchors = {name: number for number, page in enumerate(document.pages, start=1) for name in page.anchors}
    return Printed(bytes(content or b""), len(document.pages), anchors)


def to_sheet(data: ReportData, words: Words, numbers: Numbers, title: TitlePage, *, lang: str) -> Printed:
    """Prints the sheet for the defence in the largest letters with which it fits its pages."""
    for size in SIZES:
        sheet = to_pdf(compose_defence(data, words, numbers, title, lang=lang, size=size))
        if sheet.pages <= MOST_PAGES:
            break
    return sheet


def to_docx(html: str, anchors: dict[str, int], formulas: Mapping[str, str]) -> bytes:
    """Converts the composed text to a Word file.

    Args:
        html: the text. Its figures and tables best stand where the PDF has them, because Word leaves a hole
            in front of one that does not fit on a page, and its pages are nearly those of the PDF.
        anchors: page of every id in the PDF; the table of contents shows them until Word counts pages.
        formulas: LaTeX of each formula by id.
    """
    return report_docx(
        html,
        forms=TEMPLATES / "docx",
        print_pages=lambda text: to_pdf(text).content,
        pages=anchors,
        formulas=formulas,
    )
