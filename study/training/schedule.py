"""The learning rate over a training: a trunk at a constant peak, and cooldowns that leave it at rungs.

A training is a trunk that warms up and then keeps its peak rate. At a rung a copy of it is cooled down
to rate zero over the last share of the rung's samples and judged, while the trunk goes on to the next
rung from where the copy left it (Hägele et al. 2024, "Scaling Laws and Compute-Optimal Training Beyond
Fixed Training Durations"; the rungs are those of Li et al. 2018, successive halving). So each rung has
a result of a whole schedule, for little more than the cost of the longest alone.
"""

from __future__ import annotations

import math

from study.spec import RunSpec

#: Share of the passes of an output layer in which its rate climbs.
HEAD_WARM_UP = 0.15
_LEAST_FACTOR = 0.02


def branch_point(spec: RunSpec) -> int:
    """Samples after which the copy for the spec's rung leaves the trunk: a whole number of batches."""
    return int((1 - spec.recipe.cooldown) * spec.rung) // spec.batch_size * spec.batch_size


def trunk_factor(spec: RunSpec, seen: int) -> float:
    """Factor of the peak rate, in (0, 1], of the step that begins after `seen` samples of the trunk."""
    return min(1.0, (seen + spec.batch_size) / spec.recipe.warm_up)


def cooldown_factor(spec: RunSpec, seen: int) -> float:
    """Factor of the step that begins after `seen` samples of the copy: from the trunk's to nearly zero."""
    start = branch_point(spec)
    return trunk_factor(spec, start) * (spec.rung - seen) / (spec.rung - start)


def head_factor(share: float) -> float:
    """Factor at a share in [0, 1) of the training of an output layer: warm-up, then half a cosine."""
    if share < HEAD_WARM_UP:
        return max(share / HEAD_WARM_UP, _LEAST_FACTOR)
    return 0.5 * (1 + math.cos(math.pi * (share - HEAD_WARM_UP) / (1 - HEAD_WARM_UP)))
