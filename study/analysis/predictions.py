"""Evaluates the stored test predictions: McNemar's test, confused classes, calibration."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from scipy import stats

from study.analysis.arms import (
    Row,
    Runs,
    accuracy_summary,
    column,
    common_seeds,
    key,
    number,
    run_ids,
    select,
    summary,
)
from study.analysis.evidence import Measured, absent, paired
from study.analysis.sources import Classes, Labels
from study.analysis.verdicts import ALPHA, Reason, Verdict
from study.networks import ModelName
from study.spec import Arm, Init, LrPolicy, Scope

MCNEMAR = ("seed", "first_only", "second_only", "both", "neither", "p_value")


def mcnemar(runs: Runs, predictions: Classes, labels: Labels, model: ModelName) -> Measured:
    """Computes the exact McNemar test of two particular networks: full, uniform, pretrained and scratch.

    The pair is the smallest common seed, which is fixed in advance. The test does not compare the methods,
    because it ignores the variation over seeds (Dietterich 1998).
    """
    sides = [
        Arm(model=model, init=init, scope=Scope.FULL, lr_policy=LrPolicy.UNIFORM)
        for init in (Init.PRETRAINED, Init.SCRATCH)
    ]
    seeds = common_seeds(runs, sides)
    if not seeds:
        return absent(MCNEMAR, Reason.MISSING_ARMS)
    rows = [runs[arm][seeds[0]] for arm in sides]
    names = [key(row) for row in rows]
    answers = [predictions[name] for name in names if name in predictions]
    if labels is None or len(answers) < len(names) or len({answer.size for answer in answers}) > 1:
        return absent(MCNEMAR, Reason.MISSING_FILE)
    first, second = (answer == labels[: answer.size] for answer in answers)
    first_only, second_only = int((first & ~second).sum()), int((~first & second).sum())
    total = first_only + second_only
    p_value = float(stats.binomtest(first_only, total).pvalue) if total else 1.0
    verdict, reason = Verdict.INCONCLUSIVE, Reason.COVERS_ZERO
    if p_value <= ALPHA:
        better = first_only > second_only
        verdict = Verdict.SUPPORTED if better else Verdict.REFUTED
        reason = Reason.ABOVE_ZERO if better else Reason.BELOW_ZERO
    numbers = {
        "seed": seeds[0],
        "first_only": first_only,
        "second_only": second_only,
        "both": int((first & second).sum()),
        "neither": int((~first & ~second).sum()),
        "p_value": p_value,
    }
    ids = tuple(str(row["run_id"]) for row in rows)
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=ids)


CALIBRATION = ("n_pairs", "ece_pretrained", "ece_scratch", "difference_pp", "low_pp", "high_pp")


def calibration(runs: Runs, model: ModelName) -> Measured:
    """Compares the expected calibration error of full arms, scratch − pretrained, over seeds.

    A difference above zero means that pretrained is better calibrated.
    """
    full = select(runs, model=model, scope=Scope.FULL)
    sides = [select(full, init=init) for init in (Init.PRETRAINED, Init.SCRATCH)]
    if not all(sides):
        return absent(CALIBRATION, Reason.MISSING_ARMS)
    seeds = common_seeds(full, full)
    means = [
        [float(np.mean([number(rows[seed]["ece"]) for rows in side.values()])) for seed in seeds]
        for side in sides
    ]
    found, verdict, reason = paired([100 * (b - a) for a, b in zip(*means, strict=True)])
    if not found.n:
        return absent(CALIBRATION, Reason.MISSING_ARMS)
    numbers = {
        "n_pairs": found.n,
        "ece_pretrained": summary(means[0]).mean,
        "ece_scratch": summary(means[1]).mean,
        "difference_pp": found.mean,
        "low_pp": found.low,
        "high_pp": found.high,
    }
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=tuple(run_ids(full)))


CONFUSION = (
    "run_id",
    "pairs",
    "recall",
    "worst_class",
    "worst_recall",
    "best_class",
    "best_recall",
    "errors",
    "images",
    "classes",
)


def confusion(row: Row | None, predictions: Classes, labels: Labels, classes: int) -> Measured:
    """Reports the most confused classes of one run, and precision, recall and F1 of every class.

    The classes are numbers in 0…`classes` − 1.
    """
    if row is None:
        return absent(CONFUSION, Reason.MISSING_ARMS)
    if labels is None or key(row) not in predictions:
        return absent(CONFUSION, Reason.MISSING_FILE)
    predicted = predictions[key(row)]
    counts = confusion_counts(labels[: len(predicted)], predicted, classes)
    right, of_class, answers = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    recall = right / np.maximum(of_class, 1)
    precision = right / np.maximum(answers, 1)
    f1 = 2 * right / np.maximum(of_class + answers, 1)
    wrong = counts - np.diag(right)
    order = np.argsort(-wrong, axis=None, kind="stable")[:5]
    pairs = [
        {"true": int(i // classes), "predicted": int(i % classes), "count": int(wrong.flat[i])}
        for i in order
        if wrong.flat[i] > 0
    ]
    numbers = {
        "run_id": str(row["run_id"]),
        "pairs": pairs,
        "recall": recall.tolist(),
        "worst_class": int(recall.argmin()),
        "worst_recall": float(recall.min()),
        "best_class": int(recall.argmax()),
        "best_recall": float(recall.max()),
        "errors": int(wrong.sum()),
        "images": int(predicted.size),
        "classes": [
            {
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "images": int(of_class[k]),
            }
            for k in range(classes)
        ],
    }
    return Measured(
        verdict=Verdict.SUPPORTED,
        reason=Reason.MEASURED,
        numbers=numbers,
        rows=(str(row["run_id"]),),
    )


def confusion_counts(
    labels: npt.NDArray[np.uint8], predicted: npt.NDArray[np.uint8], classes: int
) -> npt.NDArray[np.int64]:
    """Returns int64 [C, C], numbers of images by true class (row) and predicted class (column)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (labels, np.minimum(predicted, classes - 1)), 1)
    return counts


def confusion_shares(
    keys: Iterable[str], predictions: Classes, labels: Labels, classes: int
) -> npt.NDArray[np.float64] | None:
    """Returns float64 [C, C], the confusion matrix in per cent of the true class (row).

    The evaluations with these keys are added up. The result is None if none of them is stored.
    """
    stored = [predictions[key] for key in keys if key in predictions]
    if labels is None or not stored:
        return None
    counts = np.sum([confusion_counts(labels[: len(found)], found, classes) for found in stored], axis=0)
    return np.asarray(100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


BEST = (
    "arm",
    "model",
    "init",
    "init_source",
    "scope",
    "lr_policy",
    "n_seeds",
    "train_accuracy",
    "val_accuracy",
    "test_accuracy",
    "test_low",
    "test_high",
    "test_sd_pp",
    "macro_f1",
    "ece",
    "gap_pp",
    "run_id",
    "lr",
    "seconds",
    "rung",
)


def best_arm(runs: Runs) -> tuple[Arm, Row] | None:
    """Returns the arm with the best mean validation accuracy, and its best run on validation."""
    means = {arm: summary(column({arm: seeds}, "val_accuracy")).mean for arm, seeds in runs.items()}
    known = {arm: value for arm, value in means.items() if not math.isnan(value)}
    if not known:
        return None
    arm = max(known, key=lambda key: known[key])
    rows = list(runs[arm].values())
    return arm, max(rows, key=lambda row: float(np.nan_to_num(number(row["val_accuracy"]), nan=-1)))


def best(runs: Runs) -> Measured:
    """Reports the arm that is best on validation, with its accuracies as means over seeds."""
    chosen = best_arm(runs)
    if chosen is None:
        return absent(BEST, Reason.MISSING_ARMS)
    arm, row = chosen
    only = {arm: runs[arm]}
    test = accuracy_summary(runs[arm].values())
    means = {
        key: summary(column(only, key)).mean
        for key in ("train_accuracy", "val_accuracy", "macro_f1", "ece", "lr")
    }
    numbers = {
        "arm": arm.name,
        "model": arm.model,
        "init": arm.init.value,
        "init_source": str(row["init_source"]),
        "scope": arm.scope.value,
        "lr_policy": arm.lr_policy.value,
        "n_seeds": test.n,
        **means,
        "test_accuracy": test.mean,
        "test_low": test.low,
        "test_high": test.high,
        "test_sd_pp": 100 * test.sd,
        "gap_pp": 100 * (means["train_accuracy"] - test.mean),
        "run_id": str(row["run_id"]),
        "seconds": summary(column(only, "seconds")).mean,
        "rung": int(row["rung"]),
    }
    return Measured(
        verdict=Verdict.SUPPORTED,
        reason=Reason.MEASURED,
        numbers=numbers,
        rows=tuple(run_ids(only)),
    )
