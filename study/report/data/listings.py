"""Cuts the listings of the appendix out of the sources, so that they cannot be out of date.

A listing keeps the first line of each docstring, because the report explains the rest, and loses
comments for linters.
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
    """A piece of source code.

    Attributes:
        name: the word in its marker, with `_` for `-`.
        path: path of the file relative to the repository.
        code: the code without common indentation.
    """

    name: str
    path: str
    code: str


def read_listings(root: Path = SOURCE_ROOT) -> dict[str, Listing]:
    """Returns all marked pieces under `root` by name; a marker without an end is ignored."""
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
                code = code.replace("\n\n\n", "\n\n")  # paper is dearer than PEP 8's second blank line
                found.setdefault(name, Listing(name=name, path=relative, code=code))
                name = ""
            elif name:
                lines.append(_TO_LINTERS.sub("", line))
    return found
