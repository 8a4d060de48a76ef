"""What the short form of the report leaves out."""

from __future__ import annotations

from enum import Enum


class Length(str, Enum):
    """The length of the report.

    The short one has what is needed to defend the laboratory work; the full one has every experiment. The
    page for the screen is always full.
    """

    SHORT = "short"
    FULL = "full"


#: The figures of the short form.
SHORT_FIGURES = frozenset({"examples", "scheme", "champion", "confusion", "object", "contrasts", "gain"})
#: The tables that the short form leaves out.
FULL_TABLES = frozenset(
    {"environment", "stages", "tried", "plan", "quality", "first-conv", "q7-views", "runs", "trials"}
)
