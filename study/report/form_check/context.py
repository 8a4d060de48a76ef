"""Holds what the checks of all rules read."""

from __future__ import annotations

from dataclasses import dataclass

from study.report.form_check.headings import Heading, find_headings
from study.report.form_check.pdf import Pdf
from study.report.locale.messages import Words


@dataclass(frozen=True, kw_only=True)
class FormContext:
    """A finished report, and what is known about it before any rule is checked."""

    pdf: Pdf
    """The report; it has at least one page."""
    words: Words
    """Words of the report's language."""
    headings: list[Heading]
    """All headings in their order."""
    flat: bool
    """Tells that main sections need not begin a page."""

    @classmethod
    def of(cls, pdf: Pdf, words: Words, *, flat: bool = False) -> FormContext:
        """Finds the headings of `pdf`."""
        return cls(pdf=pdf, words=words, headings=find_headings(pdf), flat=flat)

    def pages_of(self, *parts: str) -> list[int]:
        """Returns the numbers of the pages from the heading of each part to the next heading.

        Args:
            parts: keys of `words.heading`, such as `contents`; a part without a heading has no pages.
        """
        numbers: list[int] = []
        for part in parts:
            name = self.words.heading[part]
            start = next((h.page for h in self.headings if h.text.rstrip(".").startswith(name)), None)
            if start is not None:
                end = next((h.page for h in self.headings if h.page > start), len(self.pdf.pages) + 1)
                numbers += range(start, end)
        return numbers
