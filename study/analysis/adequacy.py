"""Decides whether the network of the assignment's tasks 6–8 is adequate."""

from __future__ import annotations

import math

import pandas as pd
from scipy import stats

from study.analysis.arms import CHAMPION, Row, Runs, arm_of, column, number, records, summary
from study.analysis.evidence import Measured, Numbers, absent
from study.analysis.interval import CONFIDENCE
from study.analysis.verdicts import GAP_BOUND_PP, Reason, Verdict
from study.datasets import DatasetDescriptor
from study.store.columns import PIXELS

ADEQUACY = (
    "run_id",
    "arm",
    "model",
    "champion",
    "rung",
    "epochs",
    "seconds",
    "train_accuracy",
    "val_accuracy",
    "test_accuracy",
    "test_low",
    "test_high",
    "test_images",
    "macro_f1",
    "test_loss",
    "ece",
    "gap_pp",
    "gap_bound_pp",
    "gap_small",
    "pixels_accuracy",
    "pixels_train_images",
    "difference_pp",
    "difference_low_pp",
    "difference_high_pp",
    "beats_pixels",
    "below_pixels",
)


def adequacy(row: Row | None, runs: Runs, baselines: pd.DataFrame, data: DatasetDescriptor) -> Measured:
    """Decides whether a network beats a softmax on raw pixels and hardly overfits.

    Both conditions must hold: the interval of the difference in test accuracy to the softmax on pixels lies
    above zero, and training accuracy is at most `GAP_BOUND_PP` above test accuracy. The interval is the
    normal approximation for two independent shares. Both classifiers are evaluated on the same images and
    tend to err on the same ones, so a paired interval would be narrower: this one calls a network adequate
    too seldom rather than too often. The verdict is "not measured" if one of the accuracies is missing.

    Args:
        row: the champion's row or, without a champion, that of the best run of the matrix.
        runs: runs of the matrix, for the names of the arms whose mean lies below the softmax on pixels.
        baselines: columns of baselines.csv.
        data: the data set.
    """
    if row is None or math.isnan(number(row["test_accuracy"])):
        return absent(ADEQUACY, Reason.MISSING_ARMS)
    arm = arm_of(row)
    images = number(row["test_images"])
    test, train = number(row["test_accuracy"]), number(row["train_accuracy"])
    half = _half(test * (1 - test) / images)
    gap = 100 * (train - test)
    numbers: Numbers = dict.fromkeys(ADEQUACY) | {
        "run_id": str(row["run_id"]),
        "arm": arm.name if arm else None,
        "model": str(row["model"]),
        "champion": row["role"] == CHAMPION,
        "rung": int(row["rung"]),
        "epochs": number(row["rung"]) / data.train_images,
        "seconds": number(row.get("train_seconds", row.get("seconds"))),
        "test_low": max(0.0, test - half),
        "test_high": min(1.0, test + half),
        "test_images": images,
        "gap_pp": gap,
        "gap_bound_pp": GAP_BOUND_PP,
        "gap_small": None if math.isnan(gap) else gap <= GAP_BOUND_PP,
    }
    for name in ("train_accuracy", "val_accuracy", "test_accuracy", "macro_f1", "test_loss", "ece"):
        numbers[name] = number(row[name])
    verdict, reason = Verdict.NOT_MEASURED, Reason.MISSING_FILE
    simple = baseline(baselines, PIXELS)
    if simple is not None:
        accuracy, judged = number(simple["test_accuracy"]), number(simple["test_images"])
        wide = 100 * _half(test * (1 - test) / images + accuracy * (1 - accuracy) / judged)
        difference = 100 * (test - accuracy)
        numbers |= {
            "pixels_accuracy": accuracy,
            "pixels_train_images": number(simple["train_images"]),
            "difference_pp": difference,
            "difference_low_pp": difference - wide,
            "difference_high_pp": difference + wide,
            "beats_pixels": difference - wide > 0 if not math.isnan(wide) else None,
            "below_pixels": below(runs, accuracy),
        }
        known = numbers["beats_pixels"] is not None and numbers["gap_small"] is not None
        if known:
            good = numbers["beats_pixels"] and numbers["gap_small"]
            verdict = Verdict.SUPPORTED if good else Verdict.REFUTED
            reason = Reason.MEASURED
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=(str(row["run_id"]),))


def baseline(baselines: pd.DataFrame, name: str) -> Row | None:
    """Returns the row of baselines.csv with this name if its accuracy is known."""
    for row in records(baselines):
        if row["name"] == name and not math.isnan(number(row["test_accuracy"])):
            return row
    return None


def below(runs: Runs, accuracy: float) -> list[str]:
    """Returns the names of the arms whose mean test accuracy is lower than `accuracy`."""
    means = {arm.name: summary(column({arm: seeds}, "test_accuracy")).mean for arm, seeds in runs.items()}
    return [name for name, mean in means.items() if mean < accuracy]


def _half(variance: float) -> float:
    """Returns half the width of the normal 95 % interval; NaN if the variance is NaN."""
    return float(stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt(variance) if variance >= 0 else math.nan
