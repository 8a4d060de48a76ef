"""Runs whole studies on a budget: checks the share of it that they use, and what they leave."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos.real import Study
from study.budget import parse_budget

#: Least share of its budget that a study uses while there is work; a whole round of seeds must fit into the
#: rest.
LEAST_SHARE = 0.85


@dataclass
class _Lane:
    """Studies that run one after another.

    Attributes:
        before: words put before each command, for example to bind it to a core.
        workers: number of workers of each study; 0 leaves it to the study.
        faults: what was wrong.
        shares: share of its budget that each study took.
        runs: number of committed runs.
    """

    before: tuple[str, ...]
    workers: int
    faults: list[str] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    runs: int = 0

    def carry_out(self, folder: Path, budget: str, numbers: range) -> None:
        seconds = parse_budget(budget)
        for number in numbers:
            began = time.monotonic()
            place = folder / f"{budget}-{number}"
            study = Study(place, budget, *self.before, flags=(), workers=self.workers)
            code = study.end(2 * seconds + 60)
            self.shares.append((time.monotonic() - began) / seconds)
            self.faults += study.faults(code) + [f"failed: {name}" for name in study.failed()]
            self.runs += len(study.runs())


def budgets(folder: Path, budget: str, times: int, lanes: int = 1, workers: int = 0) -> dict[str, Any]:
    """Runs whole studies of both networks, whatever else the machine has to do.

    Args:
        folder: folder of the studies.
        budget: budget of each study.
        times: number of studies.
        lanes: number of studies side by side, each on a core of its own; a single one uses all cores of the
            benchmark.
        workers: number of workers of each study; 0 leaves it to the study.
    """
    own, all_cores = len(os.sched_getaffinity(0)), os.cpu_count()
    told = f", held to {own} of {all_cores} cores" if own != all_cores else ""
    told = f", {lanes} at once, each on one core" if lanes > 1 else told
    working = [_Lane(("taskset", "-c", str(n)) if lanes > 1 else (), workers) for n in range(lanes)]
    with ThreadPoolExecutor(lanes) as pool:
        for n, lane in enumerate(working):
            pool.submit(lane.carry_out, folder, budget, range(n, times, lanes))
    shares = [share for lane in working for share in lane.shares]
    faults = [fault for lane in working for fault in lane.faults]
    faults += [f"{times - len(shares)} studies broke the benchmark"] * (len(shares) < times)
    faults += [f"{share:.1%} of the budget" for share in shares if not LEAST_SHARE <= share <= 1]
    return {
        "name": f"whole studies with `--budget {budget}`{told}",
        "tried": times,
        "faults": faults,
        "shares": [round(share, 3) for share in shares],
        "runs": sum(lane.runs for lane in working),
    }
