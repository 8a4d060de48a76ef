"""Defines a finding: what the report may say, with verdict, numbers and the runs behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from study.analysis.evidence import Numbers
from study.analysis.verdicts import Reason, Verdict


class FindingDict(TypedDict):
    """A finding in the values of JSON: as it is written to findings.json and read by templates."""

    id: str
    question: int
    claim: str
    verdict: str
    model: str
    numbers: Numbers
    reason: str
    rows: list[str]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A contrast or a measurement.

    Attributes:
        id: unique id, for example ``q2.init_full.vgg11``.
        question: number of the assignment's question, 1–7, or 0 for findings about the whole study.
        claim: a fixed phrase that says what the verdict is about.
        verdict: the verdict on the claim.
        reason: why the verdict is what it is.
        model: a network, ``pooled`` or ``all``.
        numbers: floats, integers, booleans, text, None (not measured), or lists and dictionaries of them.
        rows: run_ids of the runs that were used.
    """

    id: str
    question: int
    claim: str
    verdict: Verdict
    reason: Reason
    model: str
    numbers: Numbers
    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.question <= 7:
            raise ValueError(f"finding {self.id}: question must lie in 0…7, got {self.question}")

    def to_dict(self) -> FindingDict:
        """Returns the finding in the values of JSON; a number that is NaN or infinite becomes None."""
        return {
            "id": self.id,
            "question": self.question,
            "claim": self.claim,
            "verdict": self.verdict.value,
            "model": self.model,
            "numbers": plain(self.numbers),
            "reason": self.reason.value,
            "rows": list(self.rows),
        }


def plain(value: Any) -> Any:
    """Converts a value for JSON: numpy scalars become Python's, NaN and infinities become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
