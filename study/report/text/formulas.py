"""Draws formulas as SVG pictures with a spoken alternative, because WeasyPrint knows no MathML."""

from __future__ import annotations

import base64
from functools import lru_cache

from markupsafe import Markup, escape

#: Font size of a drawing in its own units, and points in such a unit, so that it prints at 14 pt.
_SIZE = 17.0
_PT = 14.0 / _SIZE


@lru_cache(maxsize=64)
def _svg(latex: str) -> tuple[str, float, float]:
    from ziamath.zmath import Latex

    drawn = Latex(latex, size=_SIZE)
    width, height = drawn.getsize()
    return drawn.svg(), width, height


def formula_image(latex: str, alt: str) -> Markup:
    """Returns an image of the formula at the size of the text.

    Args:
        latex: the formula.
        alt: what a screen reader says.
    """
    text, width, height = _svg(latex)
    data = base64.b64encode(text.encode()).decode()
    return Markup(
        f'<img alt="{escape(alt)}" style="width:{(width + 2) * _PT:.1f}pt;'
        f'height:{(height + 2) * _PT:.1f}pt" src="data:image/svg+xml;base64,{data}">'
    )
