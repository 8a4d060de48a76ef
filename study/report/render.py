"""Templates → HTML → PDF and DOCX (the only user of Jinja2 and WeasyPrint)."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import IO, Any, NamedTuple

import jinja2
import yaml
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher

from study.report.context import ReportData, read_report_data
from study.report.document import Document, keep_together, strip_tokens
from study.report.docx.writing import report_docx
from study.report.figures import Drawing, draw_all, figure_names, font_is_missing
from study.report.numbers import Numbers, as_float
from study.report.pagination import Places, paginate
from study.report.pdf_check import check_pdf
from study.report.placing import Placing
from study.report.title_page import TitlePage, read_title_page
from study.report.vocabulary import filters, names
from study.report.web import web_page
from study.report.words import TEMPLATES, Words, read_words
from study.store.files import write_atomic, write_text

_SECTION = "<section"
#: While pages are being settled every picture is an empty one of the same printed size.
_PICTURE = re.compile(r'src="data:[^"]*"')
_NO_PICTURE = 'src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E"'


@dataclass(frozen=True, kw_only=True)
class ReportResult:
    """problems: sentences of the form `rule N, page P: …`; empty for a report in good form."""

    pdf: Path
    docx: Path
    pages: int
    seconds: float
    problems: tuple[str, ...]


class Printed(NamedTuple):
    """anchors: page of every id of the text."""

    content: bytes
    pages: int
    anchors: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Composition:
    """The report as one self-contained HTML text, and what is wrong with its references."""

    html: str
    problems: tuple[str, ...]


def build_report(
    results_dir: Path,
    report_dir: Path,
    *,
    lang: str = "ru",
    title_page: Path | None = None,
    draft: bool = False,
    flat: bool = False,
) -> ReportResult:
    """Build report.pdf, report.html, report.docx and figures/ from whatever results exist.

    Args:
        results_dir: `results/` of a study, complete or not.
        report_dir: where the report is written; an older report.pdf is replaced at the end.
        lang: folder of templates.
        title_page: YAML file of the title page (see `study.report.title_page`).
        draft: PDF and page only, without pictures, tables without breaks of their own and the form
            unchecked, in less than half the time (a study still running, or one that has to end).
        flat: main sections do not begin pages.

    Raises:
        ReportError: no results directory or no such language.
        StoreError: a file of the results directory is damaged.
        UsageError: the title page cannot be used.
    """
    started = time.perf_counter()
    title = read_title_page(title_page)
    words = read_words(lang)
    numbers = Numbers.of(words)
    data = read_report_data(results_dir)
    drawings = {} if draft else draw_all(data, words, numbers)
    composition = compose(data, drawings, words, numbers, title, lang=lang, flat=flat)
    html = composition.html if draft else settle(composition.html, words, flat=flat)
    printed = to_pdf(html)
    problems = list(composition.problems)
    problems += [f"{name} is damaged; its figure is left out" for name in data.artifacts.damaged]
    if font_is_missing():
        problems.append("rule 2: Liberation Serif is not installed; figures use another font")
    write_atomic(report_dir / "report.pdf", partial(_write, printed.content))
    write_text(report_dir / "report.html", web_page(composition.html, title, words))
    if not draft:
        docx = to_docx(composition.html, printed.anchors)
        write_atomic(report_dir / "report.docx", partial(_write, docx))
        _write_figures(report_dir / "figures", drawings)
        problems += check_pdf(report_dir / "report.pdf", words)
    return ReportResult(
        pdf=report_dir / "report.pdf",
        docx=report_dir / "report.docx",
        pages=printed.pages,
        seconds=time.perf_counter() - started,
        problems=tuple(problems),
    )


def _write_figures(folder: Path, drawings: dict[str, Drawing]) -> None:
    """Replace the figures of an earlier report; other pictures in the folder stay."""
    files = {f"{name}{drawing.suffix}": drawing.data for name, drawing in drawings.items()}
    for name, payload in files.items():
        write_atomic(folder / name, partial(_write, payload))
    for name in figure_names():
        for path in (folder / f"{name}.svg", folder / f"{name}.png"):
            if path.name not in files:
                path.unlink(missing_ok=True)


def _write(payload: bytes, stream: IO[bytes]) -> None:
    stream.write(payload)


def compose(
    data: ReportData,
    drawings: dict[str, Drawing],
    words: Words,
    numbers: Numbers,
    title: TitlePage,
    *,
    lang: str,
    templates: Path = TEMPLATES,
    flat: bool = False,
) -> Composition:
    """Render the templates and give numbers; page breaks are not settled yet."""
    environment = _environment(templates, lang, data, words, numbers)
    environment.globals["title"] = title
    environment.globals["flat"] = flat
    environment.globals["css"] = (templates / "gost.css").read_text(encoding="utf-8")
    sources = (templates / lang / "sources.yaml").read_text(encoding="utf-8")
    texts: dict[str, str] = yaml.safe_load(sources)
    template = environment.get_template("report.html")
    first = Placing(drawings, words.caption)
    template.render(**_placing(first))
    placing = Placing(drawings, words.caption, frozenset(first.tables))
    today = date.today().strftime(words.date)
    document = Document(
        source_texts={key: text.strip().replace("{accessed}", today) for key, text in texts.items()}
    )
    html = document.resolve(template.render(**_placing(placing)))
    unplaced = [name for name in drawings if name not in placing.figures]
    problems = document.problems + [
        f"rule 8: figure {name} is drawn but not placed" for name in unplaced
    ]
    # Liberation Serif has no narrow no-break space; a fallback font would be embedded for it.
    html = html.replace("\u202f", "\u00a0")
    html = keep_together(html)
    unit = words.unit["pp"].replace(" ", "\u00a0")
    if unit.endswith("."):  # an abbreviation's full stop ends the sentence too
        html = html.replace(f"{unit}.", unit)
    return Composition(html=html, problems=tuple(problems))


def _environment(
    templates: Path, lang: str, data: ReportData, words: Words, numbers: Numbers
) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([templates / lang, templates]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters |= filters(numbers)
    environment.filters["reason"] = lambda text: words.reason.get(text, text)
    environment.tests["known"] = lambda value: as_float(value) is not None
    environment.globals |= names(data, words)
    return environment


def _plain(value: Any) -> Any:
    """Texts of results are from outside; marked-up ones are the templates' own."""
    return strip_tokens(value) if type(value) is str else value


def _placing(placing: Placing) -> dict[str, Any]:
    return {
        "figure": placing.figure,
        "table": placing.table,
        "formula": placing.formula,
        "place_listing": placing.listing,
        "has_figure": placing.has_figure,
        "has_table": placing.has_table,
    }


def settle(html: str, words: Words, *, flat: bool = False) -> str:
    """Every section laid out alone (they begin pages) until its page breaks are settled."""
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

    settled = [
        paginate(_SECTION + section, layout, words.caption["continued"]) for section in sections
    ]
    return before + opening + "".join(settled) + after


def _html(text: str) -> HTML:
    """Nothing but data: addresses can be read, whatever the text says."""
    fetcher = URLFetcher(allowed_protocols={"data"}, allow_redirects=False)
    return HTML(string=text, url_fetcher=fetcher)


def to_pdf(html: str) -> Printed:
    document = _html(html).render(pdf_variant="pdf/ua-1")
    content = document.write_pdf(pdf_variant="pdf/ua-1")
    anchors = {
        name: number for number, page in enumerate(document.pages, start=1) for name in page.anchors
    }
    return Printed(bytes(content or b""), len(document.pages), anchors)


def to_docx(html: str, anchors: dict[str, int]) -> bytes:
    """The composed text as a Word file; pages of its contents are those of the PDF until Word counts."""
    return report_docx(
        html,
        forms=TEMPLATES / "docx",
        print_pages=lambda text: to_pdf(text).content,
        pages=anchors,
    )
