"""Converts formulas to the equations of Word (OMML), which can be edited there.

The formula comes as the MathML from which the picture of the PDF is drawn. Only the constructs that the
report uses are known; any other is an error, so that no part of a formula is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from docx.oxml.xmlchemy import BaseOxmlElement
from lxml.etree import _Element as Element
from lxml.etree import fromstring

from study.errors import ReportError
from study.report.docx.wordml import m, w, written
from study.report.text.formulas import formula_mathml

#: Accents of MathML and the combining characters by which Word knows them.
_ACCENTS = {"^": "\u0302", "\u02c6": "\u0302", "\u0302": "\u0302", "\u00af": "\u0305", "~": "\u0303"}
#: Widths of spaces and the characters that Word shows as wide.
_SPACES = {
    "0.167em": "\u2009",
    "0.222em": "\u205f",
    "0.278em": "\u2005",
    "1em": "\u2003",
    "2em": "\u2003" * 2,
}
#: Spaces between formulas; LibreOffice shows them only as plain text.
_WIDE = {"\u2003", "\u2003" * 2}
#: Characters of a keyboard that stand for mathematical signs.
_SIGNS = str.maketrans({"-": "\u2212", "*": "\u2217", "'": "\u2032"})
#: Signs in front of which what is summed ends.
_ENDS = {"=", ",", ";", ".", "+", "-", "\u2212", "\u00b1", "\u2264", "\u2265", "\u2248"}
_LARGE = {"\u2211", "\u220f"}


class UnknownFormula(ReportError):
    """A formula has a construct that is not known here."""


def equation(latex: str) -> BaseOxmlElement:
    """Returns a formula as `<m:oMath>`.

    Args:
        latex: the formula.

    Raises:
        UnknownFormula: it has an unknown construct.
    """
    return m("oMath", *_row(fromstring(formula_mathml(latex))))


def _row(*elements: Element) -> list[BaseOxmlElement]:
    """Converts the elements side by side; neighbouring letters and signs of one style share a run."""
    parts = _flat(elements)
    found: list[BaseOxmlElement] = []
    last: tuple[str, BaseOxmlElement] | None = None
    place = 0
    while place < len(parts):
        part, place = parts[place], place + 1
        base = _sum_sign(part)
        if base is not None:
            end = _operand_end(parts, place)
            found.append(_nary(part, base, parts[place:end]))
            place, last = end, None
        elif _is_function(part) and place < len(parts):
            name = m("fName", _run(_text(part), "p"))
            found.append(m("func", name, m("e", *_row(parts[place]))))
            place, last = place + 1, None
        elif part.tag in _LEAVES:
            style, text = _style(part), _LEAVES[part.tag](part)
            if last is not None and last[0] == style:
                last[1].text = (last[1].text or "") + text
                continue
            found.append(_run(text, style))
            last = style, found[-1][-1]
        else:
            found.append(_structure(part))
            last = None
    return found


def _flat(elements: Sequence[Element]) -> list[Element]:
    """Returns the elements, with rows that only group replaced by what they hold."""
    found: list[Element] = []
    for element in elements:
        groups = element.tag in ("math", "mrow") and not _is_fenced(element)
        found += _flat(list(element)) if groups else [element]
    return found


def _is_fenced(element: Element) -> bool:
    """Tells whether a row stands between brackets that grow with it."""
    if len(element) < 2:
        return False
    ends = ((element[0], "prefix"), (element[-1], "postfix"))
    return all(
        part.get("fence") == "true" and part.get("form") == form and part.get("minsize") is None
        for part, form in ends
    )


def _structure(element: Element) -> BaseOxmlElement:
    convert = _STRUCTURES.get(str(element.tag))
    if convert is None or element.get("linethickness"):
        raise UnknownFormula(f"the Word file knows no equation with <{element.tag}>")
    return convert(element)


def _argument(tag: str, element: Element) -> BaseOxmlElement:
    return m(tag, *_row(element))


def _arguments(name: str, *tags: str) -> Callable[[Element], BaseOxmlElement]:
    """Returns a converter for a construct whose parts Word has in the same order."""

    def convert(element: Element) -> BaseOxmlElement:
        parts = zip(tags, element, strict=True)
        return m(name, *(_argument(tag, part) for tag, part in parts))

    return convert


def _root(element: Element) -> BaseOxmlElement:
    return m("rad", m("radPr", m("degHide", val=1)), m("deg"), m("e", *_row(*element)))


def _accent(element: Element) -> BaseOxmlElement:
    base, sign = element
    accent = _ACCENTS.get(sign.text or "") if sign.tag == "mo" else None
    if accent is None:
        raise UnknownFormula(f"the Word file knows no accent {sign.text!r}")
    return m("acc", m("accPr", m("chr", val=accent)), _argument("e", base))


def _fenced(element: Element) -> BaseOxmlElement:
    """Converts a row between growing brackets; `.` is a bracket that is not shown."""
    opening, *inner, closing = element
    signs = m("begChr", val=opening.text or ""), m("endChr", val=closing.text or "")
    return m("d", m("dPr", *signs), m("e", *_row(*inner)))


def _sum_sign(element: Element) -> Element | None:
    """Returns the large sign to which the element adds limits, if it is one."""
    if element.tag in _LIMITS and element[0].tag == "mo" and element[0].text in _LARGE:
        return element[0]
    return None


def _nary(element: Element, sign: Element, operand: Sequence[Element]) -> BaseOxmlElement:
    """Converts a sum with its limits and with what is summed."""
    below, above = _LIMITS[str(element.tag)]
    hidden = [m("subHide", val=1)] if below is None else []
    hidden += [m("supHide", val=1)] if above is None else []
    place = "undOvr" if str(element.tag).startswith("mu") else "subSup"
    properties = m("naryPr", m("chr", val=sign.text or ""), m("limLoc", val=place), *hidden)
    limits = [
        m(tag) if number is None else _argument(tag, element[number])
        for tag, number in (("sub", below), ("sup", above))
    ]
    return m("nary", properties, *limits, m("e", *_row(*operand)))


def _operand_end(parts: Sequence[Element], start: int) -> int:
    """Returns where the term that begins at `start` ends: at a sign between terms outside brackets."""
    depth = 0
    for place in range(start, len(parts)):
        text = parts[place].text or "" if parts[place].tag in ("mi", "mo") else ""
        if depth == 0 and text in _ENDS:
            return place
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
    return len(parts)


def _is_function(element: Element) -> bool:
    """Tells whether a name is that of a function, as in `ln x`; such names are upright."""
    return element.tag == "mi" and len(element.text or "") > 1


def _style(element: Element) -> str:
    """Returns the style of a run: `p` is upright, `nor` is plain text, and Word slants letters with ""."""
    if element.tag == "mspace":
        return "nor" if _space(element) in _WIDE else ""
    return "p" if element.get("mathvariant") == "normal" or _is_function(element) else ""


def _text(element: Element) -> str:
    if len(element) or not element.text:
        raise UnknownFormula(f"the Word file knows no <{element.tag}> without text")
    return str(element.text).translate(_SIGNS)


def _space(element: Element) -> str:
    width = element.get("width") or ""
    if width not in _SPACES:
        raise UnknownFormula(f"the Word file knows no space of {width or 'no width'}")
    return _SPACES[width]


def _run(text: str, style: str) -> BaseOxmlElement:
    looks = [m("nor")] if style == "nor" else [m("sty", val=style)] if style else []
    font = w("rPr", w("rFonts", ascii="Cambria Math", hAnsi="Cambria Math"))
    return m("r", *([m("rPr", *looks)] if looks else []), font, written("t", text, m))


_LEAVES: dict[object, Callable[[Element], str]] = {"mi": _text, "mn": _text, "mo": _text, "mspace": _space}
#: Which children are the lower and the upper limit.
_LIMITS: dict[str, tuple[int | None, int | None]] = {
    "munder": (1, None),
    "mover": (None, 1),
    "munderover": (1, 2),
    "msub": (1, None),
    "msup": (None, 1),
    "msubsup": (1, 2),
}
_STRUCTURES: dict[str, Callable[[Element], BaseOxmlElement]] = {
    "mfrac": _arguments("f", "num", "den"),
    "msub": _arguments("sSub", "e", "sub"),
    "msup": _arguments("sSup", "e", "sup"),
    "msubsup": _arguments("sSubSup", "e", "sub", "sup"),
    "msqrt": _root,
    "mover": _accent,
    "mrow": _fenced,
}
