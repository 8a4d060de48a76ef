"""The training loop, with the same order of data and the same step for full and for frozen runs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from study.errors import TrainingError
from study.records import EvaluationPoint
from study.spec import RunSpec
from study.training.progress import Progress
from study.training.runtime import Runtime, default_generator

#: A point of the loss curve comes after so many samples, and after this share of the samples seen so far.
LEAST_BETWEEN, SHARE_BETWEEN = 500, 8
#: Numbers of the streams of random numbers. PyTorch's CPU generator uses only the last 32 bits of a seed,
#: so the last three digits of a seed distinguish the streams.
_AUGMENTATION, _DROPOUT, _SETTLING = 1, 2, 3


class Stopped(Exception):
    """The deadline or the user has ended a run between two steps."""


def batch_sizes(samples: int, batch_size: int) -> list[int]:
    """Returns the sizes of the batches that together have `samples` images.

    A rest of one image joins the previous batch, because BatchNorm cannot train on a single image whose map
    is 1×1, as GoogLeNet's last maps are at 32×32.
    """
    whole, rest = divmod(samples, batch_size)
    sizes = [batch_size] * whole + [rest] * (rest > 0)
    if rest == 1 and whole:
        sizes[-2:] = [batch_size + 1]
    return sizes


class Order:
    """The order in which images are drawn from a pool: a new permutation for every epoch.

    It depends only on seed and position, so that a training can continue from any position.
    """

    def __init__(self, pool: int, seed: int) -> None:
        self._pool, self._seed = pool, seed
        self._epochs: dict[int, Tensor] = {}

    def take(self, position: int, count: int) -> Tensor:
        """Returns indices into the pool, int64 [count], of the samples that follow `position`."""
        places = torch.arange(position, position + count)
        epochs = places // self._pool
        return torch.cat(
            [
                self._permutation(int(epoch))[places[epochs == epoch] % self._pool]
                for epoch in epochs.unique()  # type: ignore[no-untyped-call]
            ]
        )

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            self._epochs = {known: order for known, order in self._epochs.items() if known >= epoch - 1}
            generator = torch.Generator().manual_seed(self._seed * 100_003 + epoch)
            self._epochs[epoch] = torch.randperm(self._pool, generator=generator)
        return self._epochs[epoch]


def step_generator(seed: int, position: int) -> torch.Generator:
    """Returns the generator for the augmentation of the step that begins at a position."""
    return torch.Generator().manual_seed(_stream(seed, position, _AUGMENTATION))


def settling_generator(seed: int, position: int) -> torch.Generator:
    """Returns the generator for the augmentation of the images for BatchNorm's statistics."""
    return torch.Generator().manual_seed(_stream(seed, position, _SETTLING))


def _stream(seed: int, position: int, kind: int) -> int:
    return ((seed * 1_000_000_007 + position) * 8 + kind) % (1 << 63)


class Trainer:
    """Trains a network with AdamW (Loshchilov & Hutter 2019) from any position on.

    A step depends only on the network, the optimizer's state and the position: the order of data, the
    augmentation and dropout derive from seed and position at each step.
    """

    def __init__(
        self,
        forward: Callable[[Tensor, int], Tensor],
        groups: list[dict[str, Any]],
        labels: Tensor,
        spec: RunSpec,
        runtime: Runtime,
        *,
        progress: Progress,
        stop: Callable[[], None],
        between_steps: Callable[[], None] = lambda: None,
    ) -> None:
        """Creates the trainer.

        Args:
            forward: maps indices into the pool, int64 [B], and the position to logits [B, C].
            groups: optimizer groups; the lr of a group is the peak of its schedule.
            labels: int64 [pool].
            progress: is updated in place; its seconds are those inside steps.
            stop: is called before each step and may raise `Stopped`.
            between_steps: is called before each step; its time does not count as training.
        """
        self._forward, self._spec, self._runtime = forward, spec, runtime
        self._targets = labels.to(runtime.device)
        self._order = Order(len(labels), spec.seed)
        self._stop, self._between_steps = stop, between_steps
        self.progress = progress
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self._peaks = [group["lr"] for group in self.optimizer.param_groups]
        self.losses: list[Tensor] = []

    def advance(
        self, until: int, factor: Callable[[int], float], on_point: Callable[[], None] = lambda: None
    ) -> None:
        """Takes steps until `until` samples have been seen.

        Args:
            until: number of samples since the start of the training.
            factor: maps the samples seen to a factor of the peak rate.
            on_point: is called after each point of the curve.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        progress = self.progress
        with torch.random.fork_rng(devices=[]):
            for size in batch_sizes(until - progress.samples_seen, self._spec.batch_size):
                self._between_steps()
                began = time.monotonic()
                self._stop()
                self._step(size, factor(progress.samples_seen))
                progress.seconds += time.monotonic() - began
                if progress.samples_seen >= self._next_point():
                    self.note_point()
                    on_point()

    def note_point(
        self, val_accuracy: float | None = None, val_loss: float | None = None
    ) -> EvaluationPoint:
        """Adds a point to the curve: the mean loss since the previous point and, if given, validation.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        progress, history = self.progress, self.progress.history
        began = time.monotonic()
        mean_loss = float(torch.stack(self.losses).mean()) if self.losses else history[-1].train_loss
        progress.seconds += time.monotonic() - began  # the device may still be computing
        if not math.isfinite(mean_loss):
            raise TrainingError(f"the loss is {mean_loss} after {progress.samples_seen} samples")
        point = EvaluationPoint(
            samples_seen=progress.samples_seen,
            seconds=progress.seconds,
            train_loss=mean_loss,
            val_accuracy=val_accuracy,
            val_loss=val_loss,
        )
        if history and history[-1].samples_seen == point.samples_seen:
            history.pop()
        history.append(point)
        self.losses.clear()
        return point

    def _step(self, size: int, factor: float) -> None:
        progress, spec = self.progress, self._spec
        for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * factor
        chosen = self._order.take(progress.samples_seen, size)
        seed = _stream(spec.seed, progress.samples_seen, _DROPOUT)
        default_generator(self._runtime.device).manual_seed(seed)
        # [listing: train-step]
        logits = self._forward(chosen, progress.samples_seen)
        targets = self._targets[chosen.to(self._runtime.device)]
        smoothing = spec.hyper.label_smoothing
        loss = F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        # [/listing]
        # Without smoothing, as on validation, so that both curves are comparable.
        plain = F.cross_entropy(logits.detach().float(), targets) if smoothing else loss.detach()
        self.losses.append(plain)
        progress.samples_seen += size

    def _next_point(self) -> int:
        last = self.progress.history[-1].samples_seen if self.progress.history else 0
        return last + max(LEAST_BETWEEN, last // SHARE_BETWEEN)
