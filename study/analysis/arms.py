"""Selects the finished runs of every arm at the rung where arms are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.interval import crossed_interval, t_interval
from study.analysis.verdicts import MANY_SEEDS
from study.errors import UsageError
from study.matrix import arms
from study.networks import NETWORKS, ModelName, network_name
from study.spec import Arm, Init, LrPolicy, Scope

#: A row of a table by column.
Row = Mapping[str, Any]
#: Rows of the compared runs, by arm and then by seed.
Runs = dict[Arm, dict[int, Row]]
#: Value of the column `role` for the one network that is trained longest.
CHAMPION = "champion"
#: Number of seeds from which on a longer rung is preferred to a shorter one with more seeds.
ENOUGH_SEEDS = 3
_ARMS = frozenset(arms(NETWORKS))


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Mean, spread and interval of a few values.

    Attributes:
        n: number of values that are not NaN.
        mean: NaN without values.
        sd: sample standard deviation; NaN for fewer than two values.
        low: lower end of Student's 95 % interval of the mean; NaN for fewer than two values.
        high: its upper end.
    """

    n: int
    mean: float
    sd: float
    low: float
    high: float


def summary(values: Iterable[float]) -> Summary:
    """Computes the summary of the values that are not NaN."""
    array = np.array([value for value in values if not math.isnan(value)], dtype=np.float64)
    low, high = t_interval(array)
    return Summary(
        n=array.size,
        mean=float(array.mean()) if array.size else math.nan,
        sd=float(array.std(ddof=1)) if array.size > 1 else math.nan,
        low=low,
        high=high,
    )


def accuracy_summary(rows: Iterable[Row]) -> Summary:
    """Returns the mean test accuracy with its 95 % interval over all seeds and all test images.

    The standard error over images is binomial. It is slightly too large, because the spread over seeds
    contains some of it. If a row has no number of test images, or there is one seed, the interval is
    Student's over the seeds.
    """
    known = [row for row in rows if not math.isnan(number(row["test_accuracy"]))]
    found = summary(number(row["test_accuracy"]) for row in known)
    images = min((number(row.get("test_images")) for row in known), default=math.nan)
    if found.n < 2 or not images > 0:
        return found
    values = np.array([number(row["test_accuracy"]) for row in known])
    low, high = crossed_interval(values, math.sqrt(found.mean * (1 - found.mean) / images))
    return replace(found, low=max(0.0, low), high=min(1.0, high))


def arm_of(row: Row) -> Arm | None:
    """Returns the arm of a table row, or None if the row names no arm of the matrix."""
    try:
        arm = Arm(
            model=network_name(row["model"]),
            init=Init(row["init"]),
            scope=Scope(row["scope"]),
            lr_policy=LrPolicy(row["lr_policy"]),
        )
    except (ValueError, UsageError):
        return None
    return arm if arm in _ARMS else None


def key(row: Row) -> str:
    """Returns the name of a row's evaluation in predictions.npz: run_id and rung."""
    return f"{row['run_id']}.{int(row['rung'])}"


def records(table: pd.DataFrame) -> list[Row]:
    """Returns the rows of a table."""
    names = [str(name) for name in table.columns]
    columns = (table.iloc[:, place].tolist() for place in range(len(names)))
    return [dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True)]


def finished(table: pd.DataFrame) -> list[tuple[Arm, Row]]:
    """Returns (arm, row) of the finished runs with a test accuracy, except the champion.

    Args:
        table: columns of rungs.csv, results.csv or experiments.csv.
    """
    pairs = (
        (arm_of(row), row)
        for row in records(table)
        if row["state"] == "finished" and row.get("role") != CHAMPION
    )
    return [
        (arm, row) for arm, row in pairs if arm is not None and not math.isnan(number(row["test_accuracy"]))
    ]


def main_runs(rungs: pd.DataFrame) -> Runs:
    """Returns the runs that are compared within a network, at the network's own rung.

    Args:
        rungs: columns of rungs.csv.
    """
    runs: Runs = {}
    for model in NETWORKS:
        runs |= _at_one_rung(finished(rungs[rungs["model"] == model]))
    return runs


def common_runs(rungs: pd.DataFrame) -> Runs:
    """Returns the runs that are compared between networks, at one rung of all networks.

    Args:
        rungs: columns of rungs.csv.
    """
    return _at_one_rung(finished(rungs))


def _at_one_rung(found: list[tuple[Arm, Row]]) -> Runs:
    """Returns the rows of the rung where arms are compared.

    The candidates are the rungs at which the greatest number of arms is present. The highest candidate with
    three seeds of each of its arms is chosen; without one, the highest with two seeds, then with one. The
    next lower candidate is preferred if it has five seeds and the chosen one has fewer.
    """
    at: dict[int, Runs] = {}
    for arm, row in found:
        if not math.isnan(number(row["rung"])):
            seeds = at.setdefault(int(row["rung"]), {}).setdefault(arm, {})
            seeds[int(row["seed"])] = row
    if not at:
        return {}
    most = max(len(runs) for runs in at.values())
    seeds_of = {
        rung: min(len(seeds) for seeds in runs.values()) for rung, runs in at.items() if len(runs) == most
    }
    chosen = max(seeds_of, key=lambda rung: (min(seeds_of[rung], ENOUGH_SEEDS), rung))
    lower = max((rung for rung in seeds_of if rung < chosen), default=chosen)
    if seeds_of[chosen] < MANY_SEEDS <= seeds_of[lower]:
        chosen = lower
    return at[chosen]


def champion(results: pd.DataFrame) -> Row | None:
    """Returns the champion's row of results.csv, or None if it has not finished."""
    for row in records(results):
        judged = not math.isnan(number(row["test_accuracy"]))
        if row["role"] == CHAMPION and row["state"] == "finished" and judged:
            return row
    return None


def courses(rungs: pd.DataFrame, runs: Runs) -> dict[str, list[Row]]:
    """Returns the rows of all rungs of the given trainings by run_id, the shortest rung first."""
    wanted = set(run_ids(runs))
    found: dict[str, list[Row]] = {}
    for _, row in sorted(finished(rungs), key=lambda pair: number(pair[1]["rung"])):
        if str(row["run_id"]) in wanted:
            found.setdefault(str(row["run_id"]), []).append(row)
    return found


def select(
    runs: Runs,
    *,
    model: ModelName | None = None,
    init: Init | None = None,
    scope: Scope | None = None,
    lr_policy: LrPolicy | None = None,
) -> Runs:
    """Returns the arms that match every argument that is not None."""
    return {
        arm: seeds
        for arm, seeds in runs.items()
        if model in (None, arm.model)
        and init in (None, arm.init)
        and scope in (None, arm.scope)
        and lr_policy in (None, arm.lr_policy)
    }


def common_seeds(runs: Runs, wanted: Iterable[Arm]) -> list[int]:
    """Returns the seeds that every wanted arm has, ascending."""
    sets = [set(runs.get(arm, {})) for arm in wanted]
    return sorted(set.intersection(*sets)) if sets else []


def column(runs: Runs, name: str) -> list[float]:
    """Returns the values of a column over arms and seeds; an empty cell is NaN."""
    return [number(row[name]) for seeds in runs.values() for row in seeds.values()]


def run_ids(runs: Runs) -> list[str]:
    return [str(row["run_id"]) for seeds in runs.values() for row in seeds.values()]


def number(value: Any) -> float:
    """Converts a table cell to a float; an empty cell is NaN."""
    return math.nan if value is None or value != value else float(value)
