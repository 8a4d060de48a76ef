"""Listings of the appendix, cut from the real sources so that they cannot go out of date.

Of a docstring its first line is left: the text of the report says the rest. Words to a linter are
left out.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

_BEGIN = re.compile(r"^\s*# \[listing: ([a-z_-]+)\]\s*$")
_DOCSTRING = re.compile(r'^( *"""[^"\n]+?)\n.*?"""$', re.DOTALL | re.MULTILINE)
_TO_LINTERS = re.compile(r"  # (?:type: ignore|noqa).*$")
_END = re.compile(r"^\s*# \[/listing\]\s*$")
SOURCE_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """name is the marker's word; path is relative to the repository; code has no outer indent."""

    name: str
    path: str
    code: str


def read_listings(root: Path = SOURCE_ROOT) -> dict[str, Listing]:
    """All marked pieces under the package; a marker without an end is ignored."""
    found: dict[str, Listing] = {}
    for path in sorted(root.rglob("*.py")):
        name, lines = "", list[str]()
        for line in path.read_text(encoding="utf-8").splitlines():
            begin = _BEGIN.match(line)
            if begin:
                name, lines = begin[1].replace("-", "_"), []
            elif name and _END.match(line):
                relative = path.relative_to(root.parent).as_posix()
                code = _DOCSTRING.sub(r'\1"""', textwrap.dedent("\n".join(lines)).strip("\n"))
                found.setdefault(name, Listing(name=name, path=relative, code=code))
                name = ""
            elif name:
                lines.append(_TO_LINTERS.sub("", line))
    return found
