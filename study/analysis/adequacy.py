"""Decides whether the network of the assignment's tasks 6–8 is adequate."""

from __future__ import annotations

import math

import pandas as pd

from study.analysis.arms import CHAMPION, Row, Runs, arm_of, column, number, records, summary
from study.analysis.evidence import Measured, Numbers, absent
from study.analysis.interval import share_interval
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
    above zero, and training accuracy is at most `GAP_BOUND_PP` above test accuracy. The interval is that of
    two independent shares, made of their exact intervals (Newcombe 1998, method 10, with the limits of
    Clopper & Pearson), so that it does not vanish where all answers are right. Both classifiers are
    evaluated on the same images and tend to err on the same ones, so a paired interval would be narrower:
    this one calls a network adequate too seldom rather than too often. The verdict is "not measured" if one
    of the accuracies is missing.

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
    low, high = _interval(test, images)
    gap = 100 * (train - test)
    numbers: Numbers = dict.fromkeys(ADEQUACY) | {
        "run_id": str(row["run_id"]),
        "arm": arm.name if arm else None,
        "model": str(row["model"]),
        "champion": row["role"] == CHAMPION,
        "rung": int(row["rung"]),
        "epochs": number(row["rung"]) / data.train_images,
        "seconds": number(row.get("train_seconds", row.get("seconds"))),
        "test_low": low,
        "test_high": high,
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
        least, most = _interval(accuracy, judged)
        difference = 100 * (test - accuracy)
        below_it = 100 * math.hypot(test - low, most - accuracy)
        above_it = 100 * math.hypot(high - test, accuracy - least)
        numbers |= {
            "pixels_accuracy": accuracy,
            "pixels_train_images": number(simple["train_images"]),
            "difference_pp": difference,
            "difference_low_pp": difference - below_it,
            "difference_high_pp": difference + above_it,
            "beats_pixels": difference - below_it > 0 if not math.isnan(below_it) else None,
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


def _interval(share: float, images: float) -> tuple[float, float]:
    """Returns the exact 95 % interval of a share of images; NaN if share or images are not known."""
    if math.isnan(share) or not images >= 1:
        return math.nan, math.nan
    return share_interval(round(share * images), int(images))
