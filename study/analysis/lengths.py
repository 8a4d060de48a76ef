"""Accuracy against the length of training, read off the rungs and never inside a schedule."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.analysis.arms import Runs, courses, number

#: float64 [K, 3] of one training, a row for each of its rungs: images, seconds, test accuracy.
Path = npt.NDArray[np.float64]
IMAGES, SECONDS, ACCURACY = 0, 1, 2
_SHORTEST = 1e-9


def paths(rungs: pd.DataFrame, runs: Runs) -> dict[str, Path]:
    """run_id → the rungs of that training whose seconds are known, the shortest first."""
    found = {}
    for run_id, rows in courses(rungs, runs).items():
        points = [[number(row[name]) for name in ("rung", "seconds", "test_accuracy")] for row in rows]
        known = np.array([point for point in points if not math.isnan(point[SECONDS])], dtype=np.float64)
        if known.size:
            # A longer training took no less; clocks of a busy machine may say otherwise.
            known[:, SECONDS] = np.maximum.accumulate(np.maximum(known[:, SECONDS], _SHORTEST))
            found[run_id] = known
    return found


def accuracy_at(path: Path, seconds: float) -> float:
    """Test accuracy of a training that takes so many seconds.

    Between two rungs it is read off a line over the logarithm of seconds; beyond the last rung the
    last one stands, and before the first one the first.
    """
    return float(np.interp(math.log(max(seconds, _SHORTEST)), np.log(path[:, SECONDS]), path[:, ACCURACY]))


def length_to(path: Path, target: float, axis: int) -> float:
    """Images or seconds of the shortest training with the target accuracy; NaN where none has it.

    Between the rung that first has it and the one before it is read off a line over the logarithm; a
    training that has it at its first rung may have had it sooner.
    """
    reached = np.flatnonzero(path[:, ACCURACY] >= target)
    if not reached.size:
        return math.nan
    at = int(reached[0])
    if at == 0:
        return float(path[0, axis])
    low, high = path[at - 1], path[at]
    share = (target - low[ACCURACY]) / (high[ACCURACY] - low[ACCURACY])
    return math.exp((1 - share) * math.log(low[axis]) + share * math.log(high[axis]))
