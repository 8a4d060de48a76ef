"""The written rules that turn an interval into a verdict: every threshold of the study is here.

A claim always has the form "first − second > 0" (design.md). The rules, in order:

1. no pair of runs                                     → not measured
2. one seed, or no interval                            → inconclusive (a difference, no claim)
3. interval above zero, and from five seeds on also
   Holm-adjusted p ≤ 0.05                              → supported
4. interval below zero, the same condition             → refuted (the opposite holds)
5. interval covers zero and lies within ±1 pp          → refuted (equivalence)
6. anything else                                       → inconclusive

Rule 5 is the two one-sided tests procedure (Schuirmann 1987) read off the printed 95 %
interval, that is at 2.5 % a side, stricter than the usual 5 %. Below five seeds no p-value
exists and the words "interval excludes zero" are all that may be said.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum

ALPHA = 0.05
EQUIVALENCE_MARGIN_PP = 1.0
SEEDS_FOR_A_TEST = 5
#: Measurements outside the contrasts (time, gap, spread) need this many pairs for a claim.
PAIRS_FOR_A_MEASUREMENT = 3
#: The first layer adapted in float32 may differ from the original by rounding only.
EXACT_ADAPTATION = 1e-4
#: A pretext task is learnt when its held-out accuracy is at least so many times chance.
PRETEXT_TIMES_CHANCE = 10.0
#: An adequate network's training accuracy is at most so much above its test accuracy.
GAP_BOUND_PP = 5.0


class Verdict(str, Enum):
    SUPPORTED = "supported"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURED = "not measured"

    def __str__(self) -> str:
        return str(self.value)


class Reason(str, Enum):
    """Why a verdict is what it is; templates branch on these words."""

    ABOVE_ZERO = "above_zero"
    BELOW_ZERO = "below_zero"
    EQUIVALENT = "equivalent"
    COVERS_ZERO = "covers_zero"
    HOLM = "holm_not_passed"
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
    *, low: float, high: float, pairs: int, p_holm: float
) -> tuple[Verdict, Reason]:
    """Rules 1–6 above. low and high are the interval's ends in percentage points."""
    if pairs == 0:
        return Verdict.NOT_MEASURED, Reason.MISSING_ARMS
    if pairs == 1:
        return Verdict.INCONCLUSIVE, Reason.ONE_SEED
    if math.isnan(low) or math.isnan(high):
        return Verdict.INCONCLUSIVE, Reason.NO_INTERVAL
    tested = pairs < SEEDS_FOR_A_TEST or p_holm <= ALPHA
    if low > 0:
        if tested:
            return Verdict.SUPPORTED, Reason.ABOVE_ZERO
        return Verdict.INCONCLUSIVE, Reason.HOLM
    if high < 0:
        if tested:
            return Verdict.REFUTED, Reason.BELOW_ZERO
        return Verdict.INCONCLUSIVE, Reason.HOLM
    if low > -EQUIVALENCE_MARGIN_PP and high < EQUIVALENCE_MARGIN_PP:
        return Verdict.REFUTED, Reason.EQUIVALENT
    return Verdict.INCONCLUSIVE, Reason.COVERS_ZERO


def measurement_verdict(*, low: float, high: float, pairs: int) -> tuple[Verdict, Reason]:
    """For measurements outside the confirmatory family: an interval over at least 3 pairs."""
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


def holm(p_values: Iterable[float]) -> list[float]:
    """Holm's step-down adjustment (Holm 1979); NaN marks tests outside the family, kept NaN."""
    values = list(p_values)
    order = sorted((p, i) for i, p in enumerate(values) if not math.isnan(p))
    adjusted = [math.nan] * len(values)
    running = 0.0
    for rank, (p, i) in enumerate(order):
        running = max(running, min(1.0, p * (len(order) - rank)))
        adjusted[i] = running
    return adjusted
