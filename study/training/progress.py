"""What a run has reached; readable while it runs and after it was stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from study.records import EvaluationPoint


@dataclass(kw_only=True)
class Progress:
    """seconds: of training, without evaluation and checkpoints.

    earlier: wall-clock seconds of the parts of the run before this one, where it was taken up from a
    checkpoint; began: start of this part on the monotonic clock.
    """

    samples_seen: int = 0
    seconds: float = 0.0
    history: list[EvaluationPoint] = field(default_factory=list)
    earlier: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def wall(self) -> float:
        """Wall-clock seconds of all parts, evaluation included."""
        return self.earlier + time.monotonic() - self.began
