"""Pre-trains a trunk on fractals, and lets it out only if the pretext was learnt.

Formula-driven supervised learning: the classes are formulas, so there are labels without a data
set (Kataoka et al., IJCV 2022; Anderson & Farrell, WACV 2022; Nakamura et al., ICCV 2023). The
result is never called ImageNet, and how well it transfers is what the study measures.
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
from study.pretraining.light_head import PretextNetwork
from study.pretraining.pictures import Pictures, draw_pictures, training_batch
from study.pretraining.recipe import Recipe
from study.spec import ModelName, Precision
from study.training.loop import Stopped
from study.training.runtime import Runtime

EVALUATION_BATCH = 256
SOURCE = "fractal"


@dataclass(frozen=True, kw_only=True)
class PretextPoint:
    """One look at the pretext: after `samples` pictures and `seconds`.

    loss is the mean training cross-entropy since the last point (nats; None before any step);
    accuracy is on held-out instances, in [0, 1].
    """

    samples: int
    seconds: float
    loss: float | None
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class PretextResult:
    """What pre-training gave. weights is None exactly where the gate was not passed.

    complete: every step was made. step_seconds: of seconds, those inside optimizer steps. seconds, curve
    and accuracy of a cached result are those of the training
    that made it.
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
    """Where the weights of exactly this pre-training are kept."""
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
    """Train the trunk of `model` on fractals, or take the equal training from the cache.

    Args:
        model: the network; has to be the recipe's.
        recipe: what to train (`recipe_for` fits one to a time).
        cache_dir: a passed training is written here and found here; made if missing.
        seed: decides pictures, initial weights and order; equal seeds give equal weights on a CPU
            with the same number of threads.
        runtime: where to train; BF16 runs forward passes under autocast.
        should_stop: asked before each step; True ends training early, and the gate then judges
            what was reached; asked too while pictures are drawn, when nothing is reached yet. A
            training cut short is not cached.
        on_progress: called with each point of the curve (not for a cached result).

    Returns:
        The result; `weights` load through `study.models.build`.
    """
    if model is not recipe.model:
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
            weights=None, curve=(), held_out_accuracy=0.0, chance=recipe.chance, passed=False,
            seconds=time.monotonic() - began, step_seconds=0.0, recipe=recipe, complete=False,
            cached=False,
        )  # fmt: skip
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
            "recipe": {**asdict(recipe), "model": model.value},
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
    """The earlier result; a damaged file is no result, and training anew replaces it."""
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
    """Returns the curve (never empty), whether every step was made, and the seconds inside steps."""
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
