"""The finished runs of every arm at the study's main setting, keyed by seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.interval import t_interval
from study.errors import UsageError
from study.matrix import arms
from study.spec import Arm, Init, LrPolicy, ModelName, Scope

Row = Mapping[str, Any]
Runs = dict[Arm, dict[int, Row]]
_ARMS = frozenset(arms())


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


def arm_of(row: Row) -> Arm | None:
    """The arm of a table row; None where the row names no arm of the matrix."""
    try:
        arm = Arm(
            model=ModelName(row["model"]),
            init=Init(row["init"]),
            scope=Scope(row["scope"]),
            lr_policy=LrPolicy(row["lr_policy"]),
        )
    except (ValueError, UsageError):
        return None
    return arm if arm in _ARMS else None


def finished(results: pd.DataFrame) -> list[tuple[Arm, Row]]:
    """Finished final runs with a test accuracy, as (arm, row)."""
    rows: list[dict[str, Any]] = results.to_dict("records")  # type: ignore[assignment]
    pairs = ((arm_of(row), row) for row in rows if row["state"] == "finished")
    return [
        (arm, row)
        for arm, row in pairs
        if arm is not None and not math.isnan(number(row["test_accuracy"]))
    ]


def main_runs(results: pd.DataFrame) -> Runs:
    """Runs to be compared: arm → seed → row.

    Runs with fewer training images (label efficiency) or at another resolution are not mixed
    in: per model the setting with most finished arms counts, then most runs, then most images.
    Should one arm and seed have two runs there, the longer one counts.
    """
    settings: dict[ModelName, dict[tuple[float, float], list[tuple[Arm, Row]]]] = {}
    for arm, row in finished(results):
        key = (_order(row["train_images"]), _order(row["resolution"]))
        settings.setdefault(arm.model, {}).setdefault(key, []).append((arm, row))
    runs: Runs = {}
    for groups in settings.values():
        _, chosen = max(
            groups.items(), key=lambda item: (len({a for a, _ in item[1]}), len(item[1]), item[0])
        )
        for arm, row in chosen:
            seeds, seed = runs.setdefault(arm, {}), int(row["seed"])
            if seed not in seeds or _order(row["samples_seen"]) >= _order(
                seeds[seed]["samples_seen"]
            ):
                seeds[seed] = row
    return runs


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


def _order(value: Any) -> float:
    found = number(value)
    return -math.inf if math.isnan(found) else found
