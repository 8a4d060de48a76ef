"""What happened, as frozen values: evaluation points and run records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from study.field_types import check_types
from study.spec import RunSpec


class RunState(str, Enum):
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    PRUNED = "pruned"

    def __str__(self) -> str:
        return str(self.value)


class Reason(str, Enum):
    """Why a run or an arm is not finished; the report translates these words.

    A failed run has the text of its error instead.
    """

    BUDGET = "not reached within the budget"
    DEADLINE = "stopped by the deadline"
    STOPPED = "stopped by the user"
    PRUNED = "given up: worse than the median of the other trials"
    PRETRAINING_TIME = "no pre-trained weights: pre-training does not fit the budget"
    PRETRAINING_GATE = "no pre-trained weights: the pre-training did not pass its gate"
    PACKAGE = "a package is not installed"
    WEIGHTS_FILE = "the weights file is not the published one"
    ERROR = "ended by an error"

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, kw_only=True)
class EvaluationPoint:
    """Validation inside a run; accuracies lie in [0, 1].

    seconds leave evaluation out and, for frozen arms, begin with the pass that computed the
    features.
    """

    samples_seen: int
    seconds: float
    train_loss: float
    val_accuracy: float
    val_loss: float


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The outcome of one run. Accuracies in [0, 1]; what was not measured is None.

    train_seconds leave evaluation out and, for frozen arms, include the pass that computed
    the features (also when a cache served them: `cached_seconds` says how much was saved).
    wall_seconds is what the budget paid. Both are of all parts of a run that was taken up from a
    checkpoint; what was done after the checkpoint and lost is in neither.
    """

    spec: RunSpec
    state: RunState
    reason: str = ""
    samples_seen: int = 0
    val_accuracy: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    macro_f1: float | None = None
    ece: float | None = None
    train_seconds: float = 0.0
    cached_seconds: float = 0.0
    wall_seconds: float = 0.0
    images_per_second: float | None = None
    trainable_parameters: int | None = None
    total_parameters: int | None = None
    peak_memory_mb: float | None = None
    checkpoint: str = ""
    history: tuple[EvaluationPoint, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunRecord:
        """What `to_dict` gave, also of an older version.

        Raises:
            UsageError, KeyError, TypeError, ValueError: it is anything else.
        """
        history = tuple(EvaluationPoint(**point) for point in values["history"])
        record = cls(
            **{
                **values,
                "spec": RunSpec.from_dict(values["spec"]),
                "state": RunState(values["state"]),
                "history": history,
            }
        )
        for part in (record, *history):
            check_types(part)
        return record
