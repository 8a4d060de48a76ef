"""Marks where words may be divided that a typesetter cannot reach: those after a no-break space.

WeasyPrint divides the first word that does not fit into a line. In "102 400 изображений", held together by
no-break spaces, that is "102"; the whole moves to the next line, and the spaces of the line before it
become several times as wide.
"""

from __future__ import annotations

import re

from pyphen import Pyphen

_DICTIONARIES = {"ru": "ru_RU", "en": "en_GB"}
#: Fewest letters of a word, before a division and after it, as in gost.css.
_SHORTEST, _LEFT, _RIGHT = 6, 3, 3
#: Text between two tags, but not code and style sheets.
_BETWEEN = re.compile(r"<(?:style|pre|code)\b.*?</(?:style|pre|code)>|(>[^<]*)", re.DOTALL)
_BOUND = re.compile(rf"(?<=\u00a0)[^\W\d_]{{{_SHORTEST},}}")


def soften(html: str, lang: str) -> str:
    """Puts soft hyphens into words after a no-break space.

    Args:
        html: the composed text.
        lang: its language; a text in one without a dictionary is not changed.
    """
    name = _DICTIONARIES.get(lang)
    if name is None:
        return html
    dictionary = Pyphen(lang=name, left=_LEFT, right=_RIGHT)
    return _BETWEEN.sub(
        lambda match: (
            _BOUND.sub(lambda word: dictionary.inserted(word[0], "\u00ad"), match[1])
            if match[1]
            else match[0]
        ),
        html,
    )
