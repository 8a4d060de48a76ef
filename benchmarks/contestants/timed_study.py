"""Trains this project's champion from scratch for given seconds, by its own clock and recipe.

It uses the entry by which a study trains its champion, with the batch size, rate and recipe with which a
study begins. As for the other contestants, only training counts: neither evaluations on validation (there
are none) nor the checkpoint that a study stores before the cooldown. The pass that computes BatchNorm's
statistics after the last step does count: one such pass is timed beforehand, and training ends so much
earlier.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from timed import read_task, report

from study.data import load, to_input
from study.datasets import FASHION_MNIST
from study.matrix import arms
from study.models import build
from study.networks import NETWORKS, ModelName
from study.planning.cost import measure
from study.spec import Init, LrPolicy, Purpose, RunSpec, Scope
from study.training.batchnorm_recalibration import settle
from study.training.champion import Clock, champion_spec
from study.training.defaults import LONG_RECIPE, default_hyper
from study.training.judging import judged
from study.training.loop import batch_sizes
from study.training.progress import Progress
from study.training.run import SETTLING_BATCH, Workshop, run
from study.training.runtime import Runtime, detect


@dataclass(kw_only=True)
class TrainingClock(Clock):
    """Ends a champion after given seconds inside its training loop.

    Attributes:
        seconds: seconds of training.
        used: seconds that it has used.
    """

    seconds: float
    used: float = field(default=0.0, init=False)
    _started: float = field(default=0.0, init=False)
    _left_trunk: float = field(default=0.0, init=False)

    def begin(self, progress: Progress) -> None:
        self._started = time.monotonic()
        super().begin(progress)

    def left(self) -> float:
        self.used = time.monotonic() - self._started
        return self.seconds - self.used

    def cooling(self, share: float) -> bool:
        begins = super().cooling(share)
        self._left_trunk = time.monotonic()
        return begins

    def begin_cooldown(self) -> None:
        self._started += time.monotonic() - self._left_trunk  # storing the trunk does not count
        super().begin_cooldown()

    def look_due(self) -> bool:
        return False


def main() -> None:
    task = read_task()
    runtime = detect("cpu", "auto")
    model = ModelName(task.model)
    arm = next(
        arm
        for arm in arms((model,))
        if (arm.init, arm.scope, arm.lr_policy) == (Init.SCRATCH, Scope.FULL, LrPolicy.UNIFORM)
    )
    own = RunSpec(
        arm=arm,
        purpose=Purpose.FINAL,
        seed=task.seed,
        hyper=default_hyper(arm),
        rung=2_000,
        batch_size=NETWORKS[model].batch_size,
        precision=runtime.precision,
    )
    speed = measure(model, 32, own.batch_size, runtime)
    spec = champion_spec(
        own,
        lambda batch: max(batch, int(speed.at_batch(batch / own.batch_size) * task.seconds)),
    )
    statistics = _statistics_seconds(spec, runtime)
    clock = TrainingClock(
        left_of_all=lambda: 0.0,
        from_run="none",
        judging=0.0,
        judged_images=0,
        seconds=task.seconds - statistics,
    )
    with tempfile.TemporaryDirectory() as folder:
        shop = Workshop(
            images=load(FASHION_MNIST, offline=True),
            runtime=runtime,
            weights={},
            folder=Path(folder),
            checkpoint_seconds=float("inf"),
        )
        record = run(spec, shop, clock=clock).record
    if not record.finished or record.test_images != len(shop.images.test_labels):
        raise SystemExit(f"{spec.name}: {record.reason}")
    report(
        accuracy=record.test_accuracy,
        seconds=clock.used + statistics,
        images=record.samples_seen,
        steps=-(-record.samples_seen // spec.batch_size),
        batch=spec.batch_size,
        rate=spec.hyper.lr,
        statistics_seconds=statistics,
        threads=runtime.threads,
        precision=runtime.precision.value,
        long_recipe=spec.recipe == LONG_RECIPE,
    )


@torch.no_grad()
def _statistics_seconds(spec: RunSpec, runtime: Runtime) -> float:
    """Returns the seconds of the pass over training images for BatchNorm's statistics.

    They are almost zero for a network without such layers.
    """
    network = build(spec.arm.model, weights=None, resolution=spec.resolution, fold=spec.fold, seed=0)
    network.to(runtime.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    pixels = torch.zeros(judged(spec).settling, 28, 28, dtype=torch.uint8)

    def forward(x: torch.Tensor) -> object:
        with runtime.autocast():
            return network(x.contiguous(memory_format=torch.channels_last))

    began = time.monotonic()
    parts = pixels.split(batch_sizes(len(pixels), SETTLING_BATCH))
    settle(network, (to_input(x, spec.resolution) for x in parts), forward)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
