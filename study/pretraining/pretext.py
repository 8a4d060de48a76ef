"""Pre-trains a trunk on fractals, and returns its weights only if it has learnt the pretext task.

In formula-driven supervised learning each class is a formula, so that labels exist without a data set
(Kataoka et al., IJCV 2022; Anderson & Farrell, WACV 2022; Nakamura et al., ICCV 2023). The weights are
never called ImageNet weights. The study measures how well they transfer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from study.errors import WeightsError
from study.models import Weights, load_checkpoint, save_checkpoint, trunk_state
from study.networks import ModelName
from study.pretraining.light_head import PretextNetwork
from study.pretraining.pretext_images import Pictures, draw_pictures, training_batch
from study.pretraining.recipe import Recipe
from study.spec import Precision
from study.training.loop import Stopped
from study.training.runtime import Runtime

EVALUATION_BATCH = 256
SOURCE = "fractal"


@dataclass(frozen=True, kw_only=True)
class PretextPoint:
    """One evaluation on the pretext task.

    Attributes:
        samples: images trained on so far, repetitions included.
        seconds: since the start of pre-training.
        loss: mean training cross-entropy since the previous point in nats; None before the first step.
        accuracy: on held-out instances, in [0, 1].
    """

    samples: int
    seconds: float
    loss: float | None
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class PretextResult:
    """The outcome of a pre-training; if it is cached, curve, accuracy and seconds are the original ones.

    Attributes:
        weights: the trunk; None if and only if the gate was not passed.
        curve: evaluations; empty if the pre-training ended before training began.
        held_out_accuracy: of the last evaluation, in [0, 1].
        chance: accuracy of random guesses.
        passed: whether the accuracy is at least `recipe.gate` times `chance`.
        seconds: duration of the pre-training.
        step_seconds: the part of `seconds` that optimizer steps took.
        recipe: what was trained.
        complete: whether all steps were made.
        cached: whether the result comes from the cache.
    """

    weights: Weights | None
    curve: tuple[PretextPoint, ...]
    held_out_accuracy: float
    chance: float
    passed: bool
    seconds: float
    step_seconds: float
    recipe: Recipe
    complete: bool
    cached: bool


def checkpoint_path(recipe: Recipe, *, cache_dir: Path, seed: int, precision: Precision) -> Path:
    """Returns the cache file of a pre-training."""
    return cache_dir / f"fractal-{recipe.model}-{recipe.hash}-{precision}-s{seed}.pth"


def pretrain(
    model: ModelName,
    recipe: Recipe,
    *,
    cache_dir: Path,
    seed: int,
    runtime: Runtime,
    should_stop: Callable[[], bool],
    on_progress: Callable[[PretextPoint], None],
) -> PretextResult:
    """Trains the trunk of `model` on fractals, or loads the result of an equal training from the cache.

    Args:
        model: the network; it must be the recipe's.
        recipe: what to train (`recipe_for` chooses one for a given time).
        cache_dir: folder of the cache; it is created if it does not exist.
        seed: determines images, initial weights and order. Equal seeds give equal weights on a CPU with the
            same number of threads.
        runtime: device and precision; BF16 runs forward passes under autocast.
        should_stop: is called while images are drawn and before each step; True ends the pre-training.
            During drawing there are no weights yet. Later the gate judges the weights reached, which are
            stored but not reused by later calls.
        on_progress: receives each point of the curve; it is not called for a cached result.

    Returns:
        The result; its weights load with `study.models.build`.

    Raises:
        ValueError: the recipe is for another network.
        StoreError: the weights cannot be written to the cache.
    """
    if model != recipe.model:
        raise ValueError(f"the recipe is for {recipe.model}, not for {model}")
    path = checkpoint_path(recipe, cache_dir=cache_dir, seed=seed, precision=runtime.precision)
    cached = _from_cache(path, recipe)
    if cached is not None:
        return cached
    began = time.monotonic()
    generator = torch.Generator().manual_seed(seed)

    def check() -> None:
        if should_stop():
            raise Stopped

    try:
        pictures = draw_pictures(recipe, generator, check)
    except Stopped:
        return PretextResult(
            weights=None,
            curve=(),
            held_out_accuracy=0.0,
            chance=recipe.chance,
            passed=False,
            seconds=time.monotonic() - began,
            step_seconds=0.0,
            recipe=recipe,
            complete=False,
            cached=False,
        )
    network = PretextNetwork(model, recipe.categories, seed)
    network.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    curve, complete, step_seconds = _train(
        network, pictures, recipe, generator, runtime, began, should_stop, on_progress
    )
    accuracy = curve[-1].accuracy
    passed = accuracy >= recipe.gate * recipe.chance
    seconds = time.monotonic() - began
    weights = None
    if passed:
        meta: dict[str, Any] = {
            "source": SOURCE,
            "covers": network.covers,
            "recipe": {**asdict(recipe), "model": model},
            "recipe_hash": recipe.hash,
            "images": recipe.images,
            "seed": seed,
            "precision": runtime.precision.value,
            "complete": complete,
            "seconds": seconds,
            "step_seconds": step_seconds,
            "accuracy": accuracy,
            "curve": [asdict(point) for point in curve],
        }
        target = path if complete else path.with_name(f"partial-{path.name}")
        save_checkpoint(target, trunk_state(network.finished()), meta)
        weights, _ = load_checkpoint(target)
    return PretextResult(
        weights=weights,
        curve=tuple(curve),
        held_out_accuracy=accuracy,
        chance=recipe.chance,
        passed=passed,
        seconds=seconds,
        step_seconds=step_seconds,
        recipe=recipe,
        complete=complete,
        cached=False,
    )


def _from_cache(path: Path, recipe: Recipe) -> PretextResult | None:
    """Returns the cached result, or None if the file is missing or damaged; a new training replaces it."""
    if not path.is_file():
        return None
    try:
        weights, meta = load_checkpoint(path)
        return PretextResult(
            weights=weights,
            curve=tuple(PretextPoint(**point) for point in meta["curve"]),
            held_out_accuracy=float(meta["accuracy"]),
            chance=recipe.chance,
            passed=True,
            seconds=float(meta["seconds"]),
            step_seconds=float(meta.get("step_seconds", 0.0)),
            recipe=recipe,
            complete=True,
            cached=True,
        )
    except (WeightsError, KeyError, TypeError) as error:
        logging.getLogger(__name__).warning("%s is not used: %s", path.name, error)
        return None


def _train(
    network: PretextNetwork,
    pictures: Pictures,
    recipe: Recipe,
    generator: torch.Generator,
    runtime: Runtime,
    began: float,
    should_stop: Callable[[], bool],
    on_progress: Callable[[PretextPoint], None],
) -> tuple[list[PretextPoint], bool, float]:
    """Returns the curve (never empty), whether all steps were made, and the seconds inside steps."""
    step_seconds = 0.0
    steps = max(2, recipe.samples // recipe.batch_size)
    looks = {round(steps * k / recipe.evaluations) for k in range(1, recipe.evaluations + 1)}
    optimizer = torch.optim.SGD(
        [parameter for parameter in network.parameters() if parameter.requires_grad],
        lr=recipe.lr,
        momentum=0.9,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        recipe.lr,
        total_steps=steps,
        pct_start=recipe.warm_up,
        cycle_momentum=False,
        div_factor=10,
        final_div_factor=100,
    )
    curve: list[PretextPoint] = []
    losses: list[Tensor] = []

    def look(step: int) -> None:
        point = PretextPoint(
            samples=step * recipe.batch_size,
            loss=float(torch.stack(losses).mean()) if losses else None,
            accuracy=_held_out_accuracy(network, pictures, runtime),
            seconds=time.monotonic() - began,
        )
        losses.clear()
        curve.append(point)
        on_progress(point)

    order = torch.empty(0, dtype=torch.int64)
    network.train()
    for step in range(1, steps + 1):
        if should_stop():
            if not curve or curve[-1].samples < (step - 1) * recipe.batch_size:
                look(step - 1)
            return curve, False, step_seconds
        stepped = time.monotonic()
        while len(order) < recipe.batch_size:
            order = torch.cat([order, torch.randperm(len(pictures.labels), generator=generator)])
        chosen, order = order[: recipe.batch_size], order[recipe.batch_size :]
        inputs = training_batch(pictures.images[chosen], recipe.solid, generator)
        logits = _logits(network, inputs, runtime)
        loss = F.cross_entropy(logits, pictures.labels[chosen].to(runtime.device))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
        step_seconds += time.monotonic() - stepped
        if step in looks:
            look(step)
    return curve, True, step_seconds


def _logits(network: PretextNetwork, inputs: Tensor, runtime: Runtime) -> Tensor:
    inputs = inputs.to(runtime.device)
    with runtime.autocast():
        logits: Tensor = network(inputs.contiguous(memory_format=torch.channels_last))
    return logits.float()


@torch.no_grad()
def _held_out_accuracy(network: PretextNetwork, pictures: Pictures, runtime: Runtime) -> float:
    network.eval()
    right = 0
    for inputs, labels in zip(
        torch.split(pictures.held_out_inputs, EVALUATION_BATCH),
        torch.split(pictures.held_out_labels, EVALUATION_BATCH),
        strict=True,
    ):
        right += int((_logits(network, inputs, runtime).argmax(1).cpu() == labels).sum())
    network.train()
    return right / len(pictures.held_out_labels)
