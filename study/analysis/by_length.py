"""Measures the effect of pre-training against the length of training (He et al. 2019)."""

from __future__ import annotations

import itertools
import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.analysis.arms import Row, finished, key
from study.analysis.evidence import Measured, absent
from study.analysis.interval import crossed_interval, image_error
from study.analysis.sources import Classes, Labels, hits
from study.analysis.verdicts import Reason, Verdict
from study.networks import ModelName
from study.spec import Init, LrPolicy

BY_LENGTH = (
    "points",
    "n_pairs",
    "crossing_samples",
    "crossing_low_samples",
    "crossing_high_samples",
    "first_pp",
    "last_pp",
)


def by_length(rungs: pd.DataFrame, predictions: Classes, labels: Labels, model: ModelName) -> Measured:
    """Compares pretrained and scratch at every rung that both have: whole network, uniform rates.

    The length at which the effect crosses zero is interpolated between two rungs, linearly over the
    logarithm of the length. Its interval contains the lengths at which the interval of the effect contains
    zero; an end that lies beyond the rungs is None.

    Args:
        rungs: columns of rungs.csv.
        predictions: maps the key of an evaluation to uint8 [n], the predicted classes.
        labels: uint8 [N], or None.
        model: the network.
    """
    cells: dict[Init, dict[tuple[int, int], Row]] = {init: {} for init in Init}
    for arm, row in finished(rungs):
        if arm.model == model and arm.lr_policy is LrPolicy.UNIFORM:
            cells[arm.init][int(row["rung"]), int(row["seed"])] = row
    shared = sorted(set(cells[Init.PRETRAINED]) & set(cells[Init.SCRATCH]))
    if not shared:
        return absent(BY_LENGTH, Reason.MISSING_ARMS)
    correct = hits(predictions, labels)
    points, ids = [], []
    for rung, places in itertools.groupby(shared, key=lambda place: place[0]):
        pairs = [(cells[Init.PRETRAINED][place], cells[Init.SCRATCH][place]) for place in places]
        values = [[100 * float(row["test_accuracy"]) for row in pair] for pair in pairs]
        per_seed = np.array([first - second for first, second in values])
        low, high = crossed_interval(per_seed, _image_error(pairs, correct))
        points.append(
            {
                "rung": rung,
                "effect_pp": float(per_seed.mean()),
                "low_pp": low,
                "high_pp": high,
                "n": len(pairs),
            }
        )
        ids += [str(row["run_id"]) for pair in pairs for row in pair]
    lengths = np.log([point["rung"] for point in points])
    effects, lows, highs = (
        np.array([point[name] for point in points]) for name in ("effect_pp", "low_pp", "high_pp")
    )
    crossing = _zero(lengths, effects)
    falls = effects[0] > 0
    numbers = {
        "points": points,
        "n_pairs": min(point["n"] for point in points),
        "crossing_samples": crossing,
        "crossing_low_samples": _zero(lengths, lows if falls else highs) if crossing else None,
        "crossing_high_samples": _zero(lengths, highs if falls else lows) if crossing else None,
        "first_pp": points[0]["effect_pp"],
        "last_pp": points[-1]["effect_pp"],
    }
    return Measured(
        verdict=Verdict.INCONCLUSIVE,
        reason=Reason.MEASURED,
        numbers=numbers,
        rows=tuple(dict.fromkeys(ids)),
    )


def _image_error(pairs: list[tuple[Row, Row]], correct: dict[str, npt.NDArray[np.float64]]) -> float:
    """Returns the standard error over test images; 0 without predictions or with one seed."""
    names = [key(row) for pair in pairs for row in pair]
    sizes = {correct[name].size if name in correct else 0 for name in names}
    if len(pairs) < 2 or len(sizes) != 1 or 0 in sizes:
        return 0.0
    return image_error(100 * np.stack([correct[key(a)] - correct[key(b)] for a, b in pairs]))


def _zero(lengths: npt.NDArray[np.float64], values: npt.NDArray[np.float64]) -> float | None:
    """Returns the first length at which the interpolated values cross zero, or None.

    Args:
        lengths: float64 [K], logarithms of the rungs.
        values: float64 [K], the values at the rungs.
    """
    for at in range(len(values) - 1):
        low, high = values[at], values[at + 1]
        if not math.isnan(low + high) and low != high and low * high <= 0:
            share = low / (low - high)
            return float(math.exp(lengths[at] + share * (lengths[at + 1] - lengths[at])))
    return None
