"""Draws formulas as SVG pictures with a spoken alternative, because WeasyPrint knows no MathML."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import NamedTuple

from markupsafe import Markup, escape

#: Font size of a drawing in its own units, and points in such a unit, so that it prints at 14 pt.
_SIZE = 17.0
_PT = 14.0 / _SIZE


class _Drawn(NamedTuple):
    svg: str
    mathml: str
    width: float
    height: float


@lru_cache(maxsize=64)
def _draw(latex: str) -> _Drawn:
    from ziamath.zmath import Latex

    drawn = Latex(latex, size=_SIZE)
    width, height = drawn.getsize()
    return _Drawn(drawn.svg(), drawn.mathmlstr(), width, height)


def formula_image(latex: str, alt: str) -> Markup:
    """Returns an image of the formula at the size of the text.

    Args:
        latex: the formula.
        alt: what a screen reader says.
    """
    text, _, width, height = _draw(latex)
    data = base64.b64encode(text.encode()).decode()
    return Markup(
        f'<img alt="{escape(alt)}" style="width:{(width + 2) * _PT:.1f}pt;'
        f'height:{(height + 2) * _PT:.1f}pt" src="data:image/svg+xml;base64,{data}">'
    )


def formula_mathml(latex: str) -> str:
    """Returns the formula as MathML, from which its image is drawn."""
    return _draw(latex).mathml
