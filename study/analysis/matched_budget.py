"""Compares two sides at equal samples, at equal seconds and at equal tuning trials."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from study.analysis.arms import Row, Runs, arm_of, common_seeds, number, records, summary
from study.analysis.evidence import Measured, Numbers
from study.analysis.lengths import SECONDS, Path, accuracy_at
from study.analysis.verdicts import Reason, Verdict, measurement_verdict
from study.matrix import arms
from study.networks import ModelName
from study.spec import Arm, Init, LrPolicy, Scope

VIEWS = (
    "test_pp",
    "samples_pp",
    "samples_low_pp",
    "samples_high_pp",
    "samples",
    "seconds_pp",
    "seconds_low_pp",
    "seconds_high_pp",
    "seconds",
    "trials_pp",
    "trials",
    "n_pairs",
    "first_samples",
    "first_seconds",
    "first_trials",
    "views",
    "flips",
)
#: Arms of the first side and of the second side, which are compared with each other.
Cell = tuple[list[Arm], list[Arm]]
#: Runs of one side of a cell for one seed: the row at the rung of comparison, and all rungs.
Side = list[tuple[Row, Path]]
_POLICIES = (LrPolicy.UNIFORM, LrPolicy.DISCRIMINATIVE)


def init_cells(model: ModelName) -> list[Cell]:
    """Returns pretrained against scratch, whole network, uniform rates."""
    pretrained, scratch = (_full(model, init, LrPolicy.UNIFORM) for init in (Init.PRETRAINED, Init.SCRATCH))
    return [([pretrained], [scratch])]


def scope_cells(model: ModelName) -> list[Cell]:
    """Returns full with uniform rates against frozen, both pretrained."""
    frozen = Arm(model=model, init=Init.PRETRAINED, scope=Scope.FROZEN, lr_policy=LrPolicy.NONE)
    return [([_full(model, Init.PRETRAINED, LrPolicy.UNIFORM)], [frozen])]


def policy_cells(model: ModelName) -> list[Cell]:
    """Returns discriminative against uniform rates, both pretrained."""
    uniform, discriminative = (_full(model, Init.PRETRAINED, policy) for policy in _POLICIES)
    return [([discriminative], [uniform])]


def model_cells(other: ModelName, first: ModelName) -> list[Cell]:
    """Returns the arms of one network against those of another, without those of discriminative rates."""
    pairs = zip(arms((other,)), arms((first,)), strict=True)
    return [
        ([first], [second]) for first, second in pairs if first.lr_policy is not LrPolicy.DISCRIMINATIVE
    ]


def _full(model: ModelName, init: Init, policy: LrPolicy) -> Arm:
    return Arm(model=model, init=init, scope=Scope.FULL, lr_policy=policy)


def three_views(
    runs: Runs,
    found: Mapping[str, Path],
    trials: pd.DataFrame,
    cells: Sequence[Cell],
    *,
    test_pp: float,
) -> Measured:
    """Compares first and second sides, in percentage points, at equal samples, seconds and trials.

    Equal samples are those of the rung at which the runs were chosen. For equal seconds, each cell is
    compared at a time of its own, and the cells are averaged: the time is the end of the training that ends
    first, but not before all trainings have reached their first rung. (A frozen arm may end before a full
    one is first evaluated; its last accuracy is used then.) Between rungs a training is interpolated
    (`study.analysis.lengths`), never read inside a schedule. Both views are differences in test accuracy
    with Student's interval over seeds. The view of trials compares the best validation accuracy within the
    common number of trials; it has no repetitions and so no interval.

    In the numbers, `first_samples`, `first_seconds` and `first_trials` say which side leads (True: the
    first; None: a tie or not measured), and `flips` is True if two views disagree. The verdict is on "one
    side leads both at equal samples and at equal seconds": supported if both intervals exclude zero on the
    same side, refuted if they do on opposite sides.

    Args:
        runs: the compared runs.
        found: rungs of each training by run_id, from `study.analysis.lengths.paths`.
        trials: columns of trials.csv.
        cells: pairs of arms whose differences are averaged.
        test_pp: effect of the contrast, which is passed on in the numbers.
    """
    every = [arm for cell in cells for side in cell for arm in side]
    seeds = [
        seed
        for seed in common_seeds(runs, every)
        if all(str(runs[arm][seed]["run_id"]) in found for arm in every)
    ]
    numbers: Numbers = dict.fromkeys(VIEWS, None)
    numbers |= {"test_pp": test_pp, "n_pairs": len(seeds)}
    outcomes: list[tuple[Verdict, Reason]] = []
    for name, read in (("samples", _at_equal_samples), ("seconds", _at_equal_seconds)):
        differences, ends = [], []
        for seed in seeds:
            compared = [
                read(
                    *(
                        [(runs[arm][seed], found[str(runs[arm][seed]["run_id"])]) for arm in side]
                        for side in cell
                    )
                )
                for cell in cells
            ]
            differences.append(100 * float(np.mean([value for value, _ in compared])))
            ends.append(float(np.mean([end for _, end in compared])))
        total = summary(differences)
        outcomes.append(measurement_verdict(low=total.low, high=total.high, pairs=total.n))
        numbers[name] = float(np.mean(ends)) if ends else None
        numbers[f"{name}_pp"] = total.mean
        numbers[f"{name}_low_pp"], numbers[f"{name}_high_pp"] = total.low, total.high
        numbers[f"first_{name}"] = _leads(total.mean)
    numbers["trials"], numbers["trials_pp"] = _equal_trials(trials, cells)
    numbers["first_trials"] = _leads(numbers["trials_pp"])
    leads = [numbers[f"first_{view}"] for view in ("samples", "seconds", "trials")]
    known = [lead for lead in leads if lead is not None]
    numbers["views"] = sum(
        numbers[key] is not None and not math.isnan(numbers[key])
        for key in ("samples_pp", "seconds_pp", "trials_pp")
    )
    numbers["flips"] = (len(set(known)) > 1) if len(known) > 1 else None
    verdict, reason = _together(outcomes)
    if not numbers["views"]:
        verdict, reason = Verdict.NOT_MEASURED, Reason.MISSING_ARMS
    rows = tuple(str(runs[arm][seed]["run_id"]) for seed in seeds for arm in every)
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows)


def _at_equal_samples(first: Side, second: Side) -> tuple[float, float]:
    """Returns the difference of test accuracy, first − second, and the rung it is from."""
    rows = [row for row, _ in (*first, *second)]
    means = [np.mean([number(row["test_accuracy"]) for row, _ in side]) for side in (first, second)]
    return float(means[0] - means[1]), number(rows[0]["rung"])


def _at_equal_seconds(first: Side, second: Side) -> tuple[float, float]:
    """Returns the difference of test accuracy, first − second, and the seconds it is from."""
    every = [path for _, path in (*first, *second)]
    shortest = min(float(path[-1, SECONDS]) for path in every)
    end = max(shortest, *(float(path[0, SECONDS]) for path in every))
    means = [np.mean([accuracy_at(path, end) for _, path in side]) for side in (first, second)]
    return float(means[0] - means[1]), end


def _together(outcomes: list[tuple[Verdict, Reason]]) -> tuple[Verdict, Reason]:
    """Combines the verdicts of the views at equal samples and at equal seconds."""
    reasons = {reason for _, reason in outcomes}
    if reasons in ({Reason.ABOVE_ZERO}, {Reason.BELOW_ZERO}):
        return Verdict.SUPPORTED, reasons.pop()
    if reasons == {Reason.ABOVE_ZERO, Reason.BELOW_ZERO}:
        return Verdict.REFUTED, Reason.BELOW_ZERO
    for reason in (Reason.MISSING_ARMS, Reason.FEW_PAIRS):
        if reason in reasons:
            return Verdict.INCONCLUSIVE, reason
    return Verdict.INCONCLUSIVE, Reason.COVERS_ZERO


def _leads(difference: float | None) -> bool | None:
    """Whether the first side leads; None for a tie or a missing difference."""
    if difference is None or math.isnan(difference) or difference == 0:
        return None
    return difference > 0


def best_so_far(trials: pd.DataFrame) -> dict[Arm, list[float]]:
    """Returns for each arm the best validation accuracy after each trial.

    A failed trial counts as a trial without an accuracy; before the first finished one the value is NaN.

    Args:
        trials: columns of trials.csv.
    """
    paths: dict[Arm, list[float]] = {}
    for row in records(trials.sort_values("trial", kind="stable")):
        arm = arm_of(row)
        if arm is None or row["state"] not in ("finished", "failed"):
            continue
        value = number(row["val_accuracy"]) if row["state"] == "finished" else math.nan
        path = paths.setdefault(arm, [])
        path.append(float(np.fmax(value, path[-1])) if path else value)
    return paths


def _equal_trials(trials: pd.DataFrame, cells: Sequence[Cell]) -> tuple[int | None, float | None]:
    """Returns the common number of trials, and the difference in percentage points after it.

    Both are None if an arm has no trials.
    """
    paths = best_so_far(trials)
    every = [arm for cell in cells for side in cell for arm in side]
    if not all(arm in paths for arm in every):
        return None, None
    shared = min(len(paths[arm]) for arm in every)
    differences = [
        np.mean([paths[arm][shared - 1] for arm in first])
        - np.mean([paths[arm][shared - 1] for arm in second])
        for first, second in cells
    ]
    return shared, 100 * float(np.mean(differences))
