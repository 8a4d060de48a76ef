"""Tells how well the planner predicted a study: `python -m benchmarks.planner results/plan.json`."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from study.analysis.outcome import prediction_errors


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    errors: dict[str, list[float]] = defaultdict(list)
    for row in plan["rows"]:
        for group in ("all runs", row["phase"], f"{row['model']} {row['scope']}"):
            errors[group] += prediction_errors([row])
    print("| runs | number | median error | p95 |\n|---|---:|---:|---:|")
    for group, values in errors.items():
        if not values:
            continue
        print(f"| {group} | {len(values)} | {np.median(values):.1%} | {np.quantile(values, 0.95):.1%} |")
    used, budget = plan["used_seconds"], plan["budget_seconds"]
    print(f"\nused {used:.0f} s of {budget:.0f} s ({used / budget:.1%})")


if __name__ == "__main__":
    main()
