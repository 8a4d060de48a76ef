"""Defines a finding: what the report may say, with verdict, numbers and the runs behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from study.analysis.verdicts import Reason, Verdict


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
        figures: ids of the report's figures.
    """

    id: str
    question: int
    claim: str
    verdict: Verdict
    reason: Reason
    model: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.question <= 7:
            raise ValueError(f"finding {self.id}: question must lie in 0…7, got {self.question}")

    def to_dict(self) -> dict[str, Any]:
        """Returns the finding as in findings.json, where NaN and infinite numbers are null."""
        return {
            "id": self.id,
            "question": self.question,
            "claim": self.claim,
            "verdict": self.verdict.value,
            "model": self.model,
            "numbers": plain(dict(self.numbers)),
            "reason": self.reason.value,
            "rows": list(self.rows),
            "figures": list(self.figures),
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
