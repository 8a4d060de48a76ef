"""Measures the side experiments: accuracy by labels, by trained stages, by first-layer adaptation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.arms import Row, Summary, finished, number, summary
from study.analysis.evidence import Measured, absent, paired
from study.analysis.verdicts import PAIRS_FOR_A_MEASUREMENT, Reason, Verdict
from study.networks import ModelName
from study.spec import Experiment, FirstConv, Init

#: Test accuracy in [0, 1] by seed.
Seeds = dict[int, float]

LABELS = (
    "points",
    "labels_scratch",
    "labels_pretrained",
    "labels_ratio",
    "difference_pp",
    "difference_low_pp",
    "difference_high_pp",
    "samples",
    "n_pairs",
)


def labels(experiments: pd.DataFrame, model: ModelName) -> Measured:
    """Compares pretrained and scratch on several numbers of training images, with equal samples.

    Numbers of the result: `points` has the means for each number of images, over the seeds that both inits
    have, and the interval of their difference. `labels_scratch` is the number of images at which scratch is
    most accurate. `labels_pretrained` is a smaller number at which pretrained is shown to be more accurate
    than that, see `_saving`; NaN if there is none. `difference_pp` is pretrained minus scratch at its best:
    pretrained with `labels_pretrained` images or, if that is NaN, with all of them. `n_pairs` is the least
    number of seeds of a point.
    """
    rows = _rows(experiments, model, Experiment.LABELS)
    points: list[dict[str, Any]] = []
    cells: dict[int, tuple[Seeds, Seeds]] = {}
    for images in sorted({int(row["train_images"]) for row in rows}):
        first, second = (
            {
                int(r["seed"]): float(r["test_accuracy"])
                for r in rows
                if r["train_images"] == images and r["init"] == init.value
            }
            for init in (Init.PRETRAINED, Init.SCRATCH)
        )
        seeds = sorted(set(first) & set(second))
        if seeds:
            cells[images] = {s: first[s] for s in seeds}, {s: second[s] for s in seeds}
            found = summary(100 * (first[seed] - second[seed]) for seed in seeds)
            points.append(
                {
                    "train_images": images,
                    "pretrained": float(np.mean([first[seed] for seed in seeds])),
                    "scratch": float(np.mean([second[seed] for seed in seeds])),
                    "effect_pp": found.mean,
                    "low_pp": found.low,
                    "high_pp": found.high,
                    "n_pairs": found.n,
                }
            )
    if len(points) < 2:
        return absent(LABELS, Reason.NOT_IN_MATRIX)
    best = max(points, key=lambda point: point["scratch"])["train_images"]
    reached, difference, verdict, reason = _saving(cells, best)
    numbers = {
        "points": points,
        "labels_scratch": best,
        "labels_pretrained": reached,
        "labels_ratio": best / reached,
        "difference_pp": difference.mean,
        "difference_low_pp": difference.low,
        "difference_high_pp": difference.high,
        "n_pairs": min(point["n_pairs"] for point in points),
        "samples": max(number(row["samples_seen"]) for row in rows),
    }
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=_ids(rows))


def _saving(cells: dict[int, tuple[Seeds, Seeds]], best: int) -> tuple[float, Summary, Verdict, Reason]:
    """Decides whether pretrained with fewer images is more accurate than scratch at its best.

    For each number of images there is an interval, paired over seeds, of pretrained with so many images
    minus scratch with `best` images. Supported: an interval with fewer images than `best` lies above zero.
    Refuted: all intervals lie below zero, that with all images too. There is no margin of equivalence.
    Scratch's best is chosen by the means of the same runs, which biases the differences downwards: if the
    inits do not differ, a saving is claimed in under 1 % of simulated studies of 3 to 10 seeds, and the
    opposite in under 3 %.

    Args:
        cells: maps the number of images, ascending, to the accuracies of pretrained and of scratch by seed.
        best: number of images at which scratch is most accurate.

    Returns:
        The smallest number of images that suffices, NaN unless supported; the difference at that number, or
        else with all images; the verdict; and its reason.
    """
    scratch = cells[best][1]
    found = {
        images: paired([100 * (cell[s] - scratch[s]) for s in cell if s in scratch])
        for images, (cell, _) in cells.items()
    }
    whole = found[max(found)][0]
    if min(difference.n for difference, _, _ in found.values()) < PAIRS_FOR_A_MEASUREMENT:
        return math.nan, whole, Verdict.INCONCLUSIVE, Reason.FEW_PAIRS
    for images, (difference, verdict, reason) in found.items():
        if images < best and verdict is Verdict.SUPPORTED:
            return images, difference, verdict, reason
    if all(verdict is Verdict.REFUTED for _, verdict, _ in found.values()):
        return math.nan, whole, Verdict.REFUTED, Reason.BELOW_ZERO
    reason = Reason.MEASURED if best == min(found) else Reason.COVERS_ZERO
    return math.nan, whole, Verdict.INCONCLUSIVE, reason


DEPTH = (
    "points",
    "best_stages",
    "best_accuracy",
    "first_accuracy",
    "last_accuracy",
    "all_stages",
    "n_pairs",
    "difference_pp",
    "difference_low_pp",
    "difference_high_pp",
    "samples",
)


def depth(experiments: pd.DataFrame, model: ModelName, stages: int) -> Measured:
    """Measures the test accuracy of the pretrained network by the number of trained stages.

    The labels experiment's run on the most images trains all stages in the same way, so it is the last
    point. `difference_pp` is the best intermediate depth minus the better of the two ends, paired over
    seeds. The best depth is chosen by the means of the same runs, which biases the difference upwards.

    Args:
        experiments: columns of experiments.csv.
        model: the network.
        stages: number of stages below the output layer.
    """
    rows = _rows(experiments, model, Experiment.DEPTH)
    ends = _whole(experiments, model)
    found: dict[int, dict[int, float]] = {}
    for row in rows:
        cell = found.setdefault(int(row["unfrozen_stages"]), {})
        cell[int(row["seed"])] = float(row["test_accuracy"])
    if ends:
        found[stages] = {int(row["seed"]): float(row["test_accuracy"]) for row in ends}
    if not {0, stages} <= set(found) or not any(0 < k < stages for k in found):
        return absent(DEPTH, Reason.NOT_IN_MATRIX)
    seeds = sorted(set.intersection(*(set(cell) for cell in found.values())))
    if not seeds:
        return absent(DEPTH, Reason.MISSING_ARMS)
    mean = {k: float(np.mean([cell[seed] for seed in seeds])) for k, cell in sorted(found.items())}
    middle = max((k for k in mean if 0 < k < stages), key=lambda k: mean[k])
    end = max((0, stages), key=lambda k: mean[k])
    difference, verdict, reason = paired([100 * (found[middle][seed] - found[end][seed]) for seed in seeds])
    best = max(mean, key=lambda k: mean[k])
    numbers = {
        "points": [
            {
                "stages": k,
                "accuracy": value,
                "low": min(found[k][s] for s in seeds),
                "high": max(found[k][s] for s in seeds),
            }
            for k, value in mean.items()
        ],
        "best_stages": best,
        "best_accuracy": mean[best],
        "first_accuracy": mean[0],
        "last_accuracy": mean[stages],
        "all_stages": stages,
        "n_pairs": difference.n,
        "difference_pp": difference.mean,
        "difference_low_pp": difference.low,
        "difference_high_pp": difference.high,
        "samples": max(number(row["samples_seen"]) for row in rows),
    }
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=_ids([*rows, *ends]))


ADAPTATION = (
    "n_pairs",
    "usual_accuracy",
    "other_accuracy",
    "difference_pp",
    "difference_low_pp",
    "difference_high_pp",
    "channels",
    "samples",
)


def adaptation(
    experiments: pd.DataFrame, model: ModelName, other: FirstConv, channels: int | None
) -> Measured:
    """Compares the study's way of adapting the first convolution with another way.

    The study's way is the labels experiment's pretrained run on the most images, which is otherwise the
    same training. `difference_pp` is the study's way minus the other, paired over seeds.

    Args:
        experiments: columns of experiments.csv.
        model: the network.
        other: the other way.
        channels: input channels of the pre-trained first convolution (three were summed, one was kept);
            None if unknown.
    """
    usual = {int(row["seed"]): row for row in _whole(experiments, model)}
    rows = {
        int(row["seed"]): row
        for row in _rows(experiments, model, Experiment.ADAPTATION)
        if row["first_conv"] == other.value
    }
    seeds = sorted(set(usual) & set(rows))
    if not seeds:
        return absent(ADAPTATION, Reason.NOT_IN_MATRIX)
    first, second = ([100 * float(side[seed]["test_accuracy"]) for seed in seeds] for side in (usual, rows))
    difference, verdict, reason = paired([a - b for a, b in zip(first, second, strict=True)])
    numbers = {
        "n_pairs": difference.n,
        "usual_accuracy": float(np.mean(first)) / 100,
        "other_accuracy": float(np.mean(second)) / 100,
        "difference_pp": difference.mean,
        "difference_low_pp": difference.low,
        "difference_high_pp": difference.high,
        "channels": channels,
        "samples": max(number(row["samples_seen"]) for row in rows.values()),
    }
    return Measured(
        verdict=verdict,
        reason=reason,
        numbers=numbers,
        rows=_ids([side[seed] for side in (usual, rows) for seed in seeds]),
    )


def _whole(experiments: pd.DataFrame, model: ModelName) -> list[Row]:
    """Returns the pretrained runs of the labels experiment on the most images."""
    rows = [
        row for row in _rows(experiments, model, Experiment.LABELS) if row["init"] == Init.PRETRAINED.value
    ]
    most = max((row["train_images"] for row in rows), default=None)
    return [row for row in rows if row["train_images"] == most]


def _rows(experiments: pd.DataFrame, model: ModelName, experiment: Experiment) -> list[Row]:
    chosen = experiments[experiments["experiment"] == experiment.value]
    return [row for arm, row in finished(chosen) if arm.model == model]


def _ids(rows: list[Row]) -> tuple[str, ...]:
    return tuple(str(row["run_id"]) for row in rows)
