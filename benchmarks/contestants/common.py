"""Defines what the contestants share: the task as arguments, and network and images of the peers.

The peers get what a careful user of them would write: FashionMNIST as PIL images, padded to 32×32,
mirrored, shifted, normalised and partly erased by torchvision's transforms, two loader workers,
torchvision's networks with one input channel and ten classes, AdamW, and float32.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass

BATCH = 128
LR, WEIGHT_DECAY = 1e-4, 0.01


@dataclass(frozen=True)
class Task:
    """The task of a contestant.

    Attributes:
        model: vgg11 or googlenet.
        scope: full or frozen.
        steps: number of timed steps of 128 images.
        warm_up: number of steps before them.
        data: folder with FashionMNIST/raw.
    """

    model: str
    scope: str
    steps: int
    warm_up: int
    data: str

    @property
    def images(self) -> int:
        return BATCH * (self.steps + self.warm_up)


def read_task() -> Task:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--scope", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--warm-up", type=int, default=3)
    parser.add_argument("--data", required=True, help="folder with FashionMNIST/raw")
    return Task(**vars(parser.parse_args()))


class Clock:
    """Counts the steps of a training loop and times those after the warm-up."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._done = 0
        self._began = 0.0

    def step(self) -> bool:
        """Counts a step; returns True when the task is done, after printing the result."""
        self._done += 1
        if self._done == self._task.warm_up:
            self._began = time.perf_counter()
        if self._done < self._task.warm_up + self._task.steps:
            return False
        report(self._task.steps * BATCH, time.perf_counter() - self._began)
        return True


def report(images: int, seconds: float) -> None:
    """Prints the only line that a contestant writes to standard output."""
    print(json.dumps({"images": images, "seconds": seconds}), flush=True)


def transform() -> Callable[..., object]:
    from torchvision import transforms as t

    return t.Compose(
        [
            t.Pad(2),
            t.RandomHorizontalFlip(),
            t.RandomCrop(32, padding=2),
            t.ToTensor(),
            t.Normalize(0.5, 0.5),
            t.RandomErasing(p=0.25),
        ]
    )


def pictures(task: Task):
    """Returns torchvision's FashionMNIST with the transforms, as many images as the task needs."""
    from torch.utils.data import Subset
    from torchvision.datasets import FashionMNIST

    return Subset(FashionMNIST(task.data, train=True, transform=transform()), range(task.images))


def network(task: Task):
    """Returns torchvision's network with one channel and ten classes.

    In the scope "frozen" only its last layer is trained.
    """
    from torch import nn
    from torchvision import models

    if task.model == "vgg11":
        net = models.vgg11(weights=None, num_classes=10)
        net.features[0] = nn.Conv2d(1, 64, 3, padding=1)
        head = net.classifier[6]
    else:
        net = models.googlenet(
            weights=None,
            num_classes=10,
            aux_logits=False,
            transform_input=False,
            init_weights=False,
        )
        net.conv1.conv = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
        head = net.fc
    if task.scope == "frozen":
        net.requires_grad_(False)
        head.requires_grad_(True)
    return net
