"""What a screen reader gets from a finished PDF, and what PDF/UA-1 asks of it (docs/accessibility.md)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from study.report.form_check.pdf import Pdf
from study.report.form_check.tags import Tag

#: Flag of an annotation that is printed as it is shown.
_PRINT = 4
_HEADING = tuple(f"H{level}" for level in range(1, 7))


@dataclass(frozen=True, kw_only=True)
class Access:
    """tagged: the file says so and has a structure tree; stray letters are in no tag and no artefact.

    skipped_levels: headings more than one level below the one before; cells_without_heads: cells that
    name no head of their table; heads_without_scope: heads that do not say what they stand over.
    """

    tagged: bool
    language: str
    title_shown: bool
    pdf_ua: bool
    figures: int
    figures_without_text: int
    headings: int
    skipped_levels: int
    tables: int
    cells_without_heads: int
    heads_without_scope: int
    stray_letters: int

    def problems(self) -> Iterator[str]:
        """Sentences about what is missing."""
        missing = {
            "the file is not tagged": not self.tagged,
            "the language is not given": not self.language,
            "a reader does not show the title": not self.title_shown,
            "the metadata do not claim PDF/UA-1": not self.pdf_ua,
            f"{self.figures_without_text} figures have no text": self.figures_without_text,
            f"{self.skipped_levels} headings skip a level": self.skipped_levels,
            f"{self.cells_without_heads} cells name no head": self.cells_without_heads,
            f"{self.heads_without_scope} heads have no scope": self.heads_without_scope,
            f"{self.stray_letters} letters are in no tag": self.stray_letters,
        }
        return (text for text, true in missing.items() if true)


def read_access(pdf: Pdf) -> Access:
    tags = pdf.tags
    figures = [] if tags is None else list(tags.find("Figure"))
    tables = [] if tags is None else list(tags.find("Table"))
    levels = [] if tags is None else [int(tag.kind[1]) for tag in tags.find(*_HEADING)]
    return Access(
        tagged=tags is not None and bool(pdf.catalogue["marked"]),
        language=str(pdf.catalogue["language"]),
        title_shown=bool(pdf.catalogue["title_shown"]),
        pdf_ua=re.search(r"pdfuaid:part(?:>|=\")1", str(pdf.catalogue["metadata"])) is not None,
        figures=len(figures),
        figures_without_text=sum(not figure.alt.strip() for figure in figures),
        headings=len(levels),
        skipped_levels=sum(b > a + 1 for a, b in zip([0, *levels], levels, strict=False)),
        tables=len(tables),
        cells_without_heads=sum(_headless(table) for table in tables),
        heads_without_scope=sum(not head.scope for table in tables for head in table.find("TH")),
        stray_letters=_stray(pdf, tags),
    )


def complete_tags(objects: Sequence[Any]) -> None:
    """Add what PDF/UA-1 asks for and WeasyPrint 70 leaves out: scopes of heads, links that print.

    Args:
        objects: those of a PDF that is not written yet, as pydyf has them.
    """
    found = [item for item in objects if isinstance(item, dict)]
    known = {item.reference: item for item in objects if hasattr(item, "reference")}
    for item in found:
        if item.get("S") == "/TH":
            part = known[known[item["P"]]["P"]]
            item["A"]["Scope"] = "/Column" if part["S"] == "/THead" else "/Row"
        elif item.get("Subtype") == "/Link":
            item["F"] = _PRINT


def _headless(table: Tag) -> int:
    names = {head.name for head in table.find("TH")}
    return sum(not names.intersection(cell.heads) for cell in table.find("TD"))


def _stray(pdf: Pdf, tags: Tag | None) -> int:
    """Letters outside the structure tree; page numbers are artefacts of the page."""
    known = set() if tags is None else set(tags.pieces())
    return sum(
        (page.number, char.piece) not in known and not char.artefact
        for page in pdf.pages
        for char in page.chars
        if char.text.strip() and char.y <= 785.2
    )
