"""The project's own runs, through the same entry as in a study.

full: images per second of the run's clock after a warm-up run. frozen: `EPOCHS` epochs ×
`TRIALS` trials over the task's images, wall time of the whole trials: building the network, the
pass through the backbone, the heads and validation on 1,000 images included.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[2]))

from common import BATCH, LR, WEIGHT_DECAY, Task, read_task, report

from study.data import load
from study.matrix import arms
from study.spec import HyperParams, Init, LrPolicy, ModelName, Purpose, RunSpec, Scope
from study.training.defaults import LONG_RECIPE
from study.training.run import Workshop, run
from study.training.runtime import detect

EPOCHS, TRIALS = 10, 5


def main() -> None:
    precision = sys.argv.pop(1)
    task = read_task()
    runtime = detect("cpu", precision)
    fashion = load(offline=True)
    with TemporaryDirectory() as folder:
        shop = Workshop(fashion=fashion, runtime=runtime, weights={}, folder=Path(folder))
        _contest(task, shop)


def _contest(task: Task, shop: Workshop) -> None:
    arm = next(
        arm for arm in arms((ModelName(task.model),))
        if arm.init is Init.SCRATCH and arm.scope is Scope(task.scope)
        and arm.lr_policy in (LrPolicy.UNIFORM, LrPolicy.NONE)
    )  # fmt: skip
    spec = RunSpec(
        arm=arm, purpose=Purpose.TRIAL, seed=1,
        hyper=HyperParams(lr=LR, weight_decay=WEIGHT_DECAY),
        train_images=BATCH * task.steps, rung=BATCH * task.warm_up, batch_size=BATCH, head_passes=EPOCHS,
        recipe=LONG_RECIPE, precision=shop.runtime.precision, trial=0,
    )  # fmt: skip
    if task.scope == "full":
        run(spec, shop)
        record = run(replace(spec, seed=2, rung=BATCH * task.steps), shop).record
        report(record.samples_seen, record.train_seconds)
        return
    _frozen(task, spec, shop)


def _frozen(task: Task, spec: RunSpec, shop: Workshop) -> None:
    began = time.perf_counter()
    for trial in range(TRIALS):
        hyper = replace(spec.hyper, lr=LR * (trial + 1))
        run(replace(spec, rung=spec.train_images, hyper=hyper, trial=trial), shop)
    report(EPOCHS * TRIALS * spec.train_images, time.perf_counter() - began)


if __name__ == "__main__":
    main()
