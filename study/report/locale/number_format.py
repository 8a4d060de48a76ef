"""Formats numbers in the local form, in one place, so that a printed number is the stored one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from study.report.locale.messages import Words

NBSP = "\u00a0"
MINUS = "\u2212"
EMPTY = "–"


def as_float(value: Any) -> float | None:
    """Returns a cell as a finite float, or None for text, an empty cell and NaN."""
    if value is None or isinstance(value, str):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


class Numbers:
    """Template filters that format numbers in one language; a missing number becomes a dash.

    Args:
        decimal: decimal mark.
        group: sign between groups of three digits, from five digits on.
        separator: sign between the ends of an interval.
        unit: words `pp`, `second`, `minute`, `hour`, `million`, and `percent` with the space that
            precedes it.
    """

    def __init__(self, *, decimal: str, group: str, separator: str, unit: dict[str, str]) -> None:
        self._decimal = decimal
        self._group = group
        self._separator = separator
        self._unit = unit

    @classmethod
    def of(cls, words: Words) -> Numbers:
        return cls(decimal=words.decimal, group=words.group, separator=words.separator, unit=words.unit)

    def num(self, value: Any, digits: int = 2) -> str:
        """Formats `0.5` as `0,50`; a number that rounds to zero has no sign."""
        number = as_float(value)
        if number is None:
            return EMPTY
        text = f"{number:.{digits}f}"
        if float(text) == 0:
            text = text.lstrip("-")
        whole, _, fraction = text.partition(".")
        sign = MINUS if whole.startswith("-") else ""
        return sign + self._grouped(whole.lstrip("-")) + (self._decimal + fraction if fraction else "")

    def signed(self, value: Any, digits: int = 2) -> str:
        """Formats `0.5` as `+0,50`."""
        text = self.num(value, digits)
        positive = text != EMPTY and not text.startswith(MINUS) and any(c in "123456789" for c in text)
        return f"+{text}" if positive else text

    def percent(self, value: Any, digits: int = 1) -> str:
        """Formats a share in [0, 1] as `91,2 %`."""
        number = as_float(value)
        return EMPTY if number is None else f"{self.num(100 * number, digits)}{self._unit['percent']}"

    def share(self, value: Any, digits: int = 2) -> str:
        """Formats a share in [0, 1] in per cent without the sign, for table cells."""
        number = as_float(value)
        return EMPTY if number is None else self.num(100 * number, digits)

    def pp(self, value: Any, digits: int = 2, signed: bool = True) -> str:
        """Formats percentage points: `1.24` becomes `+1,24 п. п.`."""
        text = self.signed(value, digits) if signed else self.num(value, digits)
        unit = self._unit["pp"].replace(" ", NBSP)
        return text if text == EMPTY else f"{text}{NBSP}{unit}"

    def interval(self, pair: Sequence[Any], digits: int = 2) -> str:
        """Formats a pair as `[−0,10; 1,52]`, or as a dash if an end is missing."""
        low, high = pair
        if as_float(low) is None or as_float(high) is None:
            return EMPTY
        return f"[{self.num(low, digits)}{self._separator}{NBSP}{self.num(high, digits)}]"

    def integer(self, value: Any) -> str:
        """Formats `54000` as `54 000` with no-break spaces."""
        return self.num(value, 0)

    def millions(self, value: Any, digits: int = 2) -> str:
        """Formats a number from 100,000 on in millions, a smaller one as an integer."""
        number = as_float(value)
        if number is None:
            return EMPTY
        if abs(number) < 1e5:
            return self.integer(number)
        return f"{self.num(number / 1e6, digits)}{NBSP}{self._unit['million']}"

    def seconds(self, value: Any) -> str:
        """Formats seconds: `8.25` as `8,3 с`, `307` as `5 мин 07 с`, `4320` as `1 ч 12 мин`."""
        number = as_float(value)
        if number is None:
            return EMPTY
        unit = self._unit
        if number < 10:
            return f"{self.num(number, 1)}{NBSP}{unit['second']}"
        whole = round(number)
        if whole < 60:
            return f"{whole}{NBSP}{unit['second']}"
        if whole < 3600:
            minutes, rest = divmod(whole, 60)
            tail = f"{NBSP}{rest:02d}{NBSP}{unit['second']}" if rest else ""
            return f"{minutes}{NBSP}{unit['minute']}{tail}"
        hours, minutes = divmod(round(number / 60), 60)
        tail = f"{NBSP}{minutes:02d}{NBSP}{unit['minute']}" if minutes else ""
        return f"{hours}{NBSP}{unit['hour']}{tail}"

    def rate(self, value: Any) -> Markup:
        """Formats a learning rate: `0.001` as `0,001`, `0.00032` as `3,2·10⁻⁴` with a superscript."""
        number = as_float(value)
        if number is None:
            return Markup(EMPTY)
        if number == 0 or 1e-3 <= abs(number) < 1e4:
            return Markup(f"{number:.3g}".replace(".", self._decimal).replace("-", MINUS))
        mantissa, exponent = f"{number:.1e}".split("e")
        mantissa = mantissa.removesuffix(".0").replace(".", self._decimal)
        power = str(int(exponent)).replace("-", MINUS)
        return Markup(f"{mantissa}·10<sup>{power}</sup>")

    def plural(self, count: Any, one: str, few: str, many: str = "") -> str:
        """Returns the form of a noun after a whole number.

        Args:
            count: the number.
            one: form after 1; if there are three forms, after numbers that end with 1 except 11.
            few: form after all others; if there are three forms, after 2, 3, 4 except 12, 13, 14.
            many: third form, in languages that have one.
        """
        number = abs(int(count))
        if not many:
            return one if number == 1 else few
        if number % 10 == 1 and number % 100 != 11:
            return one
        return few if number % 10 in (2, 3, 4) and number % 100 not in (12, 13, 14) else many

    def comma(self, text: str) -> str:
        """Converts the tick label of a figure to the local form."""
        return text.replace("-", MINUS).replace(".", self._decimal)

    def _grouped(self, digits: str) -> str:
        if len(digits) < 5:
            return digits
        head = len(digits) % 3
        parts = [digits[:head]] if head else []
        parts += [digits[i : i + 3] for i in range(head, len(digits), 3)]
        return self._group.join(parts)
