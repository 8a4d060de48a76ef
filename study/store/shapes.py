"""Checks the structure of values that were read from JSON.

A check is a function of a value and of the text that names its place in messages; it raises `Misshapen` if
the value is not as expected. A record may have keys that it does not name, because a newer version may have
written them; only a closed record may not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str], None]
#: Largest accepted number. It is larger than every count and every number of seconds or bytes in a study,
#: and floats represent all integers below it.
MOST = 1e15
LONGEST_TEXT = 20_000


class Misshapen(ValueError):
    """A value has an unexpected structure; the message names its place and what is expected."""


def text(value: Any, where: str) -> None:
    """Checks a text of limited length that can be encoded as UTF-8."""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise Misshapen(f"{where} is not a text of at most {LONGEST_TEXT:,} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise Misshapen(f"{where} holds half a character")


def flag(value: Any, where: str) -> None:
    if not isinstance(value, bool):
        raise Misshapen(f"{where} is not true or false")


def number(value: Any, where: str) -> None:
    """Checks a number in [0, `MOST`]."""
    measure(value, where)
    if not 0 <= value <= MOST:
        raise Misshapen(f"{where} is not between 0 and {MOST:g}")


def positive(value: Any, where: str) -> None:
    number(value, where)
    if value == 0:
        raise Misshapen(f"{where} is 0")


def measure(value: Any, where: str) -> None:
    """Checks a number such as a loss; NaN, infinite and negative numbers are allowed."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Misshapen(f"{where} is not a number")
    if isinstance(value, int) and abs(value) > MOST:
        raise Misshapen(f"{where} is beyond {MOST:g}")


def share(value: Any, where: str) -> None:
    """Checks a number in [0, 1]."""
    number(value, where)
    if value > 1:
        raise Misshapen(f"{where} is above 1")


def moment(value: Any, where: str) -> None:
    """Checks a time in seconds since 1970; the largest one still has a calendar date."""
    number(value, where)
    if value > 1e11:
        raise Misshapen(f"{where} is beyond the calendar")


def whole(value: Any, where: str) -> None:
    """Checks an integer in [0, `MOST`]."""
    number(value, where)
    if not isinstance(value, int):
        raise Misshapen(f"{where} is not a whole number")


def between(low: int, high: int) -> Check:
    """Returns a check for an integer in [`low`, `high`]."""

    def checked(value: Any, where: str) -> None:
        whole(value, where)
        if not low <= value <= high:
            raise Misshapen(f"{where} is not between {low} and {high:,}")

    return checked


def maybe(check: Check) -> Check:
    """Returns a check that also allows null."""

    def checked(value: Any, where: str) -> None:
        if value is not None:
            check(value, where)

    return checked


def one_of(*words: str) -> Check:
    """Returns a check for one of the texts."""

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, str) or value not in words:
            raise Misshapen(f"{where} is none of {', '.join(words)}")

    return checked


def items(check: Check) -> Check:
    """Returns a check for a list whose items all pass `check`."""

    def checked(value: Any, where: str) -> None:
        if not isinstance(value, list):
            raise Misshapen(f"{where} is not a list")
        for place, item in enumerate(value):
            check(item, f"{where}[{place}]")

    return checked


def mapping(check: Check, keys: tuple[str, ...] | None = None) -> Check:
    """Returns a check for an object whose values all pass `check`.

    Args:
        check: applies to each value.
        keys: the allowed keys; None allows all.
    """

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
    """Returns a check for an object with named fields.

    Args:
        required: checks of the fields that must exist.
        optional: checks of the fields that may be missing.
        closed: whether the object may have no other fields.
    """

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
