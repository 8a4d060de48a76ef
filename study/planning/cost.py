"""Speeds of this machine, measured in seconds, and what a run costs at these speeds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F

from study.matrix import arms
from study.models import build
from study.spec import ModelName, Purpose, RunSpec, Scope
from study.training.defaults import default_hyper
from study.training.param_groups import param_groups
from study.training.run import CURVE_IMAGES, TRAIN_SAMPLE
from study.training.runtime import Runtime

TEST = 10_000
#: p95 over p50 of a run, from the spread of the micro-benchmark on a shared machine.
TAIL = 1.3


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Images per second of one network: full training, inference; seconds to build; head images/s."""

    train: float
    inference: float
    build: float
    head: float = 60_000.0

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def measure(model: ModelName, resolution: int, batch_size: int, runtime: Runtime) -> Speed:
    """Time training steps and inference batches after a warm-up; a few seconds a network."""
    began = time.monotonic()
    network = build(model, weights=None, resolution=resolution, fold=True, seed=0)
    network.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    built = time.monotonic() - began
    arm = next(a for a in arms((model,)) if a.scope is Scope.FULL)
    optimizer = torch.optim.AdamW(param_groups(network, default_hyper(arm)), fused=True)
    x = torch.rand(batch_size, 1, resolution, resolution, device=runtime.device)
    x = x.contiguous(memory_format=torch.channels_last)
    y = torch.zeros(batch_size, dtype=torch.int64, device=runtime.device)

    def step() -> None:
        with runtime.autocast():
            loss = F.cross_entropy(network(x), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    @torch.inference_mode()
    def infer() -> None:
        with runtime.autocast():
            network(x)

    train = batch_size / _median(step, 3)
    network.eval()
    return Speed(train=train, inference=batch_size / _median(infer, 3), build=built)


def predicted_seconds(spec: RunSpec, speed: Speed) -> float:
    """Expected wall-clock seconds (p50) of a run, evaluation and building included."""
    judged = spec.validation_images
    if spec.purpose is Purpose.FINAL:
        judged += TEST + min(TRAIN_SAMPLE, spec.train_images)
    seconds = speed.build + judged / speed.inference
    curve = min(CURVE_IMAGES, spec.validation_images)
    if spec.arm.scope is Scope.FROZEN:
        return seconds + (spec.train_images + curve) / speed.inference + spec.samples / speed.head
    return seconds + spec.samples / speed.train + spec.evaluations * curve / speed.inference


def _median(function: Callable[[], object], times: int) -> float:
    function()
    taken = []
    for _ in range(times):
        began = time.monotonic()
        function()
        taken.append(time.monotonic() - began)
    return sorted(taken)[times // 2]
