"""Checks of the shape of values that were read from JSON.

A check takes a value and the words for where it stands, and raises `Misshapen`. Keys that a record does
not name are let through: a younger version may have written more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str], None]
#: Far above every count, second and byte of a study, and below what floats count exactly.
MOST = 1e15
LONGEST_TEXT = 20_000


class Misshapen(ValueError):
    """Says where the value stands and what it should have been."""


def text(value: Any, where: str) -> None:
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise Misshapen(f"{where} is not a text of at most {LONGEST_TEXT:,} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Misshapen(f"{where} holds half a character")


def flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise Misshapen(f"{where} is not true or false")


def number(value: Any, where: str) -> None:
    """Finite and not negative."""
    measure(value, where)
    if not 0 <= value <= MOST:
        raise Misshapen(f"{where} is not between 0 and {MOST:g}")


def positive(value: Any, where: str) -> None:
    number(value, where)
    if value == 0:
        raise Misshapen(f"{where} is 0")


def measure(value: Any, where: str) -> None:
    """A loss or the like: it may be NaN or infinite, but not beyond a float."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misshapen(f"{where} is not a number")
    if isinstance(value, int) and abs(value) > MOST:
        raise Misshapen(f"{where} is beyond {MOST:g}")


def share(value: Any, where: str) -> None:
    number(value, where)
    if value > 1:
        raise Misshapen(f"{where} is above 1")


def moment(value: Any, where: str) -> None:
    """Seconds since 1970 within the calendar."""
    number(value, where)
    if value > 1e11:
        raise Misshapen(f"{where} is beyond the calendar")


def whole(value: Any, where: str) -> None:
    number(value, where)
    if not isinstance(value, int):
        raise Misshapen(f"{where} is not a whole number")


def between(low: int, high: int) -> Check:
    """A whole number from low to high."""

    def checked(value: Any, where: str) -> None:
        whole(value, where)
        if not low <= value <= high:
            raise Misshapen(f"{where} is not between {low} and {high:,}")

    return checked


def maybe(check: Check) -> Check:
    """The same, or null."""

    def checked(value: Any, where: str) -> None:
        if value is not None:
            check(value, where)

    return checked


def one_of(*words: str) -> Check:
    def checked(value: Any, where: str) -> None:
        if not isinstance(value, str) or value not in words:
            raise Misshapen(f"{where} is none of {', '.join(words)}")

    return checked


def items(check: Check) -> Check:
    def checked(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise Misshapen(f"{where} is not a list")
        for place, item in enumerate(value):
            check(item, f"{where}[{place}]")

    return checked


def mapping(check: Check, keys: tuple[str, ...] | None = None) -> Check:
    """An object whose values are all alike; `keys` are the only names it may have."""

    def checked(value: Any, where: str) -> None:
        _require_object(value, where)
        for name, item in value.items():
            if keys is not None and name not in keys:
                raise Misshapen(f"{where} has {name[:40]!r}, which is none of {', '.join(keys)}")
            check(item, f"{where}.{name[:40]}")

    return checked


def record(
    required: Mapping[str, Check], optional: Mapping[str, Check] | None = None, *, closed: bool = False
) -> Check:
    """An object with these names, and no other where it is closed."""

    def checked(value: Any, where: str) -> None:
        _require_object(value, where)
        other = set(value) - set(required) - set(optional or {}) if closed else set()
        if other:
            raise Misshapen(f"{where} has {min(other)[:40]!r}, which nobody knows")
        for name, check in required.items():
            if name not in value:
                raise Misshapen(f"{where} has no {name}")
            check(value[name], f"{where}.{name}")
        for name, check in (optional or {}).items():
            if name in value:
                check(value[name], f"{where}.{name}")

    return checked


def _require_object(value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise Misshapen(f"{where} is not an object")
