"""Trains trunks and cosines, cools copies down at their rungs, and evaluates them on validation."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.recipe.settings import AUGMENTATIONS, COSINE, Row, Setting
from study.data import LabelledImages, augment, split, to_input
from study.models import Network, build, load_checkpoint
from study.networks import ModelName
from study.spec import HyperParams, Init
from study.training.batchnorm_recalibration import settle
from study.training.evaluate import batches_of
from study.training.loop import Order
from study.training.param_groups import param_groups
from study.training.runtime import Runtime
from study.training.schedule import head_factor

#: Number of validation images.
VALIDATION = 3_000

#: Number of training images over which BatchNorm's statistics are computed before each evaluation.
SETTLED = 1_024


@dataclass(frozen=True, kw_only=True)
class Lab:
    """What all measurements share.

    Attributes:
        fashion: the data set.
        runtime: device, precision and threads.
        weights: file of the pre-trained weights of each network.
    """

    fashion: LabelledImages
    runtime: Runtime
    weights: dict[ModelName, Path]


class Training:
    """A network, its optimizer and its position in the data; a copy continues from the same position."""

    def __init__(self, setting: Setting, lab: Lab, most: int) -> None:
        self.setting, self.lab = setting, lab
        parts = split(lab.fashion.train_labels, seed=setting.seed, validation=6_000)
        self.pool, self.held = parts.train, parts.validation[:VALIDATION]
        weights = None
        if setting.init is Init.PRETRAINED:
            weights, _ = load_checkpoint(lab.weights[setting.model])
        self.network: Network = build(
            setting.model,
            weights=weights,
            resolution=setting.resolution,
            fold=True,
            seed=setting.seed,
        ).to(memory_format=torch.channels_last)
        self.network.train()
        self.optimizer = _optimizer(self.network, setting)
        self.peaks = [float(group["lr"]) for group in self.optimizer.param_groups]
        self.order = self.pool[Order(len(self.pool), setting.seed).take(0, most)]
        self.generator = torch.Generator().manual_seed(setting.seed * 7_919 + 1)
        self.dropout = torch.Generator().manual_seed(setting.seed * 7_919 + 2).get_state()
        self.seen, self.seconds, self.cpu_seconds = 0, 0.0, 0.0
        self.average: Network | None = None

    def copy(self, setting: Setting) -> Training:
        """Returns a copy for a setting that differs only in cooldown and evaluation."""
        other = copy.copy(self)
        other.setting = setting
        other.network = copy.deepcopy(self.network)
        other.optimizer = _optimizer(other.network, setting)
        other.optimizer.load_state_dict(copy.deepcopy(self.optimizer.state_dict()))
        other.generator = torch.Generator()
        other.generator.set_state(self.generator.get_state())
        return other

    def advance(self, until: int, factor: Callable[[int], float]) -> None:
        """Trains until `until` samples were seen.

        Args:
            until: number of samples.
            factor: maps samples seen to the factor of the peak rate.
        """
        s = self.setting
        began, began_cpu = time.monotonic(), time.process_time()
        with self._dropout():
            while self.seen < until:
                chosen = self.order[self.seen : min(self.seen + s.batch, until)]
                for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
                    group["lr"] = peak * factor(self.seen)
                x = self._view(self.lab.fashion.train_images[chosen], self.generator)
                targets = self.lab.fashion.train_labels[chosen]
                loss = F.cross_entropy(self.network(x), targets, label_smoothing=s.label_smoothing)
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                self.optimizer.step()
                self.seen += len(chosen)
                if s.ema:
                    self._blend(len(chosen))
        self.seconds += time.monotonic() - began
        self.cpu_seconds += time.process_time() - began_cpu

    def judge(self) -> Row:
        """Computes BatchNorm's statistics anew and evaluates on validation."""
        s, fashion = self.setting, self.lab.fashion
        network = (self.average or self.network).train()
        views = torch.Generator().manual_seed(s.seed * 7_919 + 3)
        parts = fashion.train_images[self.pool[:SETTLED]].split(s.batch)  # type: ignore[no-untyped-call]
        with self._dropout():
            settle(network, (self._view(part, views) for part in parts), network)
        network.eval()
        images, labels = fashion.train_images[self.held], fashion.train_labels[self.held]
        answers = self._answers(network, images)
        if s.flip_test:
            answers = answers + self._answers(network, images.flip(2))
        return Row(
            setting=s,
            samples=self.seen,
            accuracy=float((answers.argmax(1) == labels).float().mean()),
            loss=float(F.cross_entropy(answers, labels)),
            validation_images=len(labels),
            seconds=round(self.seconds, 2),
            images_per_second=round(self.seen / self.seconds, 1),
            cpu_seconds=round(self.cpu_seconds, 2),
            load=round(os.getloadavg()[0], 2),
        )

    def _answers(self, network: nn.Module, images: Tensor) -> Tensor:
        found = batches_of(network, images, self.setting.resolution, self.lab.runtime)
        return torch.cat(list(found)).log_softmax(1)

    def _view(self, images: Tensor, generator: torch.Generator) -> Tensor:
        x = to_input(images, self.setting.resolution)
        options = AUGMENTATIONS[self.setting.augmentation]
        if options is not None:
            x = augment(x, generator, **options)
        return x.contiguous(memory_format=torch.channels_last)

    @contextmanager
    def _dropout(self) -> Iterator[None]:
        """Makes dropout use this training's own random state inside the block."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.dropout)
            yield
            self.dropout = torch.get_rng_state()

    @torch.no_grad()
    def _blend(self, samples: int) -> None:
        if self.average is None:
            self.average = copy.deepcopy(self.network)
        weight = samples / self.setting.ema
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, weight)


def measure(settings: Iterable[tuple[Setting, int]], lab: Lab) -> Iterator[Row]:
    """Yields the rows of (setting, rung) pairs that share one trunk, in order of branching.

    A cosine has one pair.
    """
    pairs = sorted(settings, key=lambda pair: (_branch(*pair), pair[1]))
    first = pairs[0][0]
    most = max(rung for _, rung in pairs)
    if first.schedule == COSINE:
        training = Training(first, lab, most)
        training.advance(most, lambda seen: head_factor(seen / most))
        yield training.judge()
        return
    trunk = Training(replace(first, ema=0), lab, most)
    for setting, rung in pairs:
        branch = _branch(setting, rung)
        trunk.advance(branch, partial(_warm, first.warm_up))
        cooled = trunk.copy(setting)
        cooled.advance(rung, partial(_cool, first.warm_up, branch, rung))
        yield cooled.judge()


def _branch(setting: Setting, rung: int) -> int:
    """Returns the samples at which the cooldown begins, a whole number of batches."""
    return round(rung * (1 - setting.share) / setting.batch) * setting.batch


def _warm(warm_up: int, seen: int) -> float:
    return min(1.0, max(seen / warm_up, 0.02)) if warm_up else 1.0


def _cool(warm_up: int, branch: int, rung: int, seen: int) -> float:
    return _warm(warm_up, seen) * (rung - seen) / (rung - branch)


def _optimizer(network: Network, setting: Setting) -> torch.optim.AdamW:
    hyper = HyperParams(lr=setting.lr, weight_decay=setting.weight_decay, lr_decay=setting.lr_decay)
    groups = param_groups(network, hyper)
    if setting.bias_factor != 1:
        biases = {id(layer.bias) for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)}
        groups = [part for group in groups for part in _parted(group, biases, setting.bias_factor)]
    return torch.optim.AdamW(groups, betas=(0.9, setting.beta2), fused=True)


def _parted(group: dict[str, Any], chosen: set[int], factor: float) -> list[dict[str, Any]]:
    """Splits a group into the parameters that are not chosen and those at `factor` times its rate."""
    parts = []
    for inside, lr in ((False, group["lr"]), (True, group["lr"] * factor)):
        members = [p for p in group["params"] if (id(p) in chosen) == inside]
        if members:
            parts.append({**group, "params": members, "lr": lr})
    return parts
