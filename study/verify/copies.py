"""Finds studies that are copies of others: by the times of their runs, never by their accuracies.

Two honest studies with one seed have the same accuracies to the last digit, but no two trainings take the
same time to the microsecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from study.store.ledger import Ledger

#: Share of the smaller study's runs from which on equal ones make a copy.
_SHARE = 0.5

#: (run_id, rung, seconds in training steps) of the runs of a study.
Times = frozenset[tuple[str, int, float]]


def times_of(ledger: Ledger) -> Times:
    """Returns the times of all runs that trained."""
    return frozenset(
        (record.spec.run_id, record.spec.rung, record.step_seconds)
        for record in ledger.records()
        if record.step_seconds > 0
    )


def copies(studies: Mapping[Path, Times]) -> dict[Path, Path]:
    """Returns for each study that shares its runs with another one that other study."""
    found: dict[Path, Path] = {}
    folders = list(studies)
    for place, first in enumerate(folders):
        for second in folders[place + 1 :]:
            shared = len(studies[first] & studies[second])
            if shared and shared >= _SHARE * min(len(studies[first]), len(studies[second])):
                found.setdefault(first, second)
                found.setdefault(second, first)
    return found
