"""Estimates the contrasts over paired seeds, with interval, test, correction and verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from study.analysis.arms import (
    Row,
    Runs,
    Summary,
    common_runs,
    common_seeds,
    key,
    main_runs,
    number,
    summary,
)
from study.analysis.family import (
    CONTRASTS,
    POOLED,
    REPEATED,
    Contrast,
    Weights,
    rows_of,
    with_discriminative_rates,
)
from study.analysis.interval import (
    Array,
    crossed_interval,
    crossed_p,
    detectable_effect,
    image_error,
)
from study.analysis.sources import Classes, Labels, hits
from study.analysis.verdicts import (
    ALPHA,
    SECONDARY_SHARE,
    SEEDS_FOR_A_TEST,
    Family,
    Reason,
    Verdict,
    adjusted,
    contrast_verdict,
)
from study.networks import ModelName, compared

COLUMNS = (
    "name",
    "model",
    "family",
    "effect_pp",
    "ci_low_pp",
    "ci_high_pp",
    "n_pairs",
    "p_value",
    "p_adjusted",
    "verdict",
)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One row of contrasts.csv.

    Attributes:
        name: the contrast.
        model: a network, ``pooled`` or ``all``.
        family: whether the contrast is primary, secondary or exploratory.
        discriminative: the same effect between the arms with discriminative rates, with Student's interval
            over the seeds. It only describes and is outside the families; it is empty for contrasts outside
            `family.REPEATED`.
        per_seed: float64 [S], effect of each paired seed in percentage points.
        low: lower end of the 95 % interval in percentage points; NaN for fewer than two seeds.
        high: its upper end.
        p_value: two-sided p-value of no effect; NaN for fewer than two seeds.
        image_error: standard error that the choice of test images adds, in percentage points.
        first: weighted mean test accuracy of the arms with positive weight, in [0, 1].
        second: that of the arms with negative weight.
        with_images: whether the interval covers the choice of test images.
        samples_equal: whether all runs have the same rung.
        rung: the longest rung of the runs; None without runs.
        rows: run_ids of the runs.
        p_adjusted: the p-value, adjusted for the number of contrasts; NaN if there is none.
    """

    name: str
    model: str
    models: tuple[ModelName, ...]
    family: Family
    discriminative: Summary
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
    p_adjusted: float = math.nan

    @property
    def effect(self) -> float:
        """The mean effect over the paired seeds in percentage points; NaN without a pair."""
        return float(self.per_seed.mean()) if self.per_seed.size else math.nan

    @property
    def depends_on_rates(self) -> bool:
        """Whether the effect has the opposite sign with discriminative rates.

        At least one of the two intervals must exclude zero.
        """
        other = self.discriminative
        known = self.low > 0 or self.high < 0 or other.low > 0 or other.high < 0
        return known and self.effect * other.mean < 0

    @cached_property
    def judged(self) -> tuple[Verdict, Reason]:
        """The verdict by the rules of `study.analysis.verdicts`, and its reason."""
        return contrast_verdict(
            effect=self.effect,
            low=self.low,
            high=self.high,
            pairs=self.per_seed.size,
            p_adjusted=self.p_adjusted,
            family=self.family,
        )


def estimate(rungs: pd.DataFrame, predictions: Classes, labels: Labels) -> list[Estimate]:
    """Estimates all contrasts in the order of CONTRASTS; those without a paired seed are empty.

    Contrasts within a network are estimated at its own rung, those over both networks at their common one.

    Args:
        rungs: columns of rungs.csv.
        predictions: maps the key of an evaluation to uint8 [n], the predicted classes of the first n test
            images. If a run of a contrast has no entry, its interval does not cover the test images.
        labels: uint8 [N], or None.
    """
    own, common = main_runs(rungs), common_runs(rungs)
    correct = hits(predictions, labels)
    among = compared(rungs["model"])
    wanted = [(contrast, *row) for contrast in CONTRASTS for row in rows_of(contrast, among)]
    found = [
        _estimate(
            contrast,
            name,
            models,
            common if contrast.over_models or name == POOLED else own,
            correct,
        )
        for contrast, name, models in wanted
    ]
    p_values = adjusted([item.p_value for item in found], [item.family for item in found])
    return [replace(item, p_adjusted=p) for item, p in zip(found, p_values, strict=True)]


def table(estimates: list[Estimate]) -> pd.DataFrame:
    """Returns contrasts.csv."""
    rows = [
        {
            "name": item.name,
            "model": item.model,
            "family": item.family.value,
            "effect_pp": item.effect,
            "ci_low_pp": item.low,
            "ci_high_pp": item.high,
            "n_pairs": item.per_seed.size,
            "p_value": item.p_value,
            "p_adjusted": item.p_adjusted,
            "verdict": item.judged[0].value,
        }
        for item in estimates
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def detectable(item: Estimate, estimates: list[Estimate]) -> float:
    """Returns the true effect in percentage points that is claimed with probability 0.8.

    The significance level is that of the first step of the procedure for a primary contrast. For a
    secondary one it is its part of the level that the secondary contrasts share once all primary ones are
    claimed. Exploratory contrasts get NaN.
    """
    if item.family is Family.EXPLORATORY:
        return math.nan
    tests = sum(not math.isnan(other.p_value) for other in estimates if other.family is item.family)
    level = ALPHA * (1 - SECONDARY_SHARE) if item.family is Family.PRIMARY else ALPHA
    return detectable_effect(item.per_seed, item.image_error, alpha=level / max(1, tests))


def _estimate(
    contrast: Contrast,
    model: str,
    models: tuple[ModelName, ...],
    runs: Runs,
    correct: dict[str, Array],
) -> Estimate:
    weights = contrast.weights(models)
    seeds = common_seeds(runs, weights)
    chosen = [[(weight, runs[arm][seed]) for arm, weight in weights.items()] for seed in seeds]
    per_seed = _per_seed(weights, runs)
    ids = tuple(str(row["run_id"]) for pairs in chosen for _, row in pairs)
    names = [key(row) for pairs in chosen for _, row in pairs]
    # All runs of a rung are evaluated on the same images; in a file where they are not, none are used.
    sizes = {correct[name].size if name in correct else 0 for name in names}
    with_images = len(sizes) == 1 and 0 not in sizes
    per_image: Array | None = None
    if with_images:
        per_image = np.stack([sum(100 * w * correct[key(row)] for w, row in p) for p in chosen])
    error = image_error(per_image) if len(seeds) > 1 else 0.0
    low, high = crossed_interval(per_seed, error)
    lengths = {number(row["rung"]) for pairs in chosen for _, row in pairs}
    return Estimate(
        name=contrast.name,
        model=model,
        models=models,
        family=contrast.family(model),
        discriminative=_with_discriminative_rates(contrast.name, weights, runs),
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


def _with_discriminative_rates(name: str, weights: Weights, runs: Runs) -> Summary:
    if name not in REPEATED:
        return summary(())
    return summary(_per_seed(with_discriminative_rates(weights), runs))


def _per_seed(weights: Weights, runs: Runs) -> Array:
    """Returns the weighted sums of test accuracy in percentage points, float64 [S].

    S is the number of seeds that all arms have.
    """
    return 100 * np.array(
        [
            sum(weight * float(runs[arm][seed]["test_accuracy"]) for arm, weight in weights.items())
            for seed in common_seeds(runs, weights)
        ],
        dtype=np.float64,
    )


def _side(chosen: list[list[tuple[float, Row]]], sign: float) -> float:
    """Returns the weighted mean accuracy of the arms whose weight has this sign; NaN without runs."""
    values = [(w, float(row["test_accuracy"])) for p in chosen for w, row in p if w * sign > 0]
    total = sum(w for w, _ in values)
    return sum(w * value for w, value in values) / total if values else math.nan
