"""The finished runs of every arm at the rung where they are compared, keyed by seed."""

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

Row = Mapping[str, Any]
Runs = dict[Arm, dict[int, Row]]
#: The column `role` of the one network that is trained longest.
CHAMPION = "champion"
#: Seeds that a longer rung must have for it to be preferred to a shorter one with more of them.
ENOUGH_SEEDS = 3
_ARMS = frozenset(arms(NETWORKS))


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Mean, sample standard deviation and Student's 95 % interval of a few values."""

    n: int
    mean: float
    sd: float
    low: float
    high: float


def summary(values: Iterable[float]) -> Summary:
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
    """Returns the mean test accuracy over seeds with its 95 % interval for all seeds and all test images.

    The part of the images is binomial, which is a little too wide: the spread over seeds holds some of it.
    Rows that do not say on how many images they were evaluated get Student's interval over the seeds.
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
    """The arm of a table row; None where the row names no arm of the matrix."""
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
    """What predictions.npz calls the judgement that a row tells of: run_id and rung."""
    return f"{row['run_id']}.{int(row['rung'])}"


def finished(table: pd.DataFrame) -> list[tuple[Arm, Row]]:
    """Finished runs of the matrix or of a side experiment with a test accuracy, as (arm, row)."""
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    pairs = (
        (arm_of(row), row) for row in rows if row["state"] == "finished" and row.get("role") != CHAMPION
    )
    return [
        (arm, row) for arm, row in pairs if arm is not None and not math.isnan(number(row["test_accuracy"]))
    ]


def main_runs(rungs: pd.DataFrame) -> Runs:
    """Runs compared within a network, at the network's own rung: arm → seed → row of rungs.csv."""
    runs: Runs = {}
    for model in NETWORKS:
        runs |= _at_one_rung(finished(rungs[rungs["model"] == model]))
    return runs


def common_runs(rungs: pd.DataFrame) -> Runs:
    """Runs compared between networks: the same at one rung of all of them."""
    return _at_one_rung(finished(rungs))


def _at_one_rung(found: list[tuple[Arm, Row]]) -> Runs:
    """The rows of one rung.

    Of the rungs that most of the arms have: the highest that three seeds of each of these arms have;
    where there is none, the highest with two, then with one. One step lower counts where five
    seeds have it and the higher rung has fewer.
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
    """The finished champion's row of results.csv."""
    rows: list[dict[str, Any]] = results.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        judged = not math.isnan(number(row["test_accuracy"]))
        if row["role"] == CHAMPION and row["state"] == "finished" and judged:
            return row
    return None


def courses(rungs: pd.DataFrame, runs: Runs) -> dict[str, list[Row]]:
    """run_id of the given runs → the rows of all rungs of the same training, the shortest first."""
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
    """Arms that match everything given."""
    return {
        arm: seeds
        for arm, seeds in runs.items()
        if model in (None, arm.model)
        and init in (None, arm.init)
        and scope in (None, arm.scope)
        and lr_policy in (None, arm.lr_policy)
    }


def common_seeds(runs: Runs, wanted: Iterable[Arm]) -> list[int]:
    """Seeds finished in every wanted arm, ascending."""
    sets = [set(runs.get(arm, {})) for arm in wanted]
    return sorted(set.intersection(*sets)) if sets else []


def column(runs: Runs, name: str) -> list[float]:
    """All values of a column over arms and seeds; NaN where nothing is stored."""
    return [number(row[name]) for seeds in runs.values() for row in seeds.values()]


def run_ids(runs: Runs) -> list[str]:
    return [str(row["run_id"]) for seeds in runs.values() for row in seeds.values()]


def number(value: Any) -> float:
    """A table cell as a float; NaN where it is empty."""
    return math.nan if value is None or value != value else float(value)
