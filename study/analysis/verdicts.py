"""Declares the rules that turn an interval into a verdict, and every threshold of the study.

A contrast is the question whether its first side is more accurate than its second one (design.md). The
rules, in order, are:

1. no pair of runs                                     → not measured
2. a mean over networks                                → exploratory: an estimate without a verdict
3. one seed, or no interval                            → not established
4. adjusted p ≤ 0.05                                   → better or worse, by the sign of the effect
5. interval within ±1 pp                               → equivalent
6. anything else                                       → not established

Rule 4 applies from two seeds on, so a study with fewer seeds never claims more from the same effect and
error. `adjusted` corrects for the number of contrasts. Rule 5 is the two one-sided tests procedure
(Schuirmann 1987) applied to the printed 95 % interval, that is at 2.5 % a side, which is stricter than the
usual 5 %. Other measurements (time, gap, similarity) are claims: supported, refuted or inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

ALPHA = 0.05
EQUIVALENCE_MARGIN_PP = 1.0
#: Number of seeds that a test needs.
SEEDS_FOR_A_TEST = 2
#: Number of seeds from which on a shorter rung is preferred to a longer one with fewer seeds.
MANY_SEEDS = 5
#: Share of the significance level that the secondary contrasts have from the beginning, and share of the
#: level of a rejected primary contrast that passes to them.
SECONDARY_SHARE, TO_SECONDARY = 0.2, 0.5
#: Number of pairs that a claim on a measurement outside the contrasts (time, gap, spread) needs.
PAIRS_FOR_A_MEASUREMENT = 3
#: Largest difference between original and adapted first layer in float32 that counts as rounding.
EXACT_ADAPTATION = 1e-4
#: A pretext task counts as learnt if its held-out accuracy is at least so many times chance.
PRETEXT_TIMES_CHANCE = 10.0
#: Greatest excess of an adequate network's training accuracy over its test accuracy.
GAP_BOUND_PP = 5.0


class Verdict(str, Enum):
    """The verdict of a finding.

    `BETTER` to `EXPLORATORY` are verdicts on contrasts, `SUPPORTED` to `INCONCLUSIVE` on claims.
    """

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    NOT_ESTABLISHED = "not established"
    EXPLORATORY = "exploratory"
    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"

    def __str__(self) -> str:
        return str(self.value)


class Family(str, Enum):
    """Which part of the significance level a contrast uses; exploratory contrasts get no verdict."""

    PRIMARY = "primary"
    SECONDARY = "secondary"
    EXPLORATORY = "exploratory"

    def __str__(self) -> str:
        return str(self.value)


class Reason(str, Enum):
    """Why a verdict is what it is; templates branch on these words."""

    ABOVE_ZERO = "above_zero"
    BELOW_ZERO = "below_zero"
    EQUIVALENT = "equivalent"
    COVERS_ZERO = "covers_zero"
    MULTIPLICITY = "multiplicity_not_passed"
    EXPLORATORY = "exploratory"
    ONE_SEED = "one_seed"
    FEW_PAIRS = "few_pairs"
    NO_INTERVAL = "no_interval"
    MISSING_ARMS = "missing_arms"
    MISSING_MODEL = "model_not_in_study"
    MISSING_FILE = "missing_file"
    NOT_IN_MATRIX = "not_in_matrix"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"
    MEASURED = "measured"
    GATE_FAILED = "gate_failed"

    def __str__(self) -> str:
        return str(self.value)


def contrast_verdict(
    *, effect: float, low: float, high: float, pairs: int, p_adjusted: float, family: Family
) -> tuple[Verdict, Reason]:
    """Applies rules 1 to 6.

    Args:
        effect: the effect in percentage points.
        low: lower end of its interval.
        high: upper end of its interval.
        pairs: number of paired seeds.
        p_adjusted: p-value after `adjusted`; NaN if there is none.
        family: family of the contrast.
    """
    if pairs == 0:
        return Verdict.NOT_MEASURED, Reason.MISSING_ARMS
    if family is Family.EXPLORATORY:
        return Verdict.EXPLORATORY, Reason.EXPLORATORY
    if pairs == 1:
        return Verdict.NOT_ESTABLISHED, Reason.ONE_SEED
    if math.isnan(low) or math.isnan(high):
        return Verdict.NOT_ESTABLISHED, Reason.NO_INTERVAL
    if p_adjusted <= ALPHA:
        better = effect > 0
        return (Verdict.BETTER, Reason.ABOVE_ZERO) if better else (Verdict.WORSE, Reason.BELOW_ZERO)
    if low > -EQUIVALENCE_MARGIN_PP and high < EQUIVALENCE_MARGIN_PP:
        return Verdict.EQUIVALENT, Reason.EQUIVALENT
    if low > 0 or high < 0:
        return Verdict.NOT_ESTABLISHED, Reason.MULTIPLICITY
    return Verdict.NOT_ESTABLISHED, Reason.COVERS_ZERO


def measurement_verdict(*, low: float, high: float, pairs: int) -> tuple[Verdict, Reason]:
    """Returns the verdict on a claim other than a contrast, from an interval and its pairs."""
    if pairs == 0:
        return Verdict.NOT_MEASURED, Reason.MISSING_ARMS
    if pairs < PAIRS_FOR_A_MEASUREMENT:
        return Verdict.INCONCLUSIVE, Reason.FEW_PAIRS
    if math.isnan(low) or math.isnan(high):
        return Verdict.INCONCLUSIVE, Reason.NO_INTERVAL
    if low > 0:
        return Verdict.SUPPORTED, Reason.ABOVE_ZERO
    if high < 0:
        return Verdict.REFUTED, Reason.BELOW_ZERO
    return Verdict.INCONCLUSIVE, Reason.COVERS_ZERO


def adjusted(p_values: Sequence[float], families: Sequence[Family]) -> list[float]:
    """Returns adjusted p-values; a contrast is claimed if its value is at most `ALPHA`.

    This is the graphical procedure of Bretz, Maurer, Brannath and Posch (2009, Statistics in Medicine
    28:586). The secondary contrasts share `SECONDARY_SHARE` of the level, and the primary contrasts share
    the rest equally. A rejected primary contrast passes `TO_SECONDARY` of its level to the secondary ones
    and the rest to the other primary ones; a rejected secondary one passes its level to the other secondary
    ones. The probability of any false claim of a direction is at most `ALPHA`, whatever the true effects
    and however the p-values depend on one another.

    Args:
        p_values: p-values of all contrasts; NaN if there is none.
        families: families of the contrasts; exploratory ones get NaN.
    """
    result = [math.nan] * len(p_values)
    tested = [
        i for i, p in enumerate(p_values) if not math.isnan(p) and families[i] is not Family.EXPLORATORY
    ]
    primary = [i for i in tested if families[i] is Family.PRIMARY]
    number, others = len(primary), len(tested) - len(primary)
    share = SECONDARY_SHARE if number and others else float(others > 0)
    weight = {i: (1 - share) / number if i in primary else share / others for i in tested}
    passed = {i: _passed_on(i, tested, primary) for i in tested}
    left, largest = set(tested), 0.0
    while left:
        worth = {i: p_values[i] / weight[i] if weight[i] > 0 else math.inf for i in left}
        chosen = min(sorted(left), key=lambda i: (worth[i], p_values[i]))
        largest = max(largest, min(1.0, worth[chosen]))
        result[chosen] = largest
        left.remove(chosen)
        weight, passed = _without(chosen, left, weight, passed)
    return result


def _passed_on(contrast: int, tested: list[int], primary: list[int]) -> dict[int, float]:
    """Returns the shares of a contrast's level that go to the others when it is rejected."""
    secondary = [i for i in tested if i not in primary]
    if contrast not in primary:
        others = [i for i in secondary if i != contrast]
        return {i: 1 / len(others) for i in others}
    others = [i for i in primary if i != contrast]
    share = TO_SECONDARY if others and secondary else 1.0 if secondary else 0.0
    found = {i: share / len(secondary) for i in secondary} if share else {}
    return found | {i: (1 - share) / len(others) for i in others}


def _without(
    gone: int, left: set[int], weight: dict[int, float], passed: dict[int, dict[int, float]]
) -> tuple[dict[int, float], dict[int, dict[int, float]]]:
    """Returns weights and shares after a contrast was rejected, by the rule of Bretz et al."""
    new_weight = {i: weight[i] + weight[gone] * passed[gone].get(i, 0.0) for i in left}
    new_passed: dict[int, dict[int, float]] = {}
    for i in left:
        back = passed[i].get(gone, 0.0) * passed[gone].get(i, 0.0)
        new_passed[i] = {
            j: (passed[i].get(j, 0.0) + passed[i].get(gone, 0.0) * passed[gone].get(j, 0.0)) / (1 - back)
            for j in left
            if j != i and back < 1
        }
    return new_weight, new_passed
