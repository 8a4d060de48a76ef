"""The contrasts estimated over paired seeds, with interval, test, correction and verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.arms import (
    Runs,
    Summary,
    common_runs,
    common_seeds,
    key,
    main_runs,
    number,
    summary,
)
from study.analysis.family import ALL, AVERAGES_POLICIES, CONTRASTS, POOLED, Weights, rows_of
from study.analysis.interval import (
    Array,
    crossed_interval,
    crossed_p,
    detectable_effect,
    image_error,
)
from study.analysis.sources import Classes
from study.analysis.verdicts import ALPHA, SEEDS_FOR_A_TEST, contrast_verdict, holm
from study.spec import LrPolicy, Scope

COLUMNS = (
    "name", "model", "effect_pp", "ci_low_pp", "ci_high_pp", "n_pairs", "p_value", "p_holm",
    "verdict",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One row of contrasts.csv before the family's correction, with what it rests on.

    first and second are the mean test accuracies of the sides with positive and negative
    weight, in [0, 1]; per_seed are the effects of the paired seeds in percentage points, and
    image_error what the choice of test images adds to the standard error of their mean. uniform is the
    same effect without the arms of discriminative rates, with Student's interval over the seeds: a
    description beside the family, empty where the contrast does not average the two policies.
    """

    name: str
    model: str
    uniform: Summary
    per_seed: Array
    low: float
    high: float
    p_value: float
    image_error: float
    first: float
    second: float
    with_images: bool
    samples_equal: bool
    rung: int | None
    rows: tuple[str, ...]


def estimate(rungs: pd.DataFrame, predictions: Classes, labels: Any) -> list[Estimate]:
    """Estimates all contrasts in the order of CONTRASTS; those without a paired seed are empty.

    Contrasts within a network are read at its own rung, those over both networks at their common one.

    Args:
        rungs: columns of rungs.csv.
        predictions: maps the key of an evaluation to uint8 [n], the predicted classes of the first n test
            images; runs without an entry leave the test images out of their contrast's interval.
        labels: uint8 [N], or None.
    """
    own, common = main_runs(rungs), common_runs(rungs)
    correct = {
        name: (classes == labels[: len(classes)]).astype(np.float64)
        for name, classes in predictions.items()
        if labels is not None
    }
    wanted = [
        (contrast, name, models) for contrast in CONTRASTS for name, models in rows_of(contrast)
    ]
    return [
        _estimate(
            contrast.name,
            name,
            contrast.weights(models),
            common if name in (POOLED, ALL) else own,
            correct,
        )
        for contrast, name, models in wanted
    ]


def contrasts(rungs: pd.DataFrame, predictions: Classes, labels: Any) -> pd.DataFrame:
    """Returns the table of contrasts.csv; for the arguments see `estimate`."""
    return table(estimate(rungs, predictions, labels))


def table(estimates: list[Estimate]) -> pd.DataFrame:
    """Holm over all rows that have a p-value, then the verdict of every row."""
    adjusted = holm(item.p_value for item in estimates)
    rows = [
        {
            "name": item.name,
            "model": item.model,
            "effect_pp": float(item.per_seed.mean()) if item.per_seed.size else math.nan,
            "ci_low_pp": item.low,
            "ci_high_pp": item.high,
            "n_pairs": item.per_seed.size,
            "p_value": item.p_value,
            "p_holm": p_holm,
            "verdict": contrast_verdict(
                low=item.low, high=item.high, pairs=item.per_seed.size, p_holm=p_holm
            )[0].value,
        }
        for item, p_holm in zip(estimates, adjusted, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def detectable(item: Estimate, tests: int) -> float:
    """The true effect in percentage points that would be claimed with probability 0.8.

    By the rules of `verdicts`: from five seeds on a claim passes Holm's correction, whose first
    step asks for α over the number of tests; below five the interval alone decides.
    """
    tested = item.per_seed.size >= SEEDS_FOR_A_TEST
    alpha = ALPHA / tests if tested else ALPHA
    return detectable_effect(item.per_seed, item.image_error, alpha=alpha)


def _estimate(
    name: str,
    model: str,
    weights: Weights,
    runs: Runs,
    correct: dict[str, Any],
) -> Estimate:
    seeds = common_seeds(runs, weights)
    chosen = [[(weight, runs[arm][seed]) for arm, weight in weights.items()] for seed in seeds]
    per_seed = _per_seed(weights, runs)
    ids = tuple(str(row["run_id"]) for pairs in chosen for _, row in pairs)
    names = [key(row) for pairs in chosen for _, row in pairs]
    # All runs of a rung are judged on the same images; a file where they are not has no common ones.
    sizes = {correct[name].size if name in correct else 0 for name in names}
    with_images = len(sizes) == 1 and 0 not in sizes
    per_image: Array | None = None
    if with_images:
        per_image = np.stack([sum(100 * w * correct[key(row)] for w, row in p) for p in chosen])
    error = image_error(per_image) if len(seeds) > 1 else 0.0
    low, high = crossed_interval(per_seed, error)
    lengths = {number(row["rung"]) for pairs in chosen for _, row in pairs}
    return Estimate(
        name=name,
        model=model,
        uniform=_uniform(name, weights, runs),
        per_seed=per_seed,
        low=low,
        high=high,
        p_value=crossed_p(per_seed, error) if len(seeds) >= SEEDS_FOR_A_TEST else math.nan,
        image_error=error,
        first=_side(chosen, 1.0),
        second=_side(chosen, -1.0),
        with_images=with_images,
        samples_equal=len(lengths) <= 1,
        rung=int(max(lengths)) if lengths else None,
        rows=ids,
    )


def _uniform(name: str, weights: Weights, runs: Runs) -> Summary:
    if name not in AVERAGES_POLICIES:
        return summary(())
    whole = {
        arm: weight if arm.scope is Scope.FROZEN else 2 * weight
        for arm, weight in weights.items()
        if arm.lr_policy is not LrPolicy.DISCRIMINATIVE
    }
    return summary(_per_seed(whole, runs))


def _per_seed(weights: Weights, runs: Runs) -> Array:
    """Weighted sums of test accuracy in percentage points, one for each seed that all arms have."""
    return 100 * np.array(
        [
            sum(weight * float(runs[arm][seed]["test_accuracy"]) for arm, weight in weights.items())
            for seed in common_seeds(runs, weights)
        ],
        dtype=np.float64,
    )


def _side(chosen: list[list[tuple[float, Any]]], sign: float) -> float:
    values = [(w, float(row["test_accuracy"])) for p in chosen for w, row in p if w * sign > 0]
    total = sum(w for w, _ in values)
    return sum(w * value for w, value in values) / total if values else math.nan
