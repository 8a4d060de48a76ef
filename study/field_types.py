"""Checks that the fields of a dataclass have their declared types, for values read from files."""

from __future__ import annotations

from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from study.errors import UsageError


def check_types(value: Any) -> None:
    """Checks the types of the fields of a dataclass.

    Raises:
        UsageError: a field has another type, is an integer beyond 64 bits, or is text that cannot be
            encoded.
    """
    kind: Any = type(value)
    for name, types in _field_types(kind).items():
        found = getattr(value, name)
        if not isinstance(found, types) or (isinstance(found, bool) and bool not in types):
            raise UsageError(f"{name} is of the type {type(found).__name__}")
        if isinstance(found, int) and abs(found) >= 2**63:
            raise UsageError(f"{name} is too large")
        if isinstance(found, str) and any("\ud800" <= character <= "\udfff" for character in found):
            raise UsageError(f"{name} holds half a character")


@cache
def _field_types(kind: type) -> dict[str, tuple[type, ...]]:
    """Returns the allowed types of every field; an integer is allowed for a float."""
    found = {}
    for name, hint in get_type_hints(kind).items():
        parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        types = [get_origin(part) or part for part in parts]
        found[name] = tuple([*types, int] if float in types else types)
    return found
