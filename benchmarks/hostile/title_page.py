"""Tries title pages: YAML of every kind, tags, aliases, and bytes that are not text."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from hypothesis import strategies as st

from benchmarks.hostile.mutation import damaged, junk, words
from benchmarks.hostile.target import Target
from study.report.locale.messages import TEMPLATES
from study.report.text.title_page import MAX_LENGTH, TitlePage, read_title_page

_FIELDS = tuple(asdict(TitlePage()))
_PIECES = (
    "student: ",
    "year: ",
    "? ",
    ": ",
    "- ",
    "&a ",
    "*a ",
    "!!python/object/apply:os.system ",
    "!!binary ",
    "!!set ",
    "<<: ",
    "|\n  ",
    ">\n ",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    "#",
    "%YAML 1.1\n---\n",
    "---\n",
    "...\n",
    "\n",
    "\t",
    "  ",
    "~",
    "null",
    "0o17",
    "2001-01-01",
    "\\x01",
    "\\ud800",
    "\\U0010ffff",
)
_BOMB = "a: &a [x, x, x]\n" + "".join(f"b{n}: &b{n} [*a, *a, *a]\n" for n in range(40))
_pieces = st.lists(st.sampled_from(_PIECES) | words, max_size=14).map("".join)
_pages = st.dictionaries(st.sampled_from(_FIELDS) | words, words | junk, max_size=5)


def target(folder: Path) -> Target:
    path = folder / "title.yaml"

    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        for value in asdict(read_title_page(path)).values():
            assert isinstance(value, str) and len(value) <= MAX_LENGTH
            assert value.splitlines() in ([], [value])
            value.encode("utf-8")

    example = (TEMPLATES / "title_page.example.yaml").read_bytes()
    return Target(
        name="title page (YAML)",
        cases=_pieces.map(lambda text: text.encode("utf-8", "surrogatepass"))
        | _pages.map(lambda page: json.dumps(page).encode())
        | damaged(st.just(example))
        | damaged(st.just(_BOMB.encode()))
        | st.binary(max_size=60),
        attempt=attempt,
    )
