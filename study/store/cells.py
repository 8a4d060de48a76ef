"""Defines the kinds of cells that a column of a CSV file may hold, and converts their text."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

#: Value of a cell; None stands for an empty cell in a column of numbers.
Cell = str | int | float | None
#: Largest number in a cell, except for losses.
_MOST = 1e15


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of cells.

    Attributes:
        description: the allowed values, as docs/results.md prints them; Markdown.
        parse: converts the text of a cell. It raises ValueError for text that does not fit; the message
            continues a sentence that begins with the name of the column.
        empty: value of a cell that the file lacks: "" in a column of text, None in a column of numbers.
    """

    description: str
    parse: Callable[[str], Cell]
    empty: Cell = None


def word(*words: str, may_be_empty: bool = False) -> Kind:
    """Returns the kind of cells that hold one of `words`, or also nothing if they may be empty."""
    known = tuple(str(item) for item in words)

    def parse(text: str) -> str:
        if text not in known and not (may_be_empty and text == ""):
            raise ValueError(f"is {text[:40]!r}, known are {', '.join(sorted(known))}")
        return text

    listed = ", ".join(f"`{item}`" for item in known)
    return Kind(description=f"{listed} or empty" if may_be_empty else listed, parse=parse, empty="")


def _number(text: str, most: float = _MOST) -> int | float | None:
    """Converts a number in [0, `most`]; an empty cell and NaN become None."""
    bare = text.strip()
    if bare in ("", "nan", "NaN"):
        return None
    try:
        if "_" in bare:
            raise ValueError
        value = int(bare) if bare.isdecimal() and len(bare) < 16 else float(bare)
    except ValueError:
        raise ValueError(f"is {bare[:40]!r}, which is not a number") from None
    if not 0 <= value <= most:
        raise ValueError(f"is {bare[:40]}, which is not between 0 and {most:g}")
    return value


def _whole(text: str) -> int | float | None:
    """Converts a whole number; pandas writes ``5.0`` if another cell of the column is empty."""
    value = _number(text)
    if value is not None and value != int(value):
        raise ValueError(f"is {text[:40]}, which is not a whole number")
    return value


TEXT = Kind(description="text", parse=str, empty="")
NUMBER = Kind(description="number, at least 0", parse=_number)
WHOLE = Kind(description="whole number, at least 0", parse=_whole)
SHARE = Kind(description="number in [0, 1]", parse=lambda text: _number(text, 1.0))
LOSS = Kind(description="number, at least 0, or `inf`", parse=lambda text: _number(text, math.inf))
