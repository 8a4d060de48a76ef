"""Measures what contrasts do not: spread over seeds, cost of training, gaps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from study.analysis.arms import (
    Row,
    Runs,
    Summary,
    column,
    common_seeds,
    number,
    run_ids,
    select,
    summary,
)
from study.analysis.verdicts import (
    ALPHA,
    MANY_SEEDS,
    Reason,
    Verdict,
    measurement_verdict,
)
from study.networks import ModelName
from study.spec import Arm, Init, LrPolicy, Scope

#: Numbers of a finding by name, which templates of the report read.
Numbers = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The result of one measurement, to which `findings` adds an id and a claim.

    Attributes:
        verdict: the verdict on the claim.
        reason: why the verdict is what it is.
        numbers: what was measured, by name.
        rows: run_ids of the runs that were used.
    """

    verdict: Verdict
    reason: Reason
    numbers: Numbers
    rows: tuple[str, ...] = ()


def absent(keys: tuple[str, ...], reason: Reason) -> Measured:
    """Returns a result that was not measured, with None for every name in `keys`."""
    return Measured(verdict=Verdict.NOT_MEASURED, reason=reason, numbers=dict.fromkeys(keys, None))


def paired(values: list[float], *, exponent: bool = False) -> tuple[Summary, Verdict, Reason]:
    """Returns mean and interval of paired differences, and the verdict on whether they exceed zero.

    Args:
        values: one difference for each pair.
        exponent: whether the values are logarithms; the summary, except sd, is then returned as ratios.
    """
    found = summary(values)
    verdict, reason = measurement_verdict(low=found.low, high=found.high, pairs=found.n)
    if exponent:
        found = Summary(
            n=found.n,
            mean=math.exp(found.mean),
            sd=found.sd,
            low=math.exp(found.low),
            high=math.exp(found.high),
        )
    return found, verdict, reason


def log_ratio(top: float, bottom: float) -> float:
    """Returns log(top / bottom), or NaN unless both are positive."""
    return math.log(top / bottom) if top > 0 and bottom > 0 else math.nan


SPREAD = ("n_seeds", "sd_pretrained_pp", "sd_scratch_pp", "ratio", "p_value")


def spread(runs: Runs, model: ModelName) -> Measured:
    """Compares the standard deviation of test accuracy over seeds, scratch / pretrained.

    Both arms train the whole network at one rate. A seed gives both the same data, so their accuracies are
    paired, and an F-test, which wants independent samples, does not apply. From `MANY_SEEDS` seeds on the
    test of Pitman and of Morgan (both Biometrika, 1939) compares them: two variances are equal exactly if
    sum and difference of the pairs are uncorrelated.
    """
    arms = [
        Arm(model=model, init=init, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM)
        for init in (Init.PRETRAINED, Init.SCRATCH)
    ]
    seeds = common_seeds(runs, arms)
    if len(seeds) < 2:
        return absent(SPREAD, Reason.FEW_PAIRS)
    pretrained, scratch = (
        np.array([100 * number(runs[arm][seed]["test_accuracy"]) for seed in seeds]) for arm in arms
    )
    first, second = float(pretrained.std(ddof=1)), float(scratch.std(ddof=1))
    total, difference = pretrained + scratch, pretrained - scratch
    p_value = math.nan
    if len(seeds) >= MANY_SEEDS and np.ptp(total) > 0 and np.ptp(difference) > 0:
        p_value = float(stats.pearsonr(total, difference).pvalue)
    verdict, reason = Verdict.INCONCLUSIVE, Reason.COVERS_ZERO
    if len(seeds) < MANY_SEEDS:
        reason = Reason.FEW_PAIRS
    elif p_value <= ALPHA:
        smaller = first < second
        verdict = Verdict.SUPPORTED if smaller else Verdict.REFUTED
        reason = Reason.ABOVE_ZERO if smaller else Reason.BELOW_ZERO
    numbers = {
        "n_seeds": len(seeds),
        "sd_pretrained_pp": first,
        "sd_scratch_pp": second,
        "ratio": second / first if first > 0 else math.nan,
        "p_value": p_value,
    }
    rows = tuple(run_ids({arm: runs[arm] for arm in arms}))
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows)


COST = (
    "n_pairs",
    "trainable_frozen",
    "trainable_full",
    "trainable_share",
    "total_parameters",
    "seconds_frozen",
    "seconds_full",
    "seconds_ratio",
    "seconds_ratio_low",
    "seconds_ratio_high",
    "memory_frozen_mb",
    "memory_full_mb",
    "speed_frozen",
    "speed_full",
)


def cost(runs: Runs, model: ModelName) -> Measured:
    """Compares parameters, seconds and memory of full and frozen training; ratios are full / frozen."""
    frozen, full = (select(runs, model=model, scope=scope) for scope in (Scope.FROZEN, Scope.FULL))
    if not frozen or not full:
        return absent(COST, Reason.MISSING_ARMS)
    ratios = []
    for seed in sorted({seed for seeds in frozen.values() for seed in seeds}):
        logs = [
            log_ratio(number(seeds[seed]["seconds"]), number(base[seed]["seconds"]))
            for arm, seeds in full.items()
            for other, base in frozen.items()
            if arm.init is other.init and seed in seeds and seed in base
        ]
        ratios += [float(np.mean(logs))] if logs else []
    ratio, verdict, reason = paired(ratios, exponent=True)
    numbers: Numbers = {
        "n_pairs": ratio.n,
        "seconds_ratio": ratio.mean,
        "seconds_ratio_low": ratio.low,
        "seconds_ratio_high": ratio.high,
        "total_parameters": summary(column(full, "total_parameters")).mean,
    }
    for name, side in (("frozen", frozen), ("full", full)):
        numbers[f"trainable_{name}"] = summary(column(side, "trainable_parameters")).mean
        numbers[f"seconds_{name}"] = summary(column(side, "seconds")).mean
        numbers[f"memory_{name}_mb"] = summary(column(side, "peak_memory_mb")).mean
        numbers[f"speed_{name}"] = summary(column(side, "images_per_second")).mean
    numbers["trainable_share"] = numbers["trainable_frozen"] / numbers["total_parameters"]
    rows = tuple(run_ids(frozen) + run_ids(full))
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows)


GAP = (
    "n_pairs",
    "gap_frozen_pp",
    "gap_full_pp",
    "difference_pp",
    "difference_low_pp",
    "difference_high_pp",
    "validation_gap_frozen_pp",
    "validation_gap_full_pp",
)


def gap(runs: Runs, model: ModelName) -> Measured:
    """Compares train minus test accuracy of pretrained arms, full minus frozen, paired over seeds."""
    sides = {scope: select(runs, model=model, init=Init.PRETRAINED, scope=scope) for scope in Scope}
    if not all(sides.values()):
        return absent(GAP, Reason.MISSING_ARMS)
    seeds = common_seeds(runs, [arm for side in sides.values() for arm in side])
    gaps = {
        (scope, column_): [
            float(np.mean([_gap(rows[seed], column_) for rows in side.values()])) for seed in seeds
        ]
        for scope, side in sides.items()
        for column_ in ("test_accuracy", "val_accuracy")
    }
    full, frozen = gaps[Scope.FULL, "test_accuracy"], gaps[Scope.FROZEN, "test_accuracy"]
    difference, verdict, reason = paired([a - b for a, b in zip(full, frozen, strict=True)])
    if not difference.n:
        return absent(GAP, Reason.MISSING_ARMS)
    numbers = {
        "n_pairs": difference.n,
        "gap_frozen_pp": summary(frozen).mean,
        "gap_full_pp": summary(full).mean,
        "difference_pp": difference.mean,
        "difference_low_pp": difference.low,
        "difference_high_pp": difference.high,
        "validation_gap_frozen_pp": summary(gaps[Scope.FROZEN, "val_accuracy"]).mean,
        "validation_gap_full_pp": summary(gaps[Scope.FULL, "val_accuracy"]).mean,
    }
    rows = tuple(run_id for side in sides.values() for run_id in run_ids(side))
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows)


def _gap(row: Row, other: str) -> float:
    """Returns train accuracy minus that in column `other`, in percentage points."""
    return 100 * (number(row["train_accuracy"]) - number(row[other]))
