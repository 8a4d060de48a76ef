"""Formulas become equations of Word, whole or not at all."""

from __future__ import annotations

import io
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from docx.oxml.ns import nsmap, qn
from jinja2 import Environment, nodes
from lxml import etree
from miniature import miniature
from wordml_schema import faults

from study.report.build import to_docx
from study.report.docx.omml import UnknownFormula, equation
from study.report.locale.messages import TEMPLATES
from study.report.text.formulas import formula_mathml


def _formulas_of(path: Path) -> list[str]:
    """The formulas that a template places."""
    calls = Environment().parse(path.read_text(encoding="utf-8")).find_all(nodes.Call)
    named = [call for call in calls if isinstance(call.node, nodes.Name) and call.node.name == "formula"]
    return [call.args[1].as_const() for call in named]


def _found(element: Any, path: str) -> list[str]:
    return [str(text) for text in etree.XPath(path, namespaces=nsmap)(element)]


_PLACED = {
    f"{path.relative_to(TEMPLATES).as_posix()} {number}": latex
    for path in sorted(TEMPLATES.glob("[er][nu]/**/*.html"))
    for number, latex in enumerate(_formulas_of(path), start=1)
}
#: Signs that MathML and Word write differently.
_SAME = str.maketrans({"-": "\u2212", "*": "\u2217", "^": "\u0302", "\u02c6": "\u0302", "\u00af": "\u0305"})


def _signs(texts: list[str]) -> Counter[str]:
    letters = "".join(texts).translate(_SAME)
    return Counter(sign for sign in letters if not unicodedata.category(sign).startswith("Z"))


def _shape(element: Any) -> str:
    """An equation in one line: the name of each construct and its parts; texts stand for themselves."""
    name = etree.QName(element).localname
    if name == "t":
        return str(element.text)
    signs = "".join(_found(element, "./*/m:chr/@m:val | ./*/m:begChr/@m:val | ./*/m:endChr/@m:val"))
    inner = [_shape(child) for child in element if not child.tag.endswith("Pr")]
    if name in ("oMath", "r", "e", "num", "den", "sub", "sup", "deg", "fName"):
        return " ".join(inner)
    return f"{name}{signs}({' | '.join(inner)})"


def test_the_templates_place_formulas_in_both_languages() -> None:
    for lang in ("ru", "en"):
        assert sum(name.startswith(f"{lang}/") for name in _PLACED) >= 5


@pytest.mark.parametrize("name", _PLACED)
def test_every_formula_of_the_report_is_an_equation(name: str) -> None:
    """Nothing of it is lost: Word has the same letters and signs as the MathML of the picture."""
    latex = _PLACED[name]
    built = equation(latex)
    assert faults(built) == []
    mathml = etree.fromstring(formula_mathml(latex))
    drawn = ["".join(leaf.itertext()) for leaf in mathml.iter("mi", "mn", "mo", "mtext")]
    shown = _found(built, "//m:t/text() | //m:chr/@m:val | //m:begChr/@m:val | //m:endChr/@m:val")
    assert _signs(shown) == _signs(drawn)


@pytest.mark.parametrize(
    ("latex", "shape"),
    [
        (r"a=\frac{b+1}{2}", "a= f(b+1 | 2)"),
        (r"\theta_{t+1}", "sSub(θ | t+1)"),
        (r"e^{z_j}", "sSup(e | sSub(z | j))"),
        (r"W'_{k}", "sSubSup(W | k | ′)"),
        (r"\sum_{j=1}^{C}q_j+r", "nary∑(j=1 | C | sSub(q | j)) +r"),
        (r"\sum_{c}\sum_{u,v}W(u,v).", "nary∑(c |  | nary∑(u,v |  | W(u,v))) ."),
        (r"\frac{1}{\sum_{m}^{C}x}", "f(1 | nary∑(m | C | x))"),
        (r"\hat m+\bar a", "acc\u0302(m) + acc\u0305(a)"),
        (r"\sqrt{n-1}", "rad( | n−1)"),
        (r"\left|\,x\,\right|", "d||(\u2009x\u2009)"),
        (r"\left(\frac{a}{b}\right)", "d()(f(a | b))"),
        (r"\ln p_j", "func(ln | sSub(p | j))"),
        (r"\mathrm{acc}_b", "sSub(acc | b)"),
        (r"q_{0{,}975}", "sSub(q | 0,975)"),
    ],
)
def test_constructs(latex: str, shape: str) -> None:
    assert _shape(equation(latex)) == shape


def test_names_are_upright_and_letters_left_to_word() -> None:
    built = equation(r"\mathrm{ECE}=\ln x")
    runs = list(built.iter(qn("m:r")))
    styles = {"".join(_found(run, "m:t/text()")): _found(run, "m:rPr/m:sty/@m:val") for run in runs}
    assert styles == {"ECE": ["p"], "=": [], "ln": ["p"], "x": []}


def test_limits_stand_where_the_picture_has_them() -> None:
    built = equation(r"\sum_{j}x_j=\frac{1}{\sum_{j}y_j}")
    assert _found(built, "//m:limLoc/@m:val") == ["undOvr", "subSup"]


UNKNOWN = r"\overbrace{x}", r"\boxed{x}", r"\binom{n}{k}", r"\begin{matrix}a\\b\end{matrix}"


@pytest.mark.parametrize("latex", UNKNOWN)
def test_an_unknown_construct_is_an_error(latex: str) -> None:
    with pytest.raises(UnknownFormula):
        equation(latex)


@pytest.mark.parametrize(("latex", "known"), [(r"\frac{a}{b}", True), (r"\boxed{x}", False)])
def test_a_formula_that_word_does_not_know_stays_a_picture(latex: str, known: bool) -> None:
    html = miniature().replace(' src="data', ' style="width:10mm;height:5mm" src="data')
    word: Any = Document(io.BytesIO(to_docx(html, {}, {"eq-one": latex})))
    line = next(t for t in word.element.body.iter(qn("w:tbl")) if t.xpath(".//w:pStyle[@w:val='Formula']"))
    assert len(line.xpath(".//m:oMathPara/m:oMath")) == known
    assert len(line.xpath(".//w:drawing")) == (not known)
    assert "".join(line.xpath(".//w:pStyle[@w:val='FormulaNumber']/../..//w:t/text()")) == "(1)"
