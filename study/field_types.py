"""Converts JSON values to annotated classes with msgspec, and checks what msgspec does not."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Any, TypeVar

import msgspec

#: JSON can escape one half of a surrogate pair; such a text cannot be encoded as UTF-8.
_HALF = re.compile(r"[\ud800-\udfff]")
Text = Annotated[str, msgspec.Meta(max_length=20_000, pattern=r"^[^\ud800-\udfff]*$")]
T = TypeVar("T")


class Misshapen(ValueError):
    """A value has an unexpected structure; the message names its place and what is expected."""


def convert(value: Any, kind: type[T]) -> T:
    """Converts a JSON value to an annotated class; fields that the class does not have are left out.

    Raises:
        Misshapen: the value does not fit the class.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        told, at, place = str(error).rpartition(" - at ")
        raise Misshapen(f"{told[:200]}{at}{place.replace('$.', '', 1)}") from error
    except UnicodeEncodeError as error:  # of the name of a field, or the value of an enumeration
        raise Misshapen("it holds half a character") from error


def convert_exact(value: Any, kind: type[T], required: Collection[str] = ()) -> T:
    """Converts a JSON value to a dataclass of dataclasses, tuples and single values.

    Args:
        value: the JSON value; no object in it may have a field that its class does not have.
        kind: the dataclass.
        required: fields that must not be missing although they have a default, at any depth.

    Raises:
        Misshapen: the value does not fit the class, has another field, lacks one, or holds an integer
            beyond 64 bits or text that cannot be encoded.
    """
    made = convert(value, kind)
    _require_exact(value, made, required, "it")
    return made


def _require_exact(value: Any, made: Any, required: Collection[str], where: str) -> None:
    """Compares a JSON value with what msgspec made of it; `where` names its field in messages."""
    if isinstance(value, dict):
        for name in required:
            if name in made.__dataclass_fields__ and name not in value:
                raise Misshapen(f"{where} has no {name}")
        for name, item in value.items():
            if name not in made.__dataclass_fields__:
                raise Misshapen(f"{where} has {name[:40]!r}, which is unknown")
            _require_exact(item, getattr(made, name), required, name)
    elif isinstance(made, tuple):
        for item, part in zip(value, made, strict=True):
            _require_exact(item, part, required, where)
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise Misshapen(f"{where} is too large")
    elif isinstance(value, str) and _HALF.search(value):
        raise Misshapen(f"{where} holds half a character")
