"""Measures the speeds of the machine and predicts the seconds of runs at these speeds."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from study.data import augment, to_input
from study.datasets import FASHION_MNIST, DatasetDescriptor
from study.matrix import arms
from study.models import build
from study.models.network import Network
from study.networks import ModelName
from study.pretraining.recipe import Recipe
from study.spec import RunSpec, Scope
from study.training.defaults import default_hyper
from study.training.evaluate import batches_of, evaluation_batch
from study.training.judging import judged
from study.training.param_groups import param_groups
from study.training.runtime import Runtime, synchronise

#: Side of the images in pixels, and batch size, of pre-training; they do not depend on the study.
SMALL, PRETEXT_BATCH = 32, Recipe.batch_size
#: Bounds for the ratio of p95 to p50 of a run.
LEAST_TAIL, MOST_TAIL = 1.1, 1.5
_WARM_UP, _STEPS, _SECONDS = 2, 8, 3.0


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Median speeds of one network, in images per second where nothing else is said.

    Attributes:
        train: full training with the study's batch size.
        inference: evaluation.
        build: seconds to build the network.
        head: training of the output layer on cached features.
        tail: ratio of p95 to p50 of the duration of a training step.
        train_small: full training with the settings of pre-training, if they differ; else 0.
        doubled: full training with twice the batch size; 0 if it was not measured.
    """

    train: float
    inference: float
    build: float
    head: float = 60_000.0
    tail: float = 1.3
    train_small: float = 0.0
    doubled: float = 0.0

    @property
    def pretext(self) -> float:
        """Returns the images per second of pre-training."""
        return self.train_small or self.train

    def at_batch(self, times: float) -> float:
        """Estimates the images per second in training with batches that are `times` as large.

        Batches of twice the size are measured. Each further doubling is taken to gain half as much in the
        logarithm, as it did for GoogLeNet and VGG11 on two processors (docs/performance.md).
        """
        gain = max(1.0, self.doubled / self.train)
        doublings = math.log2(times)
        faster: float = gain ** min(doublings, 1 + (doublings - 1) / 2)
        return self.train * faster

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def measure(
    model: ModelName,
    resolution: int,
    batch_size: int,
    runtime: Runtime,
    *,
    data: DatasetDescriptor = FASHION_MNIST,
    fold: bool = True,
    stop: Callable[[], bool] = lambda: False,
) -> Speed:
    """Measures training, evaluation and output-layer steps of a network after a warm-up, in a few seconds.

    Args:
        data: its size of images and number of classes are measured.
        stop: is called before each measurement as a sign of life; its result is ignored.
    """
    stop()
    classes, channels = len(data.classes), data.channels

    def built_network(side: int, folded: bool) -> Network:
        return build(
            model, weights=None, resolution=side, fold=folded, seed=0, classes=classes, channels=channels
        )

    built_network(resolution, fold)
    began = time.monotonic()
    network = built_network(resolution, fold)
    built = time.monotonic() - began
    network.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    count = evaluation_batch(resolution)
    most = max(count, 2 * batch_size, PRETEXT_BATCH)
    pixels = torch.randint(0, 256, (most, *data.shape), dtype=torch.uint8)
    labels = torch.zeros(batch_size, dtype=torch.int64, device=runtime.device)
    train, tail = _training(network, model, pixels[:batch_size], resolution, runtime)
    doubled, _ = _training(network, model, pixels[: 2 * batch_size], resolution, runtime)
    small = 0.0
    if resolution == SMALL and fold and 2 * batch_size == PRETEXT_BATCH:
        small = PRETEXT_BATCH / doubled
    elif resolution != SMALL or not fold or batch_size != PRETEXT_BATCH:
        other = built_network(SMALL, True)
        other.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        small = PRETEXT_BATCH / _training(other, model, pixels[:PRETEXT_BATCH], SMALL, runtime)[0]
        del other
    network.eval()
    inference, _ = _times(
        lambda: list(batches_of(network, pixels[:count], resolution, runtime)), runtime.device
    )
    features = torch.zeros(batch_size, network.feature_size, device=runtime.device)
    head, _ = _step_times(
        lambda: network.head(features), [{"params": list(network.head.parameters())}], labels
    )
    return Speed(
        train=batch_size / train,
        inference=count / inference,
        build=built,
        head=batch_size / head,
        tail=min(max(tail, LEAST_TAIL), MOST_TAIL),
        train_small=small,
        doubled=2 * batch_size / doubled,
    )


def best(first: Speed, second: Speed) -> Speed:
    """Returns the faster value of two measurements, because load can only slow a measurement down."""
    return Speed(
        train=max(first.train, second.train),
        train_small=max(first.train_small, second.train_small),
        doubled=max(first.doubled, second.doubled),
        inference=max(first.inference, second.inference),
        build=min(first.build, second.build),
        head=max(first.head, second.head),
        tail=min(first.tail, second.tail),
    )


def typical(speeds: Sequence[Speed]) -> Speed:
    """Returns the median of each speed over workers that measured at the same time."""
    return Speed(
        **{
            name: float(np.median([getattr(speed, name) for speed in speeds]))
            for name in Speed.__annotations__
        }
    )


def _training(
    network: Network, model: ModelName, pixels: Tensor, resolution: int, runtime: Runtime
) -> tuple[float, float]:
    """Returns the median seconds of a training step and the ratio of p95 to it."""
    arm = next(a for a in arms((model,)) if a.scope is Scope.FULL)
    generator = torch.Generator().manual_seed(0)

    def forward() -> Tensor:
        x = augment(to_input(pixels.to(runtime.device), resolution), generator)
        with runtime.autocast():
            logits: Tensor = network(x.contiguous(memory_format=torch.channels_last))
        return logits

    labels = torch.zeros(len(pixels), dtype=torch.int64, device=runtime.device)
    return _step_times(forward, param_groups(network, default_hyper(arm)), labels)


def _step_times(
    forward: Callable[[], Tensor], groups: list[dict[str, Any]], labels: Tensor
) -> tuple[float, float]:
    optimizer = torch.optim.AdamW(groups, fused=True)

    def step() -> None:
        loss = F.cross_entropy(forward().float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return _times(step, labels.device)


def _times(function: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Returns the median seconds of a call and the ratio of p95 to it; up to 8 calls or 3 seconds.

    If the warm-up alone takes that long, it is the only measurement, so that measuring stays short.
    """
    taken: list[float] = []
    begin = time.monotonic()
    while len(taken) < _WARM_UP + _STEPS:
        if taken and time.monotonic() - begin > _SECONDS:
            break
        synchronise(device)
        began = time.monotonic()
        function()
        synchronise(device)
        taken.append(time.monotonic() - began)
    median, high = np.quantile(taken[_WARM_UP:] or taken[-1:], (0.5, 0.95))
    return float(median), float(high / median)


def predicted_seconds(spec: RunSpec, speed: Speed, done: int = 0) -> float:
    """Predicts the median wall-clock seconds of a run, with building, evaluation and checkpoints.

    Args:
        spec: the run.
        speed: of its network.
        done: samples in the trunk's checkpoint, or images with cached features; they cost nothing more.
    """
    sizes = judged(spec)
    seconds = speed.build
    if spec.arm.scope is Scope.FROZEN:
        images = min(spec.rung, spec.train_images)
        looks = sizes.total - sizes.settling
        passed = max(0, images - done) + looks
        return seconds + passed / speed.inference + spec.head_passes * images / speed.head
    left = max(spec.batch_size, spec.rung - done)
    return seconds + speed.build + left / speed.train + sizes.total / speed.inference
