"""The state of a running or stopped training in numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from study.records import EvaluationPoint


@dataclass(kw_only=True)
class Progress:
    """The state of a training.

    Attributes:
        samples_seen: samples so far.
        seconds: seconds inside training steps so far.
        accounted: the part of `seconds` that the records of lower rungs contain.
        judging: seconds of forward passes without training, for the present rung.
        earlier: wall-clock seconds of earlier attempts at this rung, if it continued from a checkpoint.
        began: start of the present attempt, in seconds of `time.monotonic`.
        history: points of the curve.
    """

    samples_seen: int = 0
    seconds: float = 0.0
    accounted: float = 0.0
    judging: float = 0.0
    history: list[EvaluationPoint] = field(default_factory=list)
    earlier: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def wall(self) -> float:
        """Returns the wall-clock seconds of all attempts, with evaluation."""
        return self.earlier + time.monotonic() - self.began
