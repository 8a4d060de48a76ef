"""What a run has reached; readable while it runs and after it was stopped."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from study.records import EvaluationPoint


@dataclass(kw_only=True)
class Progress:
    """Attributes:
    seconds: inside training steps, of the whole training so far.
    accounted: of them, those that the judgements at lower rungs have counted already.
    judging: seconds of forward passes that do not train, of this judgement.
    earlier: wall-clock seconds of the parts of this judgement before this one, where it was taken up
        from a checkpoint.
    began: start of this part on the monotonic clock.
    """

    samples_seen: int = 0
    seconds: float = 0.0
    accounted: float = 0.0
    judging: float = 0.0
    history: list[EvaluationPoint] = field(default_factory=list)
    earlier: float = 0.0
    began: float = field(default_factory=time.monotonic)

    def wall(self) -> float:
        """Wall-clock seconds of all parts, judging included."""
        return self.earlier + time.monotonic() - self.began
