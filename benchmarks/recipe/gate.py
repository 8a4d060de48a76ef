"""Computes what trunk and cooldown lose against one cosine, each at its own best rate."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from scipy import stats

from benchmarks.recipe.settings import COSINE, TRUNK, Row


def losses(rows: Sequence[Row]) -> list[float]:
    """Returns cosine minus trunk accuracy in pp for each rung and seed that both schedules have.

    The rate of a schedule at a rung is the one with the best mean over the seeds.
    """
    found = []
    for rung in sorted({row.samples for row in rows}):
        sides = [_best(rows, rung, schedule) for schedule in (COSINE, TRUNK)]
        found += [100 * (sides[0][seed] - sides[1][seed]) for seed in sides[0] if seed in sides[1]]
    return found


def sentence(rows: Sequence[Row]) -> str:
    """Returns a sentence with the mean loss and its one-sided upper 95 % bound; "" without a pair."""
    values = losses(rows)
    if not values:
        return ""
    mean = statistics.mean(values)
    told = f"Loss of the trunk against the cosine: {mean:+.1f} pp in the mean of {len(values)} pairs"
    if len(values) == 1:
        return f"{told}."
    error = statistics.stdev(values) / len(values) ** 0.5
    bound = mean + float(stats.t.ppf(0.95, len(values) - 1)) * error
    return f"{told} (rungs × seeds), upper 95 % bound {bound:+.1f} pp."


def _best(rows: Sequence[Row], rung: int, schedule: str) -> dict[int, float]:
    """Returns the accuracy by seed at the rate that is best at this rung."""
    by_rate: dict[float, dict[int, float]] = {}
    for row in rows:
        if row.samples == rung and row.setting.schedule == schedule:
            by_rate.setdefault(row.setting.lr, {})[row.setting.seed] = row.accuracy
    return max(by_rate.values(), key=lambda found: statistics.mean(found.values()), default={})
