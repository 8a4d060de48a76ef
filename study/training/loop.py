"""The optimisation loop: one order of data and one kind of step for full and for frozen runs alike."""

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

#: A point of the loss curve is noted after so many samples, and after so large a share of those seen.
LEAST_BETWEEN, SHARE_BETWEEN = 500, 8
#: Streams of random numbers: where they are seeded, they must differ. PyTorch's generator on the CPU takes
#: the last 32 bits of a seed alone, so it is the last three that keep them apart.
_AUGMENTATION, _DROPOUT, _SETTLING = 1, 2, 3


class Stopped(Exception):
    """The deadline or the user ended a run between two steps."""


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


class Order:
    """The order in which images are drawn from a pool: a new permutation for every epoch.

    It depends on (seed, position) alone, so a training can be taken up anywhere.
    """

    def __init__(self, pool: int, seed: int) -> None:
        self._pool, self._seed = pool, seed
        self._epochs: dict[int, Tensor] = {}

    def take(self, position: int, count: int) -> Tensor:
        """Indices int64 [count] into the pool: what is drawn after `position` samples."""
        places = torch.arange(position, position + count)
        epochs = places // self._pool
        return torch.cat([
            self._permutation(int(epoch))[places[epochs == epoch] % self._pool]
            for epoch in epochs.unique()  # type: ignore[no-untyped-call]
        ])  # fmt: skip

    def _permutation(self, epoch: int) -> Tensor:
        if epoch not in self._epochs:
            self._epochs = {known: order for known, order in self._epochs.items() if known >= epoch - 1}
            generator = torch.Generator().manual_seed(self._seed * 100_003 + epoch)
            self._epochs[epoch] = torch.randperm(self._pool, generator=generator)
        return self._epochs[epoch]


def step_generator(seed: int, position: int) -> torch.Generator:
    """The generator of the augmentation of the step that begins at a position."""
    return torch.Generator().manual_seed(_stream(seed, position, _AUGMENTATION))


def settling_generator(seed: int, position: int) -> torch.Generator:
    """The generator of the augmentation of images for BatchNorm's statistics; no step has the same."""
    return torch.Generator().manual_seed(_stream(seed, position, _SETTLING))


def _stream(seed: int, position: int, kind: int) -> int:
    return ((seed * 1_000_000_007 + position) * 8 + kind) % (1 << 63)


class Trainer:
    """Steps of AdamW (Loshchilov & Hutter 2019) over one network, from any position on.

    What a step does depends on the network, the optimizer's state and the position alone: the order of
    data, the augmentation and dropout are drawn anew from (seed, position) at each step.
    """

    def __init__(
        self, forward: Callable[[Tensor, int], Tensor], groups: list[dict[str, Any]], labels: Tensor,
        spec: RunSpec, runtime: Runtime, *, progress: Progress, stop: Callable[[], None],
        between_steps: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """
        Args:
            forward: (int64 indices [B] into the pool, position) → logits [B, 10].
            groups: optimizer groups; each group's lr is the peak of its schedule.
            labels: int64 [pool].
            progress: updated in place; its seconds are those inside steps.
            stop: called before each step; raises `Stopped`.
            between_steps: called before each step, outside the seconds of training.
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
        """Take steps until `until` samples are seen.

        Args:
            factor: samples seen → factor of the peak rate.
            on_point: called after each point of the curve, once it is noted.

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
        """A point of the curve: the mean loss since the last one, and validation where it was looked at.

        Raises:
            TrainingError: the loss is not a finite number.
        """
        progress, history = self.progress, self.progress.history
        began = time.monotonic()
        mean_loss = float(torch.stack(self.losses).mean()) if self.losses else history[-1].train_loss
        progress.seconds += time.monotonic() - began  # a device may still have been at work
        if not math.isfinite(mean_loss):
            raise TrainingError(f"the loss is {mean_loss} after {progress.samples_seen} samples")
        point = EvaluationPoint(samples_seen=progress.samples_seen, seconds=progress.seconds,
                                train_loss=mean_loss, val_accuracy=val_accuracy,
                                val_loss=val_loss)  # fmt: skip
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
        # Without smoothing, as on validation, so that both curves can be compared.
        plain = F.cross_entropy(logits.detach().float(), targets) if smoothing else loss.detach()
        self.losses.append(plain)
        progress.samples_seen += size

    def _next_point(self) -> int:
        last = self.progress.history[-1].samples_seen if self.progress.history else 0
        return last + max(LEAST_BETWEEN, last // SHARE_BETWEEN)
