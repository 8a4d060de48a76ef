"""Planted results directories: every arm's true accuracy is known, so every answer is known."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.matrix import arms
from study.spec import Arm, Init, LrPolicy, ModelName, Scope
from study.store.tables import HISTORY_COLUMNS, RESULT_COLUMNS, TRIAL_COLUMNS

POINTS = 8
SAMPLES = 8_000


@dataclass(frozen=True, kw_only=True)
class Planted:
    """*_pp are true differences of test accuracy in percentage points.

    cross_pp is what training the whole network gains in GoogLeNet and loses in VGG11.
    cka_early: similarity of the first stage minus that of the last backbone stage; cka_policy: that
    of discriminative minus uniform rates; NaN leaves similarities out, as older studies do.
    """

    seeds: int = 5
    init_pp: float = 0.0
    scope_pp: float = 0.0
    policy_pp: float = 0.0
    model_pp: float = 0.0
    cross_pp: float = 0.0
    noise_pp: float = 0.3
    cka_early: float = 0.3
    cka_policy: float = 0.1
    images: int = 4_000
    source: str = "fractal"
    models: tuple[ModelName, ...] = tuple(ModelName)
    without: tuple[str, ...] = ()
    predictions: bool = True
    details: bool = True
    rng_seed: int = 1

    def accuracy(self, arm: Arm) -> float:
        value = 80.0
        value += self.init_pp * (arm.init is Init.PRETRAINED)
        value += self.scope_pp * (arm.scope is Scope.FULL)
        sign = 1 if arm.model is ModelName.GOOGLENET else -1
        value += self.cross_pp * sign * (arm.scope is Scope.FULL)
        value += self.policy_pp * (arm.lr_policy is LrPolicy.DISCRIMINATIVE)
        return value + self.model_pp * (arm.model is ModelName.GOOGLENET)


def plant(folder: Path, study: Planted) -> Path:
    """Write results/ for a study with the given truth."""
    rng = np.random.default_rng(study.rng_seed)
    folder.mkdir(parents=True, exist_ok=True)
    labels = rng.integers(0, 10, study.images).astype(np.uint8)
    difficulty = rng.random(study.images)
    rows: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {"labels": labels}
    for arm in arms(study.models):
        if arm.name in study.without:
            rows.append(_row(arm, 0, study) | {"state": "skipped", "reason": "budget"})
            continue
        for seed in range(study.seeds):
            wanted = (study.accuracy(arm) + rng.normal(0, study.noise_pp)) / 100
            right = difficulty + rng.normal(0, 0.05, study.images)
            correct = right <= np.quantile(right, wanted)
            row = _row(arm, seed, study)
            accuracy = float(correct.mean())
            row |= {"state": "finished", "test_accuracy": accuracy}
            row |= {"train_accuracy": accuracy + 0.01 + 0.02 * (arm.scope is Scope.FULL)}
            row |= {"val_accuracy": accuracy + rng.normal(0, 0.001)}
            rows.append(row)
            history += _curve(row, arm)
            wrong = (labels + 1 + rng.integers(0, 9, study.images)) % 10
            arrays[f"{row['run_id']}.class"] = np.where(correct, labels, wrong).astype(np.uint8)
    pd.DataFrame(rows, columns=list(RESULT_COLUMNS)).to_csv(folder / "results.csv", index=False)
    if study.details:
        pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).to_csv(
            folder / "history.csv", index=False
        )
        trials = pd.DataFrame(_trials(study), columns=list(TRIAL_COLUMNS))
        trials.to_csv(folder / "trials.csv", index=False)
        _json(folder, study)
    if study.predictions:
        np.savez(folder / "predictions.npz", **arrays)
    return folder


def _row(arm: Arm, seed: int, study: Planted) -> dict[str, Any]:
    frozen = arm.scope is Scope.FROZEN
    return {
        "run_id": f"{arm.name}-s{seed}-00000000",
        "model": arm.model.value,
        "init": arm.init.value,
        "init_source": study.source if arm.init is Init.PRETRAINED else "none",
        "scope": arm.scope.value,
        "lr_policy": arm.lr_policy.value,
        "seed": seed,
        "train_images": 54_000,
        "samples_seen": SAMPLES,
        "resolution": 32,
        "lr": 0.001,
        "lr_decay": 2.6 if arm.lr_policy is LrPolicy.DISCRIMINATIVE else None,
        "ece": 0.05,
        "train_seconds": (2.0 if frozen else 20.0) + 0.01 * seed,
        "images_per_second": 4000.0 if frozen else 400.0,
        "trainable_parameters": 10_250 if frozen else 5_600_000,
        "total_parameters": 5_600_000,
        "peak_memory_mb": 300.0 if frozen else 900.0,
        "checkpoint": "",
        "reason": "",
    }


def _curve(row: dict[str, Any], arm: Arm) -> Iterable[dict[str, Any]]:
    for step in range(1, POINTS + 1):
        yield {
            "run_id": row["run_id"],
            "samples_seen": SAMPLES * step // POINTS,
            "seconds": row["train_seconds"] * step / POINTS,
            "train_loss": 1 / step,
            "val_accuracy": row["val_accuracy"] * (1 - 0.3 * (1 - step / POINTS) ** 2),
            "val_loss": 1 / step,
        }


def _trials(study: Planted) -> Iterable[dict[str, Any]]:
    for arm in arms(study.models):
        if arm.name not in study.without:
            for trial in range(4):
                accuracy = study.accuracy(arm) / 100 - 0.01 * (3 - trial)
                yield _row(arm, 0, study) | {
                    "run_id": f"{arm.name}-t{trial}-0",
                    "state": "finished",
                    "trial": trial,
                    "val_accuracy": accuracy,
                }


def _json(folder: Path, study: Planted) -> None:
    own = study.source == "fractal"
    pretraining: dict[str, Any] = {
        "source": study.source,
        "images": 51_200 if own else None,
        "categories": 256 if own else None,
        "image_size": 32 if own else None,
        "samples": 131_072 if own else None,
        "seconds": 300.0 if own else 0.0,
        "cached": False,
        "sha256": "ab" * 32,
        "held_out_accuracy": 0.93 if own else None,
        "chance": 1 / 256 if own else None,
        "passed": True,
        "curve": [],
        "fallback_reason": "weights_unreachable" if own else None,
    }
    shapes = {"shape_before": "64×16×16", "shape_after": "64×16×16"}
    stem = {"stage": "stem", "layer": "conv1", "kind": "Conv2d", **shapes}
    head = {"stage": "head", "layer": "fc", "kind": "Linear", **shapes}
    layers = [
        stem | {"parameters_before": 9408, "parameters_after": 3136},
        head | {"parameters_before": 1_025_000, "parameters_after": 10_250},
    ]
    architecture = {
        "layers": layers,
        "original_parameters": 5_604_000,
        "adapted_parameters": 5_604_000,
        "head_parameters": 10_250,
        "folded": False,
        "folded_parameters": None,
        "adaptation_error": 3e-6,
        "stages": [{"name": "stem", "modules": ["conv1"], "parameters": 3136}],
    }
    files: dict[str, Any] = {
        "plan.json": {"budget_seconds": 7200, "used_seconds": 7000, "reserve_seconds": 216},
        "environment.json": {
            "device": "cpu",
            "dataset": {
                "source": "debian", "sha256": "cd" * 32, "train_images": 54_000,
                "validation_images": 6_000, "test_images": 10_000,
            },
            "weights": {
                model.value: {"source": study.source, "sha256": "ab" * 32, "path_name": "weights",
                              "channels": 1 if own else 3}
                for model in study.models
            },
        },
        "architecture.json": {model.value: architecture for model in study.models},
        "pretraining.json": {model.value: pretraining for model in study.models},
    }  # fmt: skip
    for name, value in files.items():
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    stages = np.array(["stem", "middle", "deep", "head"])
    drift: dict[str, Any] = {}
    for arm in arms(study.models):
        if arm.init is Init.PRETRAINED and arm.scope is Scope.FULL:
            for seed in range(study.seeds):
                run_id = f"{arm.name}-s{seed}-00000000"
                drift[f"{run_id}.stages"] = stages
                drift[f"{run_id}.relative_change"] = np.array([0.01, 0.05, 0.1 + seed / 1e3, 1.0])
                policy = arm.lr_policy is LrPolicy.DISCRIMINATIVE
                middle = 0.5 + (study.cka_policy + seed / 1e3) * policy
                gap = study.cka_early / 2 + seed / 1e3
                if not np.isnan(gap):
                    drift[f"{run_id}.cka"] = np.array([middle + gap, middle, middle - gap, 0.1])
    (folder / "artifacts").mkdir(exist_ok=True)
    np.savez(folder / "artifacts" / "drift.npz", **drift)
