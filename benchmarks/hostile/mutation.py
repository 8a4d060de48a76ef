"""Damages input: strategies that turn good bytes or a good JSON value into bad ones."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

_WORDS = (
    "file:///etc/passwd",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "{% import 'os' %}",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "-1",
    "+1",
    "@SUM(1)",
    "nan",
    "inf",
    "1e999",
    "0x10",
    "1_000",
    "",
    " ",
    "'",
    '"',
    "\x00",
    "\t=1",
    "\r",
    "a\nb",
    "\u202eabc",
    "\ue000ref:fig-arms\ue001",
    "$\\frac{$",
    "😀",
    "עברית",
    "vgg11",
    "imagenet1k_v1",
    "finished",
    "x" * 10_000,
    "9" * 400,
)
words = st.sampled_from(_WORDS) | st.text(max_size=20)
_NUMBERS = (
    0,
    1,
    -1,
    0.5,
    1.5,
    -0.1,
    2**31,
    2**63,
    10**30,
    10**400,
    float("nan"),
    float("inf"),
    -float("inf"),
)
scalars = (
    st.none()
    | st.booleans()
    | st.sampled_from(_NUMBERS)
    | st.integers()
    | st.floats()
    | words
    | st.just("\ud800")
)
junk = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
_INTERESTING = (b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\n", b'"', b",", b"PK\x01\x02")
#: An edit: its position (modulo the length), its kind, and the bytes that it uses.
_edit = st.tuples(
    st.integers(0, 1 << 24),
    st.sampled_from(("flip", "cut", "write", "insert", "drop", "repeat")),
    st.binary(min_size=1, max_size=6) | st.sampled_from(_INTERESTING),
)


def damaged(good: SearchStrategy[bytes]) -> SearchStrategy[bytes]:
    """Generates good bytes with one to four edits."""
    return st.builds(_apply, good, st.lists(_edit, min_size=1, max_size=4))


def _apply(content: bytes, edits: list[tuple[int, str, bytes]]) -> bytes:
    changed = bytearray(content)
    for place, action, value in edits:
        at = place % (len(changed) + 1)
        if action == "flip" and at < len(changed):
            changed[at] ^= 1 << (value[0] % 8)
        elif action == "cut":
            del changed[at:]
        elif action == "write":
            changed[at : at + len(value)] = value
        elif action == "insert":
            changed[at:at] = value
        elif action == "drop":
            del changed[at : at + len(value)]
        elif action == "repeat":
            changed[at:at] = changed[max(0, at - 40 * len(value)) : at]
    return bytes(changed)


def misshapen(good: Any) -> SearchStrategy[Any]:
    """Generates the JSON value with one to three of its values replaced, removed or wrapped in a list."""
    edit = st.tuples(st.integers(0, 1 << 24), st.sampled_from(("put", "put", "put", "drop", "wrap")), junk)
    return st.builds(
        lambda edits: _reshape(copy.deepcopy(good), edits), st.lists(edit, min_size=1, max_size=3)
    )


def _reshape(value: Any, edits: list[tuple[int, str, Any]]) -> Any:
    for place, action, new in edits:
        found = [(None, None), *_places(value)]
        owner, key = found[place % len(found)]
        if owner is None:
            value = new if action == "put" and place % 7 == 0 else value
        elif action == "put":
            owner[key] = new
        elif action == "drop":
            del owner[key]
        else:
            owner[key] = [owner[key]]
    return value


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Returns every (container, key) inside a value."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    found = [(value, key) for key in keys]
    return found + [place for key in keys for place in _places(value[key])]


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()
