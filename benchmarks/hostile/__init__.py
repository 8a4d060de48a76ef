"""Tries hostile inputs on everything that reads files or words from outside.

`tests/faults/test_hostile_input.py` tries some cases of each target, ``python -m benchmarks.fuzz`` ten
thousand.
"""

from __future__ import annotations

from benchmarks.hostile import data, flags, ledger, report, results, title_page, weights
from benchmarks.hostile.target import Target

#: Factories of all targets; each gets an empty folder for its files.
TARGETS = (
    data.target,
    flags.target,
    title_page.target,
    ledger.target,
    results.target,
    weights.target,
    report.target,
)

__all__ = ["TARGETS", "Target"]
