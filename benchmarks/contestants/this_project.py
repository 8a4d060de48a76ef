"""Trains the project's own runs through the same entry as in a study.

For full training the result is images per second inside the steps of a run, after a run that warms up;
flips, shifts and erasing are those of a study's longest trainings. For frozen training it is `EPOCHS`
epochs × `TRIALS` trials over the task's images in the wall time of the whole trials, including network
building, the pass through the backbone, the heads and validation on 1,000 images.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from common import BATCH, LR, WEIGHT_DECAY, Task, read_task, report

from study.data import load
from study.datasets import FASHION_MNIST
from study.matrix import arms
from study.networks import ModelName
from study.records import RunRecord
from study.spec import HyperParams, Init, LrPolicy, Purpose, RunSpec, Scope
from study.training.defaults import LONG_RECIPE
from study.training.run import Workshop, run
from study.training.runtime import detect

EPOCHS, TRIALS = 10, 5


def main() -> None:
    precision = sys.argv.pop(1)
    task = read_task()
    runtime = detect("cpu", precision)
    arm = next(
        arm
        for arm in arms((ModelName(task.model),))
        if arm.init is Init.SCRATCH
        and arm.scope is Scope(task.scope)
        and arm.lr_policy in (LrPolicy.UNIFORM, LrPolicy.NONE)
    )
    images = BATCH * task.steps
    spec = RunSpec(
        arm=arm,
        purpose=Purpose.TRIAL,
        seed=1,
        hyper=HyperParams(lr=LR, weight_decay=WEIGHT_DECAY),
        rung=images,
        train_images=images,
        batch_size=BATCH,
        head_passes=EPOCHS,
        recipe=LONG_RECIPE,
        precision=runtime.precision,
        trial=0,
    )
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(
            images=load(FASHION_MNIST, offline=True), runtime=runtime, weights={}, folder=Path(folder)
        )
        if task.scope == "full":
            # It is another trial; otherwise the timed run would continue from its trunk.
            _done(replace(spec, rung=BATCH * task.warm_up, trial=1), shop)
            record = _done(spec, shop)
            report(record.samples_seen, record.train_seconds)
        else:
            _frozen(task, spec, shop)


def _frozen(task: Task, spec: RunSpec, shop: Workshop) -> None:
    began = time.perf_counter()
    for trial in range(TRIALS):
        _done(replace(spec, hyper=replace(spec.hyper, lr=LR * (trial + 1)), trial=trial), shop)
    report(EPOCHS * TRIALS * spec.train_images, time.perf_counter() - began)


def _done(spec: RunSpec, shop: Workshop) -> RunRecord:
    record = run(spec, shop).record
    if not record.finished:
        raise SystemExit(f"{spec.name}: {record.reason}")
    return record


if __name__ == "__main__":
    main()
