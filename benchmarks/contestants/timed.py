"""Defines what contestants share that train for given seconds: task, data, calibration, evaluation.

All train on the same 54,000 images in the same order, mirrored at random and not augmented further (this
project's recipe for short trainings), padded to 32×32 and scaled to [−1, 1]. A peer's schedule needs the
number of its steps beforehand. So a short training of its own network, which is thrown away, measures
images per second, and the training that counts has exactly the steps that fit into the seconds at this
rate. The clock of training runs from the moment the first batch is available to the end of the last step.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torchvision import models
from torchvision.datasets import FashionMNIST
from torchvision.transforms import Compose, Normalize, Pad, RandomHorizontalFlip, ToTensor

WEIGHT_DECAY = 0.01
#: Numbers of images for training, and of the others on which a pilot is evaluated.
TRAIN, VALIDATION = 54_000, 2_000
#: Steps that warm the process up and show how many the calibration needs.
_FIRST_STEPS = 5
#: Batch size of the evaluation.
_EVALUATED = 500


@dataclass(frozen=True, kw_only=True)
class Task:
    """The task of a contestant.

    Attributes:
        model: vgg11 or googlenet.
        seconds: seconds of training.
        seed: of order and initial values.
        judge: ``test`` (10,000 images) or ``validation``.
        data: folder with FashionMNIST/raw.
        calibration: seconds of the training that is thrown away.
        batch: batch size.
        rate: peak rate.
    """

    model: str
    seconds: float
    seed: int
    judge: str
    data: str
    calibration: float
    batch: int
    rate: float


def read_task() -> Task:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=("vgg11", "googlenet"), required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--judge", choices=("test", "validation"), default="test")
    parser.add_argument("--data", default="", help="folder with FashionMNIST/raw")
    parser.add_argument("--calibration", type=float, default=10.0)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    return Task(**vars(parser.parse_args()))


class Stopwatch:
    """Measures seconds from the first batch to the end of the last step."""

    def __init__(self) -> None:
        self._began: float | None = None
        self.seconds = 0.0

    def batch(self) -> None:
        """Notes that a batch is available; the first one starts the clock."""
        if self._began is None:
            self._began = time.perf_counter()

    def step(self) -> None:
        """Notes the end of a step."""
        assert self._began is not None
        self.seconds = time.perf_counter() - self._began


#: Trains a new network with one cycle of the given number of steps.
Fit = Callable[[Task, int, Stopwatch], nn.Module]


def compete(fit: Fit) -> None:
    """Calibrates, trains for the task's seconds, evaluates, and prints the figures."""
    task = read_task()
    steps = _FIRST_STEPS
    for seconds in (task.calibration, task.seconds):
        watch = Stopwatch()
        fit(task, steps, watch)
        steps = max(_FIRST_STEPS, int(steps * seconds / watch.seconds))
    calibrated = task.batch * steps / task.seconds
    watch = Stopwatch()
    network = fit(task, steps, watch)
    report(
        accuracy=accuracy(network, task),
        seconds=watch.seconds,
        images=steps * task.batch,
        steps=steps,
        batch=task.batch,
        rate=task.rate,
        calibrated_images_per_second=calibrated,
        threads=torch.get_num_threads(),
        precision="fp32",
    )


def report(**figures: object) -> None:
    """Prints the only line that a contestant writes to standard output."""
    print(
        json.dumps({**figures, "torch": torch.__version__, "cores": len(os.sched_getaffinity(0))}),
        flush=True,
    )


def order(count: int, seed: int) -> list[int]:
    """Returns `count` indices of training images, which are whole permutations one after another."""
    pool = _shuffled()[:TRAIN]
    generator = torch.Generator().manual_seed(seed)
    drawn = [pool[torch.randperm(TRAIN, generator=generator)] for _ in range(-(-count // TRAIN))]
    return torch.cat(drawn)[:count].tolist()


def batches(task: Task, steps: int) -> DataLoader:  # type: ignore[type-arg]
    """Returns a loader of `steps` batches of torchvision's images, with two worker processes."""
    change = Compose([Pad(2), RandomHorizontalFlip(), ToTensor(), Normalize(0.5, 0.5)])
    pictures = FashionMNIST(task.data, train=True, transform=change)
    return DataLoader(Subset(pictures, order(steps * task.batch, task.seed)), task.batch, num_workers=2)


def network(task: Task) -> nn.Module:
    """Returns torchvision's network with its initialisation, one channel and ten classes."""
    torch.manual_seed(task.seed)
    if task.model == "vgg11":
        net = models.vgg11(weights=None, num_classes=10)
        conv = nn.Conv2d(1, 64, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(conv.bias)
        net.features[0] = conv
        return net
    net = models.googlenet(
        weights=None, num_classes=10, aux_logits=False, transform_input=False, init_weights=True
    )
    net.conv1.conv = nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    nn.init.trunc_normal_(net.conv1.conv.weight, mean=0.0, std=0.01, a=-2, b=2)
    return net


@torch.inference_mode()
def accuracy(net: nn.Module, task: Task) -> float:
    """Returns the accuracy on all test images, or on validation images that no training uses."""
    data = FashionMNIST(task.data, train=task.judge == "validation")
    chosen = _shuffled()[TRAIN : TRAIN + VALIDATION] if task.judge == "validation" else slice(None)
    images, labels = data.data[chosen], data.targets[chosen]
    net.eval()
    right = 0
    for pixels, truth in zip(images.split(_EVALUATED), labels.split(_EVALUATED), strict=True):
        right += int((net(_input(pixels)).argmax(1) == truth).sum())
    return right / len(labels)


def _input(pixels: Tensor) -> Tensor:
    return nn.functional.pad(pixels.unsqueeze(1).float() / 127.5 - 1, (2,) * 4, value=-1.0)


def _shuffled() -> Tensor:
    return torch.randperm(60_000, generator=torch.Generator().manual_seed(0))
