"""Pre-trained weights for a study: ImageNet's where they can be had, else made from formulas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from study.errors import StoreError, UsageError, WeightsError, one_line
from study.field_types import Misshapen, convert
from study.models import Weights, build, find_imagenet, first_outputs, first_weight, load_checkpoint
from study.models.weights import IMAGENET
from study.networks import NETWORKS, ModelName
from study.pretraining import SOURCE, PretextPoint, pretrain, recipe_for
from study.records import Reason
from study.store.documents import Pretraining
from study.training.runtime import Runtime

#: Shown in the report for torchvision's files: IMAGENET1K_V1 (Russakovsky et al. 2015).
_IMAGENET = {"images": 1_281_167, "categories": 1_000, "image_size": 224}

LONGEST_SOURCE = 200

Found = tuple[Weights | None, dict[str, Any]]


def imagenet(model: ModelName, weights_dir: Path | None, offline: bool, stop: Callable[[], bool]) -> Found:
    """Weights and their entry for pretraining.json; raises WeightsError with the reason."""
    weights = find_imagenet(model, weights_dir=weights_dir, offline=offline, stop=stop)
    return weights, {
        "source": weights.source,
        **_IMAGENET,
        "samples": None,
        "seconds": None,
        "cached": True,
        "sha256": weights.sha256,
        "held_out_accuracy": None,
        "chance": None,
        "passed": True,
        "curve": [],
        "fallback_reason": "",
    }


def _begins_like(model: ModelName, weights: Weights) -> bool:
    """Whether the first convolution has the name and the number of outputs of that of a network."""
    first = weights.state.get(first_weight(model))
    return first is not None and len(first) == first_outputs(model)


def checkpoint(model: ModelName, path: Path) -> Found | None:
    """The user's own weights, or None where the file is for another network.

    Raises:
        WeightsError: the file is not usable for any network of the study.
    """
    weights, meta = load_checkpoint(path)
    if weights.source == IMAGENET or len(weights.source) > LONGEST_SOURCE:
        weights = replace(weights, source=path.name)  # a file's own word does not make it ImageNet's
    if not any(_begins_like(known, weights) for known in NETWORKS):
        raise WeightsError(f"{path} fits none of the networks: {', '.join(NETWORKS)}")
    if not _begins_like(model, weights):
        return None
    # What `pretrain` notes beside its weights; of a file from elsewhere nothing is known.
    recipe = meta.get("recipe")
    recipe = recipe if weights.source == SOURCE and isinstance(recipe, dict) else {}
    categories = recipe.get("categories")
    chance = 1 / categories if isinstance(categories, int) and categories > 0 else None
    entry = {
        "source": weights.source,
        "images": meta.get("images") if recipe else None,
        "categories": categories,
        "image_size": recipe.get("size"),
        "samples": recipe.get("samples"),
        "seconds": meta.get("seconds") if recipe else None,
        "cached": True,
        "sha256": weights.sha256,
        "held_out_accuracy": meta.get("accuracy") if recipe else None,
        "chance": chance,
        "passed": True,
        "curve": meta.get("curve", []) if recipe else [],
        "fallback_reason": "",
    }
    try:
        convert(entry, Pretraining)
    except Misshapen as error:
        raise WeightsError(f"{path} is not what `pretrain` writes: {error}") from error
    entry["curve"] = list(entry["curve"] or ())  # msgspec accepts a set, which JSON does not have
    if entry["curve"]:  # fewer than the recipe's, where its time was up
        entry["samples"] = entry["curve"][-1]["samples"]
    return weights, entry


def require_checkpoint(path: Path, models: tuple[ModelName, ...], resolution: int) -> str:
    """Refuse the user's own weights before anything is begun with them.

    Returns:
        The SHA-256 of the file.

    Raises:
        WeightsError: the file is not usable for any network of the study, or does not fit its own.
    """
    digest = ""
    for model in models:
        weights, _ = checkpoint(model, path) or (None, None)
        if weights is not None:
            build(model, weights=weights, resolution=resolution, fold=True, seed=0)
            digest = weights.sha256
    if not digest:
        raise WeightsError(f"{path} fits none of the networks studied: {', '.join(models)}")
    return digest


def fractal(
    model: ModelName,
    seconds: float,
    speed: float,
    reason: str,
    *,
    cache_dir: Path,
    seed: int,
    runtime: Runtime,
    stop: Callable[[], bool],
    on_progress: Callable[[PretextPoint], None],
) -> Found:
    """Formula-driven pre-training within `seconds`, or the reason why there is none."""
    entry: dict[str, Any] = {
        "source": "fractal",
        "images": None,
        "categories": None,
        "image_size": 32,
        "samples": None,
        "seconds": None,
        "cached": False,
        "sha256": "",
        "held_out_accuracy": None,
        "chance": None,
        "passed": False,
        "curve": [],
        "fallback_reason": reason,
    }
    try:
        recipe = recipe_for(model, seconds, speed)
    except UsageError as error:
        return None, {**entry, "reason": Reason.PRETRAINING_TIME.value, "detail": str(error)}
    try:
        result = pretrain(
            model,
            recipe,
            cache_dir=cache_dir,
            seed=seed,
            runtime=runtime,
            should_stop=stop,
            on_progress=on_progress,
        )
    except StoreError:
        raise
    except Exception as error:  # as for a run: it costs these arms, not the study
        told = one_line(f"{type(error).__name__}: {error}")[:200]
        return None, {**entry, "reason": Reason.ERROR.value, "detail": told}
    entry |= {
        "images": recipe.images,
        "categories": recipe.categories,
        "image_size": recipe.size,
        "samples": result.curve[-1].samples if result.curve else 0,
        "complete": result.complete,
        "seconds": result.seconds,
        "step_seconds": result.step_seconds,
        "cached": result.cached,
        "held_out_accuracy": result.held_out_accuracy,
        "chance": result.chance,
        # A look before the first step has no loss, and the ledger takes no point without one.
        "passed": result.passed,
        "curve": [asdict(point) for point in result.curve if point.loss is not None],
    }
    if result.weights is None:
        accuracy, needed = result.held_out_accuracy, recipe.gate * result.chance
        return None, {
            **entry,
            "reason": Reason.PRETRAINING_GATE.value,
            "detail": f"held-out pretext accuracy {accuracy:.3f}, needed {needed:.3f}",
        }
    return result.weights, {**entry, "sha256": result.weights.sha256}


__all__ = ["Found", "WeightsError", "checkpoint", "fractal", "imagenet"]
