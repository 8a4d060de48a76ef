"""The optimisation loop: one schedule, one order of data, for full and for frozen runs alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from study.errors import TrainingError
from study.records import EvaluationPoint
from study.spec import RunSpec
from study.training.runtime import Runtime

WARM_UP = 0.15


class Stopped(Exception):
    """The deadline or the user ended a run between two steps."""


class Pruned(Exception):
    """Tuning gave a trial up after an evaluation point."""


@dataclass(kw_only=True)
class Progress:
    """What a run has reached; readable while it runs and after it was stopped."""

    samples_seen: int = 0
    seconds: float = 0.0
    history: list[EvaluationPoint] = field(default_factory=list)


def batches(pool: int, samples: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Index batches from 0…pool−1 until `samples` are drawn; the order depends on (seed, epoch)."""
    left, epoch = samples, 0
    queue = torch.empty(0, dtype=torch.int64)
    while left > 0:
        size = min(batch_size, left)
        while len(queue) < size:
            generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
            queue = torch.cat([queue, torch.randperm(pool, generator=generator)])
            epoch += 1
        yield queue[:size]
        queue, left = queue[size:], left - size


def schedule(share: float) -> float:
    """Factor of the peak rate at a share of the run in [0, 1]: linear warm-up, then half a cosine."""
    if share < WARM_UP:
        return max(share / WARM_UP, 0.02)
    return 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


def fit(
    forward: Callable[[Tensor], Tensor],
    groups: list[dict[str, object]],
    labels: Tensor,
    spec: RunSpec,
    runtime: Runtime,
    *,
    progress: Progress,
    stop: Callable[[], None],
    evaluate: Callable[[], tuple[float, float]],
    on_evaluation: Callable[[EvaluationPoint], None],
) -> None:
    """Run AdamW (Loshchilov & Hutter 2019) over `spec.samples` images.

    Args:
        forward: int64 indices [B] into the pool → logits [B, 10].
        groups: optimizer groups; each group's lr is the peak of its schedule.
        labels: int64 [pool].
        progress: updated in place; its seconds leave evaluation out.
        stop: called before each step; raises `Stopped`.
        evaluate: → (accuracy, loss) on validation.
        on_evaluation: gets each point; may raise `Pruned`.

    Raises:
        TrainingError: the loss is not a finite number.
    """
    optimizer = torch.optim.AdamW(groups, fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    targets = labels.to(runtime.device)
    marks = {
        math.ceil(spec.samples * k / spec.evaluations / spec.batch_size)
        for k in range(1, spec.evaluations + 1)
    }
    losses: list[Tensor] = []
    mark = time.monotonic()
    for step, chosen in enumerate(
        batches(len(labels), spec.samples, spec.batch_size, spec.seed), start=1
    ):
        stop()
        factor = schedule(progress.samples_seen / spec.samples)
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * factor
        # [listing: train-step]
        logits = forward(chosen)
        loss = F.cross_entropy(
            logits.float(),
            targets[chosen.to(runtime.device)],
            label_smoothing=spec.hyper.label_smoothing,
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        # [/listing]
        losses.append(loss.detach())
        progress.samples_seen += len(chosen)
        if step in marks:
            mean_loss = float(torch.stack(losses).mean())
            progress.seconds += time.monotonic() - mark
            losses.clear()
            if not math.isfinite(mean_loss):
                raise TrainingError(f"the loss is {mean_loss} after {progress.samples_seen} samples")
            accuracy, val_loss = evaluate()
            point = EvaluationPoint(
                samples_seen=progress.samples_seen,
                seconds=progress.seconds,
                train_loss=mean_loss,
                val_accuracy=accuracy,
                val_loss=val_loss,
            )
            progress.history.append(point)
            on_evaluation(point)
            mark = time.monotonic()
