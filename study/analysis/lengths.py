"""Reads accuracy against the length of training off the rungs, never inside a schedule."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from study.analysis.arms import Runs, courses, number

#: float64 [K, 3] of one training: images, seconds and test accuracy at each of its K rungs.
Path = npt.NDArray[np.float64]
IMAGES, SECONDS, ACCURACY = 0, 1, 2
#: Lower bound of seconds, so that their logarithm exists.
_SHORTEST = 1e-9


def paths(rungs: pd.DataFrame, runs: Runs) -> dict[str, Path]:
    """Returns for each run_id the rungs of that training whose seconds are known, shortest first."""
    found = {}
    for run_id, rows in courses(rungs, runs).items():
        points = [[number(row[name]) for name in ("rung", "seconds", "test_accuracy")] for row in rows]
        known = np.array([point for point in points if not math.isnan(point[SECONDS])], dtype=np.float64)
        if known.size:
            # A longer training cannot take less time, but clocks on a busy machine may say so.
            known[:, SECONDS] = np.maximum.accumulate(np.maximum(known[:, SECONDS], _SHORTEST))
            found[run_id] = known
    return found


def accuracy_at(path: Path, seconds: float) -> float:
    """Returns the test accuracy of a training that takes `seconds`.

    Between two rungs it is interpolated linearly over the logarithm of seconds. Before the first rung it is
    the accuracy of the first, and beyond the last one that of the last.
    """
    return float(np.interp(math.log(max(seconds, _SHORTEST)), np.log(path[:, SECONDS]), path[:, ACCURACY]))


def length_to(path: Path, target: float, axis: int) -> float:
    """Returns images or seconds of the shortest training that reaches the target accuracy.

    Between the rung that first has it and the one before, the length is interpolated over its logarithm.
    A training that has the target at its first rung may have reached it sooner.

    Args:
        path: the rungs of the training.
        target: test accuracy in [0, 1]; the result is NaN if no rung has it.
        axis: `IMAGES` or `SECONDS`.
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
