"""Defines the learning rate of a training: a trunk with a constant rate, and cooldowns at rungs.

A trunk warms up and then keeps its peak rate. For a rung, a copy of the trunk cools down to rate zero over
the last share of the rung's samples and is evaluated; the trunk continues to the next rung from the point
where the copy branched off (Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training Beyond Fixed
Training Durations"; rungs after Li et al. 2018, successive halving). So each rung has the result of a
complete schedule, for little more than the cost of the longest one.
"""

from __future__ import annotations

import math

from study.spec import RunSpec

#: Share of the training of an output layer in which its rate rises.
HEAD_WARM_UP = 0.15
_LEAST_FACTOR = 0.02


def branch_point(spec: RunSpec) -> int:
    """Returns the samples after which the copy for a rung branches off, a multiple of the batch size."""
    return int((1 - spec.recipe.cooldown) * spec.rung) // spec.batch_size * spec.batch_size


def trunk_factor(spec: RunSpec, seen: int) -> float:
    """Returns the factor of the peak rate, in (0, 1], for the trunk's step after `seen` samples."""
    return min(1.0, (seen + spec.batch_size) / spec.recipe.warm_up)


def cooldown_factor(spec: RunSpec, seen: int) -> float:
    """Returns the factor for the copy's step after `seen` samples; it falls linearly to nearly zero."""
    start = branch_point(spec)
    return trunk_factor(spec, start) * (spec.rung - seen) / (spec.rung - start)


def head_factor(share: float) -> float:
    """Returns the factor for the output layer at a share in [0, 1) of its steps: warm-up, then cosine."""
    if share < HEAD_WARM_UP:
        return max(share / HEAD_WARM_UP, _LEAST_FACTOR)
    return 0.5 * (1 + math.cos(math.pi * (share - HEAD_WARM_UP) / (1 - HEAD_WARM_UP)))
