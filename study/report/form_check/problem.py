"""A problem that the check of the form finds in a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One fault in the form; its string is `rule N, page P: message` without the parts that are None."""

    rule: int | None
    """Number of the rule that is broken; None where no rule is about the fault (a damaged picture)."""
    page: int | None
    """Page of the PDF, counted from 1; None where the fault belongs to no page."""
    message: str
    """Tells what is wrong."""

    def __str__(self) -> str:
        if self.rule is None:
            return self.message
        page = "" if self.page is None else f", page {self.page}"
        return f"rule {self.rule}{page}: {self.message}"
