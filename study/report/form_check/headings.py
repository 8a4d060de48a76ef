"""Finds the headings of a finished PDF."""

from __future__ import annotations

import re
from dataclasses import dataclass

from study.report.form_check.pdf import Line, Pdf, join_lines

#: The number of a section, the dot that may follow it, and the first letter of the heading.
SECTION = re.compile(r"^(\d+(?:\.\d+)*)(\.?)\s+\S")
_SIZE = 12.0


@dataclass(frozen=True, kw_only=True)
class Heading:
    """One heading, of a section or structural."""

    page: int
    """Page of the PDF, counted from 1."""
    text: str
    """The whole heading with its number."""
    lines: tuple[Line, ...]
    """The lines on which the heading stands."""
    first: bool
    """Tells whether the heading begins its page."""

    @property
    def shown(self) -> str:
        """The beginning of the heading in quotes, for messages."""
        return repr(self.text[:40])


def find_headings(pdf: Pdf) -> list[Heading]:
    """Finds the runs of wholly bold lines behind the title page."""
    found: list[Heading] = []
    for page in pdf.pages[1:]:
        group: list[Line] = []
        for line in [*page.lines, None]:
            bold = line is not None and line.bold and line.size >= _SIZE
            joined = (
                line is not None
                and bool(group)
                and line.y - group[-1].y < 30
                and not SECTION.match(line.text)
            )
            if group and not (bold and joined):
                text = join_lines(part.text for part in group)
                first = group[0] is page.lines[0]
                found.append(Heading(page=page.number, text=text, lines=tuple(group), first=first))
                group = []
            if bold and line is not None:
                group.append(line)
    return found
