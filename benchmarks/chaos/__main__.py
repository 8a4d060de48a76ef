"""Makes every slow row of the fault table: `python -m benchmarks.chaos`.

Writes benchmarks/out/chaos.json and the block `chaos` of docs/reliability.md. Rows that were not asked for,
also those of another number of workers, keep their figures.
It needs Linux, and root or user namespaces for the disk that fills and the missing network.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.chaos import kills, real
from benchmarks.chaos.budgets import budgets
from benchmarks.chaos.children import in_memory
from benchmarks.chaos.exact import exact_resume
from benchmarks.chaos.full_disk import full_disk, full_report
from benchmarks.chaos.nodes import node_kills
from benchmarks.chaos.page import publish
from benchmarks.chaos.starts import two_coordinators

ROOT = Path(__file__).parents[2]
OUT = ROOT / "benchmarks" / "out" / "chaos.json"
#: Rows without workers, or with one worker and one core for each study.
ALONE = frozenset(
    {
        "exact",
        "report-disk",
        "starts",
        "nodes",
        "budget-60s-lanes",
        "budget-300s-lanes",
    }
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300, help="random kills of a toy study")
    parser.add_argument("--boundary", type=int, default=20, help="kills at each boundary of a commit")
    parser.add_argument("--exact", type=int, default=10, help="kills of a training of each network")
    parser.add_argument("--full", type=int, default=20, help="moments at which the disk fills")
    parser.add_argument("--full-reports", type=int, default=5, help="reports on a disk that fills")
    parser.add_argument("--starts", type=int, default=50, help="pairs of coordinators")
    parser.add_argument("--nodes", type=int, default=20, help="nodes of a Ray cluster that are killed")
    parser.add_argument("--signals", type=int, default=4, help="whole studies ended by SIGTERM")
    parser.add_argument("--whole", type=int, default=5, help="kills of a whole study")
    parser.add_argument("--whole-full", type=int, default=2, help="whole studies on a disk that fills")
    parser.add_argument("--budget", default="75s", help="of each whole study")
    parser.add_argument("--budgets", type=int, default=10, help="whole studies of 60 s and of 300 s each")
    parser.add_argument("--lanes", type=int, default=2, help="of them side by side, each on one core")
    parser.add_argument("--long", default="2h", help="budget of one more whole study")
    parser.add_argument("--workers", type=int, default=2, choices=(1, 2, 4), help="of every study")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--place", type=Path, help="make the studies here, and leave them")
    parser.add_argument("--only", help="comma-separated rows")
    flags = parser.parse_args()
    seed, budget, workers = flags.seed, flags.budget, flags.workers
    rows: dict[str, Callable[[Path], dict[str, Any]]] = {
        "kills": lambda folder: kills.random_kills(folder, flags.kills, seed, workers),
        "boundaries": lambda folder: kills.boundary_kills(folder, flags.boundary, seed, workers),
        "exact": lambda folder: exact_resume(folder, flags.exact, seed),
        "disk": lambda folder: full_disk(folder, flags.full, seed, workers),
        "report-disk": lambda folder: full_report(folder, flags.full_reports, seed),
        "starts": lambda folder: two_coordinators(folder, flags.starts),
        "nodes": lambda folder: node_kills(folder, flags.nodes, seed),
        "network": lambda folder: real.no_network(folder, budget, workers),
        "signals": lambda folder: real.signals(folder, flags.signals, budget, seed, workers),
        "whole": lambda folder: real.whole_kills(folder, flags.whole, budget, seed, workers),
        "whole-full": lambda folder: real.whole_full_disk(folder, flags.whole_full, budget, seed, workers),
        "budget-60s": lambda folder: budgets(folder, "60s", flags.budgets, 1, workers),
        "budget-60s-lanes": lambda folder: budgets(folder, "60s", flags.budgets, flags.lanes, 1),
        "budget-300s": lambda folder: budgets(folder, "300s", flags.budgets, 1, workers),
        "budget-300s-lanes": lambda folder: budgets(folder, "300s", flags.budgets, flags.lanes, 1),
        "budget-long": lambda folder: budgets(folder, flags.long, 1, 1, workers),
    }
    wanted = flags.only.split(",") if flags.only else list(rows)
    if unknown := set(wanted) - set(rows):
        parser.error(f"unknown rows {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
    for name in wanted:
        began = time.monotonic()
        with contextlib.nullcontext(flags.place) if flags.place else in_memory() as folder:
            row = rows[name](folder)
        result: dict[str, Any] = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
        told = "" if name in ALONE else f", {workers} worker{'s' * (workers > 1)}"
        key = name if name in ALONE else f"{name}@{workers}"
        row["name"] += told
        result[key] = row | {"seconds": round(time.monotonic() - began, 1)}
        print(
            f"{row['name']}: {row['tried']} tried, {len(row['faults'])} faults, "
            f"{result[key]['seconds']:.0f} s",
            flush=True,
        )
        for fault in row["faults"][:20]:
            print(f"  {fault}", flush=True)
        OUT.parent.mkdir(exist_ok=True)
        place = list(rows)
        kept = sorted(
            (key for key in result if key in ALONE or "@" in key),
            key=lambda key: (place.index(key.split("@")[0]), key),
        )
        OUT.write_text(json.dumps({key: result[key] for key in kept}, indent=1) + "\n", encoding="utf-8")
        publish(json.loads(OUT.read_text(encoding="utf-8")), ROOT / "docs")


if __name__ == "__main__":
    main()
