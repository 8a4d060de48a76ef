"""The outcome of runs as frozen values: points of curves and run records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from study.field_types import convert_exact
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
    """The outcome of one run at one rung. Values that were not measured are None.

    Attributes:
        spec: the run and its rung.
        state: whether the run has finished, failed, or was interrupted or skipped.
        reason: why it has not finished: a `Reason`, or the text of its error; else "".
        samples_seen: training images that passed through the network, repetitions included.
        val_accuracy: in [0, 1].
        val_loss: in nats.
        train_accuracy: in [0, 1].
        test_accuracy: in [0, 1].
        test_loss: in nats.
        macro_f1: F1 on test, averaged over the classes, in [0, 1].
        ece: expected calibration error on test, in [0, 1].
        train_judged: number of images on which the training accuracy was measured.
        validation_images: number of images on which validation was measured.
        test_images: number of images on which test was measured.
        train_seconds: seconds inside training steps that a training of this length takes alone: of the
            trunk up to the branching point of the rung, and of the cooldown of the rung. For frozen arms
            it includes the pass that computed the features, even if they came from a cache.
        step_seconds: seconds inside training steps that this evaluation added to those of lower rungs.
            Neither contains what was lost when a process was killed.
        judging_seconds: seconds of all forward passes of this evaluation that do not train.
        cached_seconds: the part of `train_seconds` that a cache of features saved.
        wall_seconds: wall-clock seconds that this evaluation took from the budget, summed over its
            attempts if it continued from a checkpoint.
        threads: number of threads of the process that trained.
        images_per_second: `samples_seen` divided by `train_seconds`.
        trainable_parameters: of the original architecture; a folded layer counts as unfolded.
        total_parameters: of the original architecture.
        peak_memory_mb: in 10^6 bytes: of the CUDA device, else resident memory of the process.
        checkpoint: name of the file with the network in the folder ``checkpoints``; "" if none is kept.
        history: points of the training curve.
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
        return {**asdict(self), "spec": self.spec.to_dict()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunRecord:
        """Creates the record from the result of `to_dict`.

        Raises:
            UsageError: a value is out of its range.
            Misshapen: the values are anything else.
        """
        return convert_exact(values, cls, required=("history", "recipe", "precision"))
