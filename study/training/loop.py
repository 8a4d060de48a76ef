"""The optimisation loop: one schedule, one order of data, for full and for frozen runs alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from study.errors import TrainingError
from study.records import EvaluationPoint
from study.spec import RunSpec
from study.training.bookmark import Bookmark
from study.training.progress import Progress
from study.training.runtime import Runtime

WARM_UP = 0.15


class Stopped(Exception):
    """The deadline or the user ended a run between two steps."""


class Pruned(Exception):
    """Tuning gave a trial up after an evaluation point."""


def batch_sizes(samples: int, batch_size: int) -> list[int]:
    """How many of `samples` images each batch takes: `batch_size`, and the last one the rest.

    A rest of one joins the batch before it: BatchNorm cannot train on a single image whose map is
    1×1, as GoogLeNet's last ones are at 32×32.
    """
    whole, rest = divmod(samples, batch_size)
    sizes = [batch_size] * whole + [rest] * (rest > 0)
    if rest == 1 and whole:
        sizes[-2:] = [batch_size + 1]
    return sizes


def batches(pool: int, samples: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    """Index batches from 0…pool−1 until `samples` are drawn; the order depends on (seed, epoch)."""
    epoch = 0
    queue = torch.empty(0, dtype=torch.int64)
    for size in batch_sizes(samples, batch_size):
        while len(queue) < size:
            generator = torch.Generator().manual_seed(seed * 100_003 + epoch)
            queue = torch.cat([queue, torch.randperm(pool, generator=generator)])
            epoch += 1
        yield queue[:size]
        queue = queue[size:]


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
    bookmark: Bookmark | None = None,
) -> None:
    """Run AdamW (Loshchilov & Hutter 2019) over `spec.samples` images.

    Args:
        forward: int64 indices [B] into the pool → logits [B, 10].
        groups: optimizer groups; each group's lr is the peak of its schedule.
        labels: int64 [pool].
        progress: updated in place; its seconds leave evaluation out.
        stop: called before each step; raises `Stopped`.
        evaluate: → (accuracy, loss) on validation.
        on_evaluation: gets each point, those of earlier parts of the run too; may raise `Pruned`.
        bookmark: takes an earlier part of the run up, and keeps this one.

    Raises:
        TrainingError: the loss is not a finite number.
    """
    optimizer = torch.optim.AdamW(groups, fused=True)
    peaks = [group["lr"] for group in optimizer.param_groups]
    targets = labels.to(runtime.device)
    steps = len(batch_sizes(spec.samples, spec.batch_size))
    marks = {
        min(steps, math.ceil(spec.samples * k / spec.evaluations / spec.batch_size))
        for k in range(1, spec.evaluations + 1)
    }
    losses: list[Tensor] = []
    if bookmark is not None:
        bookmark.begin(optimizer, losses)
        for point in progress.history:
            on_evaluation(point)

    def judge() -> None:
        """An evaluation point. Stopped inside, it is made anew when the run is taken up."""
        began = time.monotonic()
        mean_loss = float(torch.stack(losses).mean())
        progress.seconds += time.monotonic() - began  # a device may still have been at work
        if not math.isfinite(mean_loss):
            raise TrainingError(f"the loss is {mean_loss} after {progress.samples_seen} samples")
        if bookmark is not None:
            bookmark.between_steps()
        accuracy, val_loss = evaluate()
        losses.clear()
        point = EvaluationPoint(
            samples_seen=progress.samples_seen,
            seconds=progress.seconds,
            train_loss=mean_loss,
            val_accuracy=accuracy,
            val_loss=val_loss,
        )
        progress.history.append(point)
        on_evaluation(point)

    done = min(steps, math.ceil(progress.samples_seen / spec.batch_size))
    if done in marks and losses:
        judge()
    drawn = batches(len(labels), spec.samples, spec.batch_size, spec.seed)
    for step, chosen in enumerate(islice(drawn, done, None), start=done + 1):
        if bookmark is not None:
            bookmark.between_steps()
        began = time.monotonic()
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
        progress.seconds += time.monotonic() - began
        if step in marks:
            judge()
