"""A complete, visibly synthetic results directory for tests; never shown as a result."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from planted_files import architecture, arrays, experiments, pretraining

from study.analysis import write_analysis
from study.matrix import arms
from study.spec import Arm, ModelName
from study.store.files import write_arrays
from study.store.tables import (
    EXPERIMENT_COLUMNS,
    HISTORY_COLUMNS,
    RESULT_COLUMNS,
    TRIAL_COLUMNS,
)

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_BASE = {
    "pretrained-frozen": 0.8111, "scratch-frozen": 0.7222,
    "pretrained-full-uniform": 0.9011, "pretrained-full-discriminative": 0.9077,
    "scratch-full-uniform": 0.8622, "scratch-full-discriminative": 0.8444,
}  # fmt: skip
_PARAMETERS = {"vgg11": 128_806_154, "googlenet": 5_606_634}
_HEAD = {"vgg11": 40_970, "googlenet": 10_250}


def plant(
    folder: Path,
    *,
    seeds: int = 3,
    trials: int = 4,
    source: str = "fractal",
    missing: tuple[str, ...] = (),
    failed: tuple[str, ...] = (),
    budget: int = 7200,
    models: tuple[str, ...] = ("vgg11", "googlenet"),
    artifacts: bool = True,
    bare: bool = False,
    finished: bool = True,
    scratch_bonus: float = 0.0,
) -> Path:
    """Write results/ as the contract says.

    Args:
        folder: the results directory, created.
        seeds: finished seeds of every arm.
        trials: tuning trials of every arm.
        source: `imagenet1k_v1` or `fractal`; `none` where no weights could be had.
        missing: arm names that were skipped.
        failed: arm names whose last seed ended by an error.
        budget: seconds of the plan.
        models: networks of the study.
        artifacts: whether pictures' arrays, history, predictions and contrasts exist.
        bare: only environment.json, plan.json and results.csv with skipped rows.
        finished: whether the study came to its end.
        scratch_bonus: added to the test accuracy of the arms trained from scratch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(4)
    chosen = arms(tuple(ModelName(name) for name in models))
    labels = _test_labels()
    results, history, predictions = [], [], {"labels": labels}
    for arm in chosen:
        if bare or arm.name in missing:
            results.append(_row(arm, 0, source, "skipped", reason="не хватило бюджета времени"))
            continue
        for seed in range(seeds):
            accuracy = _accuracy(arm, rng, scratch_bonus)
            if arm.name in failed and seed == seeds - 1:
                results.append(_row(arm, seed, source, "failed", reason="потери перестали быть числом"))
                continue
            row = _finished(arm, seed, source, accuracy, rng)
            results.append(row)
            history += _history(row, rng)
            if artifacts:
                predictions |= _predictions(row, labels, rng)
    tuning = [] if bare else _trials(chosen, trials, source, missing, rng)
    pd.DataFrame(results, columns=list(RESULT_COLUMNS)).to_csv(folder / "results.csv", index=False)
    _json(folder / "environment.json", _environment(models, source, finished))
    _json(folder / "plan.json", _plan(results, models, trials, budget))
    if bare:
        return folder
    pd.DataFrame(tuning, columns=list(TRIAL_COLUMNS)).to_csv(folder / "trials.csv", index=False)
    if trials:
        side = experiments(models, source, seeds, rng)
        pd.DataFrame(side, columns=list(EXPERIMENT_COLUMNS)).to_csv(
            folder / "experiments.csv", index=False
        )
    if artifacts:
        _write_artifacts(folder, results, history, predictions, models, source, rng)
    write_analysis(folder, seed=0)
    return folder


def _accuracy(arm: Arm, rng: np.random.Generator, bonus: float) -> float:
    base = _BASE[arm.name.removeprefix(f"{arm.model}-")]
    shift = 0.012 if arm.model is ModelName.GOOGLENET else 0.0
    extra = bonus if arm.init.value == "scratch" else 0.0
    return float(np.clip(base + shift + extra + rng.normal(0, 0.004), 0.1, 0.99))


def _row(arm: Arm, seed: int, source: str, state: str, reason: str = "") -> dict[str, Any]:
    return {
        "run_id": f"{arm.name}-s{seed}-planted0", "model": arm.model.value, "init": arm.init.value,
        "init_source": source if arm.init.value == "pretrained" else "none",
        "scope": arm.scope.value, "lr_policy": arm.lr_policy.value, "seed": seed, "state": state,
        "resolution": 32, "reason": reason,
    }  # fmt: skip


def _finished(
    arm: Arm, seed: int, source: str, accuracy: float, rng: np.random.Generator
) -> dict[str, Any]:
    frozen = arm.scope.value == "frozen"
    seconds = (20.0 if frozen else 180.0) * float(rng.uniform(0.9, 1.1))
    return _row(arm, seed, source, "finished") | {
        "train_images": 54_000, "samples_seen": 162_000, "epochs": 3.0,
        "lr": 1e-3 if frozen else 3.2e-4, "weight_decay": 0.01, "label_smoothing": 0.0,
        "lr_decay": 2.6 if arm.lr_policy.value == "discriminative" else None,
        "val_accuracy": accuracy + 0.004, "train_accuracy": accuracy + 0.021,
        "test_accuracy": accuracy, "test_loss": 0.61 * (1 - accuracy) / 0.12,
        "macro_f1": accuracy - 0.001, "ece": 0.03 + 0.01 * float(rng.random()),
        "train_seconds": seconds, "images_per_second": 162_000 / seconds,
        "trainable_parameters": _HEAD[arm.model] if frozen else _PARAMETERS[arm.model],
        "total_parameters": _PARAMETERS[arm.model], "peak_memory_mb": 400 if frozen else 1300,
        "checkpoint": f"checkpoints/{arm.name}-s{seed}.pt",
    }  # fmt: skip


def _history(row: dict[str, Any], rng: np.random.Generator) -> list[dict[str, Any]]:
    points = np.linspace(0.125, 1, 8)
    accuracy = row["val_accuracy"] - 0.25 * np.exp(-4 * points) + rng.normal(0, 0.003, 8)
    return [
        dict(zip(HISTORY_COLUMNS, (
            row["run_id"], int(share * row["samples_seen"]), share * row["train_seconds"],
            0.3 + 1.5 * float(np.exp(-4 * share)), float(value), 2.5 * (1 - float(value)),
        ), strict=True))
        for share, value in zip(points, accuracy, strict=True)
    ]  # fmt: skip


def _predictions(
    row: dict[str, Any], labels: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    right = rng.random(len(labels)) < row["test_accuracy"]
    near = np.array([6, 3, 4, 0, 2, 7, 0, 9, 0, 7], dtype=np.uint8)
    classes = np.where(right, labels, np.where(rng.random(len(labels)) < 0.7, near[labels],
                       rng.integers(0, 10, len(labels)))).astype(np.uint8)  # fmt: skip
    logits = rng.normal(0, 1, (len(labels), 10))
    logits[np.arange(len(labels)), classes] += rng.gamma(4.0, 1.3, len(labels))
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    run_id = row["run_id"]
    return {
        f"{run_id}.class": shares.argmax(1).astype(np.uint8),
        f"{run_id}.probabilities": shares.astype(np.float16),
    }


def _trials(
    chosen: tuple[Arm, ...], count: int, source: str, missing: tuple[str, ...],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:  # fmt: skip
    rows = []
    for arm in chosen:
        for trial in range(0 if arm.name in missing else count):
            lr = float(10 ** rng.uniform(-4.5, -2))
            value = _accuracy(arm, rng, 0.0) - 0.06 * (np.log10(lr) + 3.2) ** 2
            rows.append(
                _row(arm, 0, source, "pruned" if trial % 4 == 3 else "finished")
                | {"run_id": f"{arm.name}-t{trial}-planted0", "trial": trial, "lr": lr,
                   "weight_decay": float(10 ** rng.uniform(-3, -1)), "label_smoothing": 0.05,
                   "lr_decay": 2.6 if arm.lr_policy.value == "discriminative" else None,
                   "train_images": 10_000, "samples_seen": 20_000, "epochs": 2.0,
                   "val_accuracy": float(value), "train_seconds": 21.0}
            )  # fmt: skip
    return rows


def _environment(models: tuple[str, ...], source: str, finished: bool) -> dict[str, Any]:
    events = [{"kind": "cuda_missing", "model": None, "detail": "CUDA is not available"}]
    if source == "fractal":
        events += [
            {"kind": "weights_unreachable", "model": model, "detail": "host not reachable"}
            for model in models
        ]
    return {
        "python": "3.12.0", "platform": "Linux x86_64", "torch": "2.14.1", "torchvision": "0.29.1",
        "optuna": "5.0.0", "pandas": "3.1.1", "weasyprint": "70.0", "device": "cpu",
        "device_name": "Planted CPU 3000", "threads": 2, "precision": "fp32", "memory_gb": 7.7,
        "commit": "0000000", "study_version": "0.1.0", "seed": 0,
        "dataset": {"source": "debian", "sha256": "ab" * 32, "train_images": 54_000,
                    "validation_images": 6_000, "test_images": 10_000},
        "weights": {m: {"source": source, "sha256": "cd" * 32, "path_name": f"{m}.pt", "detail": "",
                        "channels": 1 if source == "fractal" else 3}
                    for m in models if source != "none"},
        "started": "2031-02-03T04:05:06+00:00",
        "finished": "2031-02-03T06:05:06+00:00" if finished else None, "events": events,
    }  # fmt: skip


def _plan(
    results: list[dict[str, Any]], models: tuple[str, ...], trials: int, budget: int
) -> dict[str, Any]:
    share = budget / 7200
    phases = ["setup", "pretraining", "matrix", "tuning", "final", "report"]
    times = [(60, 66), (900, 884), (2100, 2230), (1500 * bool(trials), 1411 * bool(trials)),
             (2300, 2260), (60, 24)]  # fmt: skip
    return {
        "budget_seconds": budget, "used_seconds": 6875 * share, "reserve_seconds": 216 * share,
        "decisions": {
            model: {"samples": 162_000, "trial_samples": 20_000, "train_images": 54_000,
                    "batch_size": 128, "seeds": 3, "trials": trials, "validation_images": 6_000,
                    "resolution": 32, "side_samples": 10_000 if trials else 0}
            for model in models
        },
        "phases": [
            {"phase": phase, "predicted_seconds": p * share, "actual_seconds": a * share}
            for phase, (p, a) in zip(phases, times, strict=True)
        ],
        "rows": [
            {"run_id": row["run_id"], "phase": "final", "arm": row["run_id"].rsplit("-", 2)[0],
             "predicted_seconds": 180.0, "predicted_p95_seconds": 220.0,
             "actual_seconds": row.get("train_seconds"), "state": row["state"],
             "reason": row["reason"]}
            for row in results
        ],
    }  # fmt: skip


def _test_labels() -> np.ndarray:
    with gzip.open(FASHION_MNIST / "t10k-labels-idx1-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=8).copy()


def _test_images() -> np.ndarray:
    with gzip.open(FASHION_MNIST / "t10k-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def _write_artifacts(
    folder: Path, results: list[dict[str, Any]], history: list[dict[str, Any]],
    predictions: dict[str, np.ndarray], models: tuple[str, ...], source: str,
    rng: np.random.Generator,
) -> None:  # fmt: skip
    pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).to_csv(folder / "history.csv", index=False)
    write_arrays(folder / "predictions.npz", predictions)
    _json(folder / "architecture.json", {model: architecture(model) for model in models})
    _json(folder / "pretraining.json", {
        model: pretraining(model, source) for model in models if source != "none"
    })
    target = folder / "artifacts"
    target.mkdir(exist_ok=True)
    for name, content in arrays(_test_images(), _test_labels(), results, source, rng).items():
        write_arrays(target / f"{name}.npz", content)
