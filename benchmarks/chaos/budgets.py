"""Whole studies on a budget: the seconds from the start of the command to its end, and what it left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from benchmarks.chaos.real import Study
from study.budget import parse_budget

#: The share of its budget that a study uses while there is work; a whole round of seeds must fit the rest.
LEAST_SHARE = 0.85


def budgets(folder: Path, budget: str, times: int) -> dict[str, Any]:
    """Studies of both networks one after another, on whatever else the machine has to do."""
    seconds = parse_budget(budget)
    faults: list[str] = []
    shares: list[float] = []
    runs = 0
    for number in range(times):
        began = time.monotonic()
        study = Study(folder / f"{budget}-{number}", budget, flags=())
        code = study.end(2 * seconds + 60)
        shares.append((time.monotonic() - began) / seconds)
        faults += study.faults(code) + [f"failed: {name}" for name in study.failed()]
        runs += len(study.runs())
    faults += [f"{share:.1%} of the budget" for share in shares if not LEAST_SHARE <= share <= 1]
    return {"name": f"whole studies with `--budget {budget}`", "tried": times, "faults": faults,
            "shares": [round(share, 3) for share in shares], "runs": runs}  # fmt: skip
