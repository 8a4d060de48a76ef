"""Writes formulas on lines of their own, with their number at the right margin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from docx.oxml.xmlchemy import BaseOxmlElement
from lxml.html import HtmlElement

from study.report.docx.inline import classes
from study.report.docx.omml import UnknownFormula, equation
from study.report.docx.tables import cell_margins
from study.report.docx.wordml import TEXT_WIDTH, m, paragraph, run, w, written

#: Width of the number's column in twentieths of a point; the empty column at the left is as wide.
_NUMBER = 900


def take_equations(root: HtmlElement, formulas: Mapping[str, str]) -> dict[str, BaseOxmlElement]:
    """Returns the equation of each formula by id, and removes its picture from the text.

    A formula that Word's equations cannot express keeps its picture.

    Args:
        root: the HTML text.
        formulas: LaTeX of the formulas by id.
    """
    found: dict[str, BaseOxmlElement] = {}
    for element in list(root.iter("div")):
        latex = formulas.get(element.get("id") or "")
        if latex is None or "formula" not in classes(element):
            continue
        try:
            found[element.get("id") or ""] = equation(latex)
        except UnknownFormula:
            continue
        for image in element.findall("img"):
            image.drop_tree()
    return found


def displayed(formula: BaseOxmlElement) -> BaseOxmlElement:
    """Returns an equation that Word displays at full size, which it does with nothing beside it."""
    return m("oMathPara", m("oMathParaPr", m("jc", val="center")), formula)


def numbered_line(
    content: BaseOxmlElement, number: Iterable[BaseOxmlElement], *, keep_next: bool
) -> BaseOxmlElement:
    """Returns a table without borders: the content is centred, the number stands at the right margin.

    Args:
        content: an equation, or a run with a picture.
        number: runs and fields of the number.
        keep_next: whether it stays on one page with the next paragraph.
    """
    widths = (_NUMBER, TEXT_WIDTH - 2 * _NUMBER, _NUMBER)
    _, middle, right = lines = [
        paragraph(style, keep_next=keep_next) for style in ("Formula", "Formula", "FormulaNumber")
    ]
    middle.append(content)
    right.extend([run(written("t", "(")), *number, run(written("t", ")"))])
    cells = [
        w("tc", w("tcPr", w("tcW", w=width, type="dxa"), w("vAlign", val="center")), line)
        for width, line in zip(widths, lines, strict=True)
    ]
    properties = w(
        "tblPr",
        w("tblW", w=TEXT_WIDTH, type="dxa"),
        w("tblLayout", type="fixed"),
        cell_margins(0, 0),
    )
    grid = w("tblGrid", *(w("gridCol", w=width) for width in widths))
    return w("tbl", properties, grid, w("tr", w("trPr", w("cantSplit")), *cells))
