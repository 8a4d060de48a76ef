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
from study.networks import DEFAULT, GOOGLENET, ModelName
from study.spec import Arm, Init, LrPolicy, Scope
from study.store.tables import (
    BASELINE_COLUMNS,
    HISTORY_COLUMNS,
    RESULT_COLUMNS,
    RUNG_COLUMNS,
    TRIAL_COLUMNS,
)

#: Every training is judged at these; the truth is that of the last.
RUNGS = (2_000, 4_000, 8_000)
SAMPLES = RUNGS[-1]
POINTS = 8
CHAMPION_SAMPLES = 64_000


@dataclass(frozen=True, kw_only=True)
class Planted:
    """*_pp are true differences of test accuracy in percentage points.

    cross_pp is what training the whole network gains in GoogLeNet and loses in VGG11.
    cka_early: similarity of the first stage minus that of the last backbone stage; cka_policy: that
    of discriminative minus uniform rates; NaN leaves similarities out, as older studies do.
    champion is the champion's test accuracy, champion_gap what it has more on training images, and
    pixels the test accuracy of the softmax on pixels; None for none.
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
    models: tuple[ModelName, ...] = DEFAULT
    without: tuple[str, ...] = ()
    predictions: bool = True
    details: bool = True
    rng_seed: int = 1
    champion: float | None = None
    champion_gap: float = 0.02
    pixels: float | None = None

    def accuracy(self, arm: Arm) -> float:
        value = 80.0
        value += self.init_pp * (arm.init is Init.PRETRAINED)
        value += self.scope_pp * (arm.scope is Scope.FULL)
        sign = 1 if arm.model == GOOGLENET else -1
        value += self.cross_pp * sign * (arm.scope is Scope.FULL)
        value += self.policy_pp * (arm.lr_policy is LrPolicy.DISCRIMINATIVE)
        return value + self.model_pp * (arm.model == GOOGLENET)


def plant(folder: Path, study: Planted) -> Path:
    """Write results/ for a study with the given truth."""
    rng = np.random.default_rng(study.rng_seed)
    folder.mkdir(parents=True, exist_ok=True)
    labels = rng.integers(0, 10, study.images).astype(np.uint8)
    difficulty = rng.random(study.images)
    results: list[dict[str, Any]] = []
    rungs: list[dict[str, Any]] = []
    history: list[dict[str, Any]] = []
    arrays: dict[str, Any] = {"labels": labels, "index": np.arange(study.images)}
    for arm in arms(study.models):
        if arm.name in study.without:
            results.append(_row(arm, 0, study) | {"state": "skipped", "reason": "budget"})
            continue
        for seed in range(study.seeds):
            wanted = (study.accuracy(arm) + rng.normal(0, study.noise_pp)) / 100
            right = difficulty + rng.normal(0, 0.05, study.images)
            for rung in RUNGS:
                length = rung / SAMPLES
                row = _row(arm, seed, study, rung)
                images = int(study.images * max(length, 0.5))
                reached = wanted * (1 - 0.3 * (1 - length) ** 2)
                correct = right[:images] <= np.quantile(right, reached)
                accuracy = float(correct.mean())
                row |= {"state": "finished", "test_accuracy": accuracy, "test_images": images}
                row |= {"train_accuracy": accuracy + 0.01 + 0.02 * (arm.scope is Scope.FULL)}
                row |= {"val_accuracy": accuracy + rng.normal(0, 0.001)}
                rungs.append(row)
                name = f"{row['run_id']}.{rung}.class"
                arrays[name] = _answers(labels[:images], correct, rng)
            results.append(row)
            history.append(_last_point(row))
    if study.champion is not None:
        row, answers = _champion(study, labels, difficulty, rng)
        results.append(row)
        history += _curve(row)
        arrays |= answers
    pd.DataFrame(results, columns=list(RESULT_COLUMNS)).to_csv(folder / "results.csv", index=False)
    pd.DataFrame(rungs, columns=list(RUNG_COLUMNS)).to_csv(folder / "rungs.csv", index=False)
    if study.pixels is not None:
        pd.DataFrame(
            [
                ("chance", None, study.images, 0.1, None),
                ("softmax on pixels", 8_000, study.images, study.pixels, 12.0),
            ],
            columns=list(BASELINE_COLUMNS),
        ).to_csv(folder / "baselines.csv", index=False)
    if study.details:
        pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).to_csv(folder / "history.csv", index=False)
        trials = pd.DataFrame(_trials(study), columns=list(TRIAL_COLUMNS))
        trials.to_csv(folder / "trials.csv", index=False)
        _json(folder, study)
    if study.predictions:
        np.savez(folder / "predictions.npz", **arrays)
    return folder


def _answers(labels: Any, correct: Any, rng: np.random.Generator) -> Any:
    wrong = (labels + 1 + rng.integers(0, 9, labels.size)) % 10
    return np.where(correct, labels, wrong).astype(np.uint8)


def _row(arm: Arm, seed: int, study: Planted, rung: int = SAMPLES) -> dict[str, Any]:
    frozen = arm.scope is Scope.FROZEN
    seconds = ((2.0 if frozen else 20.0) + 0.01 * seed) * rung / SAMPLES
    return {
        "run_id": f"{arm.name}-s{seed}-00000000",
        "role": "matrix",
        "model": arm.model,
        "init": arm.init.value,
        "init_source": study.source if arm.init is Init.PRETRAINED else "none",
        "scope": arm.scope.value,
        "lr_policy": arm.lr_policy.value,
        "seed": seed,
        "rung": rung,
        "train_images": rung,
        "samples_seen": rung,
        "resolution": 32,
        "lr": 0.001,
        "lr_decay": 2.6 if arm.lr_policy is LrPolicy.DISCRIMINATIVE else None,
        "ece": 0.05,
        "train_seconds": seconds,
        "seconds": seconds,
        "images_per_second": 4000.0 if frozen else 400.0,
        "trainable_parameters": 10_250 if frozen else 5_600_000,
        "total_parameters": 5_600_000,
        "peak_memory_mb": 300.0 if frozen else 900.0,
        "checkpoint": "",
        "reason": "",
    }


def _champion(
    study: Planted, labels: Any, difficulty: Any, rng: np.random.Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A pretrained full network of the last model, trained eight times as long as the matrix."""
    assert study.champion is not None
    arm = next(a for a in reversed(arms(study.models)) if a.init is Init.PRETRAINED)
    run_id = f"{arm.name}-champion-s0-00000000"
    correct = difficulty <= np.quantile(difficulty, study.champion)
    answers = _answers(labels, correct, rng)
    accuracy = float(correct.mean())
    row = _row(arm, 0, study, CHAMPION_SAMPLES) | {
        "run_id": run_id,
        "role": "champion",
        "state": "finished",
        "test_accuracy": accuracy,
        "train_accuracy": min(1.0, accuracy + study.champion_gap),
        "val_accuracy": accuracy - 0.001,
        "test_images": study.images,
        "validation_images": 5_000,
        "macro_f1": accuracy,
        "train_images": 54_000,
        "epochs": CHAMPION_SAMPLES / 54_000,
        "test_loss": 0.4,
    }
    shares = np.full((study.images, 10), 0.01)
    shares[np.arange(study.images), answers] = 0.91
    name = f"{run_id}.{CHAMPION_SAMPLES}"
    return row, {f"{name}.class": answers, f"{name}.probabilities": shares.astype(np.float16)}


def _last_point(row: dict[str, Any]) -> dict[str, Any]:
    """A run of the matrix is looked at where it is judged."""
    return {
        "run_id": row["run_id"],
        "rung": row["rung"],
        "samples_seen": row["samples_seen"],
        "seconds": row["seconds"],
        "train_loss": 0.5,
        "val_accuracy": row["val_accuracy"],
        "val_loss": 0.6,
    }


def _curve(row: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for step in range(1, 2 * POINTS + 1):
        share = step / (2 * POINTS)
        looked = step % 2 == 0
        yield {
            "run_id": row["run_id"],
            "rung": row["rung"],
            "samples_seen": int(row["samples_seen"] * share),
            "seconds": row["seconds"] * share,
            "train_loss": 1 / step,
            "val_accuracy": row["val_accuracy"] * (1 - 0.3 * (1 - share) ** 2) if looked else None,
            "val_loss": 1.1 / step if looked else None,
        }


def _trials(study: Planted) -> Iterable[dict[str, Any]]:
    for arm in arms(study.models):
        if arm.name not in study.without:
            for trial in range(4):
                accuracy = study.accuracy(arm) / 100 - 0.01 * (3 - trial)
                yield _row(arm, 0, study) | {
                    "run_id": f"{arm.name}-t{trial}-0",
                    "state": "finished",
                    "rung": RUNGS[0],
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
                "source": "debian",
                "sha256": "cd" * 32,
                "train_images": 54_000,
                "validation_images": 6_000,
                "test_images": 10_000,
            },
            "weights": {
                model: {
                    "source": study.source,
                    "sha256": "ab" * 32,
                    "path_name": "weights",
                    "channels": 1 if own else 3,
                }
                for model in study.models
            },
        },
        "architecture.json": {model: architecture for model in study.models},
        "pretraining.json": {model: pretraining for model in study.models},
    }
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
