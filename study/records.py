"""The outcome of runs as frozen values: points of curves and run records."""

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

    def __str__(self) -> str:
        return str(self.value)


class Reason(str, Enum):
    """The reason why a run or an arm is not finished; the report translates it.

    A failed run has the text of its error instead.
    """

    BUDGET = "not reached within the budget"
    DEADLINE = "stopped by the deadline"
    STOPPED = "stopped by the user"
    PRETRAINING_TIME = "no pre-trained weights: pre-training does not fit the budget"
    PRETRAINING_GATE = "no pre-trained weights: the pre-training did not pass its gate"
    PACKAGE = "a package is not installed"
    WEIGHTS_FILE = "the weights file is not the published one"
    ERROR = "ended by an error"

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, kw_only=True)
class EvaluationPoint:
    """A point of a training curve.

    Attributes:
        samples_seen: samples since the start.
        seconds: training time so far; for frozen arms it includes the pass that computed the features.
        train_loss: mean training loss since the previous point, in nats.
        val_accuracy: in [0, 1]; None if validation was not evaluated here.
        val_loss: in nats; None if validation was not evaluated here.
    """

    samples_seen: int
    seconds: float
    train_loss: float
    val_accuracy: float | None = None
    val_loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """The outcome of one run at one rung. Accuracies in [0, 1]; what was not measured is None.

    Attributes:
        train_seconds: seconds inside training steps that a training of this length alone takes: of
            the trunk up to where the rung leaves it, and of the rung's own cooldown. For frozen arms
            the pass that computed the features is included, also where a cache served it:
            `cached_seconds` says how much was saved.
        step_seconds: seconds inside training steps that this judgement added to those of the rung
            before (what was lost by a kill is in neither).
        judging_seconds: of every forward pass of this judgement that does not train.
        wall_seconds: what the budget paid for this judgement; of all parts of one that was taken up
            from a checkpoint.
        threads: of the process that trained.
        train_judged, validation_images, test_images: how many images the accuracies are over.
    """

    spec: RunSpec
    state: RunState
    reason: str = ""
    samples_seen: int = 0
    val_accuracy: float | None = None
    val_loss: float | None = None
    train_accuracy: float | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    macro_f1: float | None = None
    ece: float | None = None
    train_judged: int | None = None
    validation_images: int | None = None
    test_images: int | None = None
    train_seconds: float = 0.0
    step_seconds: float = 0.0
    judging_seconds: float = 0.0
    cached_seconds: float = 0.0
    wall_seconds: float = 0.0
    threads: int = 1
    images_per_second: float | None = None
    trainable_parameters: int | None = None
    total_parameters: int | None = None
    peak_memory_mb: float | None = None
    checkpoint: str = ""
    history: tuple[EvaluationPoint, ...] = ()

    @property
    def finished(self) -> bool:
        return self.state is RunState.FINISHED

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunRecord:
        """Creates the record from the result of `to_dict`.

        Raises:
            UsageError, KeyError, TypeError, ValueError: the values are anything else.
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
