"""Composes the report from templates and results as one HTML text, before page breaks are found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup

from study.report.data.report_data import ReportData
from study.report.figures import Drawing
from study.report.form_check.problem import Problem
from study.report.locale.messages import TEMPLATES, Words, read_yaml
from study.report.locale.number_format import Numbers
from study.report.text.cross_references import Document, cite, keep_signs, keep_together, keep_units
from study.report.text.department import Department
from study.report.text.floats import Placing
from study.report.text.jinja_env import blame, environment
from study.report.text.length import FULL_TABLES, SHORT_CONTRASTS, SHORT_FIGURES, SHORT_SOURCES, Length
from study.report.text.template_globals import filters, names, tests
from study.report.text.title_page import TitlePage


@dataclass(frozen=True, kw_only=True)
class Composition:
    """The composed report.

    Attributes:
        html: the report as one self-contained text.
        formulas: LaTeX of each formula by id.
        problems: what is wrong with its references, figures and templates.
    """

    html: str
    formulas: dict[str, str]
    problems: tuple[Problem, ...]


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
    length: Length = Length.FULL,
    department: Department | None = None,
) -> Composition:
    """Renders the templates twice: first to learn which tables exist, then the final text.

    Args:
        data: the results.
        drawings: the figures by id.
        words: words of the language.
        numbers: number format of the language.
        title: fields of the title page.
        lang: language, a folder of `templates`.
        templates: folder of the templates.
        flat: whether main sections do not begin pages.
        length: what is left out.
        department: the department's own style sheet and templates.

    Raises:
        UsageError: a template of the department's folder is wrong.
    """
    jinja = environment(templates, lang, department)
    jinja.filters |= filters(numbers, words)
    jinja.tests |= tests()
    jinja.globals |= names(data, words)
    jinja.globals["title"] = title
    jinja.globals["flat"] = flat
    jinja.globals["full"] = full = length is Length.FULL
    jinja.globals["short_contrasts"] = SHORT_CONTRASTS
    if not full:
        jinja.globals["cite"] = _cite_short
    left_out = frozenset[str]() if full else FULL_TABLES
    drawings = drawings if full else {name: drawings[name] for name in drawings if name in SHORT_FIGURES}
    css = (templates / "gost.css").read_text(encoding="utf-8")
    own = department.style() if department else ""
    jinja.globals["css"] = f"{css}\n{own}" if own else css
    texts: dict[str, str] = read_yaml(templates / lang / "sources.yaml")
    first = Placing(drawings, words.caption, left_out=left_out)
    with blame(department):
        template = jinja.get_template("report.html")
        template.render(**_placing(first))
        placing = Placing(drawings, words.caption, frozenset(first.tables), left_out)
        html = template.render(**_placing(placing))
    html = re.sub(f"(?:&nbsp;|[ \u00a0])?{_NO_CITATION}", "", html)
    today = date.today().strftime(words.date)
    document = Document(
        source_texts={key: text.strip().replace("{accessed}", today) for key, text in texts.items()}
    )
    html = document.resolve(html)
    problems = list(document.problems)
    for name in drawings:
        if name not in placing.figures:
            problems.append(Problem(8, None, f"figure {name} is drawn but not placed"))
    for path in department.unused() if department else ():
        message = f"{path} is not used: no template of the report has this name"
        problems.append(Problem(None, None, message))
    return Composition(html=typeset(html, words), formulas=placing.formulas, problems=tuple(problems))


def typeset(html: str, words: Words) -> str:
    """Returns a text in which no line break parts what belongs together."""
    # Liberation Serif has no narrow no-break space; a fallback font would be embedded for it.
    html = html.replace("\u202f", "\u00a0")
    html = keep_units(keep_signs(keep_together(html)), [*words.unit.values(), *words.form["units"]])
    unit = words.unit["pp"].replace(" ", "\u00a0")
    if unit.endswith("."):  # an abbreviation's full stop ends the sentence too
        html = html.replace(f"{unit}.", unit)
    return html


#: Stands where the short form cites nothing, and is removed with the space before it.
_NO_CITATION = "<!--no citation-->"


def _cite_short(*keys: str) -> Markup:
    """Cites those of the sources that the short form has."""
    kept = [key for key in keys if key in SHORT_SOURCES]
    return cite(*kept) if kept else Markup(_NO_CITATION)


def _placing(placing: Placing) -> dict[str, Any]:
    return {
        "figure": placing.figure,
        "table": placing.table,
        "formula": placing.formula,
        "place_listing": placing.listing,
        "has_figure": placing.has_figure,
        "has_table": placing.has_table,
    }
