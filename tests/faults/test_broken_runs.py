"""What breaks inside a run is one failed row with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from study.data import LabelledImages
from study.matrix import arms
from study.networks import GOOGLENET
from study.records import EvaluationPoint, RunState
from study.spec import HyperParams, Init, Purpose, RunSpec, Scope
from study.training.run import Workshop, run
from study.training.runtime import detect, one_thread

ARM = next(arm for arm in arms((GOOGLENET,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FULL))


@pytest.fixture
def shop(fashion: LabelledImages, tmp_path: Path) -> Workshop:
    return Workshop(images=fashion, runtime=one_thread(detect("cpu", "fp32")), weights={}, folder=tmp_path)


def _spec(lr: float = 1e-3, rung: int = 64) -> RunSpec:
    return RunSpec(
        arm=ARM,
        purpose=Purpose.TRIAL,
        seed=1,
        hyper=HyperParams(lr=lr),
        rung=rung,
        train_images=64,
        batch_size=32,
        trial=0,
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (MemoryError(), "MemoryError: "),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB\nmore"),
            "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB",
        ),
    ],
)
def test_no_memory_is_a_failed_run(error: Exception, reason: str, shop: Workshop) -> None:
    def on_point(point: EvaluationPoint) -> None:
        raise error

    record = run(_spec(rung=640), shop, on_point=on_point).record
    assert (record.state, record.reason) == (RunState.FAILED, reason)
    assert run(_spec(), shop).record.state is RunState.FINISHED


def test_a_loss_that_is_not_a_number_is_a_failed_run(shop: Workshop) -> None:
    record = run(_spec(lr=1e30), shop).record
    assert record.state is RunState.FAILED and record.reason.startswith("TrainingError: the ")
