"""What breaks inside a run is one failed row with its reason."""

from __future__ import annotations

import pytest

from study.matrix import arms
from study.records import EvaluationPoint, RunState
from study.spec import HyperParams, Init, ModelName, Purpose, RunSpec, Scope
from study.training.run import Workshop, run

ARM = next(
    arm for arm in arms((ModelName.GOOGLENET,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FULL)
)


def _spec(lr: float = 1e-3) -> RunSpec:
    return RunSpec(
        arm=ARM, purpose=Purpose.TRIAL, seed=1, hyper=HyperParams(lr=lr), train_images=32, samples=64,
        batch_size=32, evaluations=2, validation_images=20, trial=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "MemoryError: "),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"),
         "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"),
    ],
)  # fmt: skip
def test_no_memory_is_a_failed_run(error: Exception, reason: str, small: Workshop) -> None:
    def on_evaluation(point: EvaluationPoint) -> None:
        raise error

    record = run(_spec(), small, on_evaluation=on_evaluation).record
    assert (record.state, record.reason) == (RunState.FAILED, reason)
    assert run(_spec(), small).record.state is RunState.FINISHED


def test_a_loss_that_is_not_a_number_is_a_failed_run(small: Workshop) -> None:
    record = run(_spec(lr=1e30), small).record
    assert record.state is RunState.FAILED and record.reason.startswith("TrainingError: the ")
