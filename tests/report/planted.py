"""A complete, visibly synthetic results directory for tests; never shown as a result."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from planted_files import architecture, arrays, experiments, pretraining
from planted_plan import RUNGS, environment, plan

from study.analysis import write_analysis
from study.matrix import arms
from study.networks import GOOGLENET, ModelName
from study.spec import Arm
from study.store.files import write_arrays
from study.store.tables import (
    BASELINE_COLUMNS,
    EXPERIMENT_COLUMNS,
    HISTORY_COLUMNS,
    RESULT_COLUMNS,
    RUNG_COLUMNS,
    TRIAL_COLUMNS,
)

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
_BASE = {
    "pretrained-frozen": 0.8111,
    "scratch-frozen": 0.7222,
    "pretrained-full-uniform": 0.9011,
    "pretrained-full-discriminative": 0.9077,
    "scratch-full-uniform": 0.8622,
    "scratch-full-discriminative": 0.8444,
}
#: Images of validation and test by rung, and what a shorter training loses.
_JUDGED = {8_000: (1_000, 2_000), 16_000: (2_000, 5_000)}
_CHAMPION_RUNG, _CHAMPION_ACCURACY = 432_000, 0.9311
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
    champion: bool = True,
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
        champion: whether one network was trained longest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(4)
    chosen = arms(tuple(ModelName(name) for name in models))
    index, labels = _test_order(rng)
    results, rungs, history = [], [], []
    predictions: dict[str, np.ndarray] = {"labels": labels, "index": index}
    for arm in chosen:
        if bare or arm.name in missing:
            results.append(_row(arm, 0, source, "skipped", reason="не хватило бюджета времени"))
            continue
        for seed in range(seeds):
            accuracy = _accuracy(arm, rng, scratch_bonus)
            if arm.name in failed and seed == seeds - 1:
                lost = _row(arm, seed, source, "failed", reason="потери перестали быть числом")
                results.append(lost)
                rungs.append(lost | {"rung": RUNGS[arm.model][0]})
                continue
            judged = [_finished(arm, seed, source, accuracy, rung, rng) for rung in RUNGS[arm.model]]
            rungs += judged
            results.append(judged[-1])
            history += _history(judged[-1], 1, rng)
            for row in judged if artifacts else ():
                answers = _answers(row, labels, rng).argmax(1)
                predictions[f"{_name(row)}.class"] = answers.astype(np.uint8)
    if champion and not bare and any(row["state"] == "finished" for row in results):
        longest = _champion(results, source)
        results.append(longest)
        history += _history(longest, 12, rng)
        if artifacts:
            shares = _answers(longest, labels, rng)
            predictions[f"{_name(longest)}.class"] = shares.argmax(1).astype(np.uint8)
            predictions[f"{_name(longest)}.probabilities"] = shares.astype(np.float16)
    tuning = [] if bare else _trials(chosen, trials, source, missing, rng)
    pd.DataFrame(results, columns=list(RESULT_COLUMNS)).to_csv(folder / "results.csv", index=False)
    _json(folder / "environment.json", environment(models, source, finished))
    _json(folder / "plan.json", plan(results, rungs, models, trials, budget))
    if bare:
        return folder
    pd.DataFrame(rungs, columns=list(RUNG_COLUMNS)).to_csv(folder / "rungs.csv", index=False)
    pd.DataFrame(
        [("chance", None, 10_000, 0.1, None), ("softmax on pixels", 54_000, 10_000, 0.8411, 14.2)],
        columns=list(BASELINE_COLUMNS),
    ).to_csv(folder / "baselines.csv", index=False)
    pd.DataFrame(tuning, columns=list(TRIAL_COLUMNS)).to_csv(folder / "trials.csv", index=False)
    if trials:
        side = experiments(models, source, seeds, rng)
        pd.DataFrame(side, columns=list(EXPERIMENT_COLUMNS)).to_csv(folder / "experiments.csv", index=False)
    if artifacts:
        _write_artifacts(folder, results, history, predictions, models, source, rng)
    write_analysis(folder)
    return folder


def _accuracy(arm: Arm, rng: np.random.Generator, bonus: float) -> float:
    base = _BASE[arm.name.removeprefix(f"{arm.model}-")]
    shift = 0.012 if arm.model == GOOGLENET else 0.0
    extra = bonus if arm.init.value == "scratch" else 0.0
    return float(np.clip(base + shift + extra + rng.normal(0, 0.004), 0.1, 0.99))


def _row(arm: Arm, seed: int, source: str, state: str, reason: str = "") -> dict[str, Any]:
    return {
        "run_id": f"{arm.name}-s{seed}-planted0",
        "role": "matrix",
        "model": arm.model,
        "init": arm.init.value,
        "init_source": source if arm.init.value == "pretrained" else "none",
        "scope": arm.scope.value,
        "lr_policy": arm.lr_policy.value,
        "seed": seed,
        "state": state,
        "resolution": 32,
        "reason": reason,
    }


def _finished(
    arm: Arm, seed: int, source: str, accuracy: float, rung: int, rng: np.random.Generator
) -> dict[str, Any]:
    frozen = arm.scope.value == "frozen"
    tops = RUNGS[arm.model][-1]
    seconds = (20.0 if frozen else 180.0) * rung / 32_000 * float(rng.uniform(0.97, 1.03))
    accuracy -= 0.04 * float(np.log2(tops / rung))
    validation, test = _JUDGED.get(rung, (5_000, 10_000))
    return _row(arm, seed, source, "finished") | {
        "rung": rung,
        "train_images": min(rung, 54_000),
        "samples_seen": rung,
        "epochs": rung / 54_000,
        "validation_images": validation,
        "test_images": test,
        "lr": 1e-3 if frozen else 3.2e-4,
        "weight_decay": 0.01,
        "label_smoothing": 0.0,
        "lr_decay": 2.6 if arm.lr_policy.value == "discriminative" else None,
        "val_accuracy": accuracy + 0.004,
        "val_loss": 0.6 * (1 - accuracy) / 0.12,
        "train_accuracy": accuracy + 0.021,
        "test_accuracy": accuracy,
        "test_loss": 0.61 * (1 - accuracy) / 0.12,
        "macro_f1": accuracy - 0.001,
        "ece": 0.03 + 0.01 * float(rng.random()),
        "train_seconds": seconds,
        "seconds": seconds,
        "step_seconds": seconds / 2,
        "judging_seconds": 9.0,
        "images_per_second": rung / seconds,
        "trainable_parameters": _HEAD[arm.model] if frozen else _PARAMETERS[arm.model],
        "total_parameters": _PARAMETERS[arm.model],
        "peak_memory_mb": 400 if frozen else 1300,
        "checkpoint": f"checkpoints/{arm.name}-s{seed}.pt",
    }


def _champion(results: list[dict[str, Any]], source: str) -> dict[str, Any]:
    """Of the last finished run that trained a whole network, pretrained where there is one, the go-on."""
    done = [row for row in results if row["state"] == "finished"]
    full = [row for row in done if row["scope"] == "full"] or done
    of = ([row for row in full if row["init"] == "pretrained"] or full)[-1]
    accuracy = _CHAMPION_ACCURACY
    return of | {
        "run_id": of["run_id"].replace(f"-s{of['seed']}-", f"-champion-s{of['seed']}-"),
        "role": "champion",
        "rung": _CHAMPION_RUNG,
        "samples_seen": _CHAMPION_RUNG,
        "epochs": 8.0,
        "train_images": 54_000,
        "validation_images": 5_000,
        "test_images": 10_000,
        "val_accuracy": 0.9344,
        "train_accuracy": 0.9533,
        "test_accuracy": accuracy,
        "test_loss": 0.2022,
        "macro_f1": 0.9305,
        "ece": 0.0123,
        "train_seconds": 1711.0,
        "images_per_second": _CHAMPION_RUNG / 1711,
        "checkpoint": "checkpoints/champion.pt",
    }


def _history(row: dict[str, Any], points: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """As many points with both losses; between them as many with the training loss alone."""
    found = []
    for step in range(1, 2 * points + 1) if points > 1 else (2,):
        share = step / (2 * points)
        value = row["val_accuracy"] - 0.25 * np.exp(-4 * share) + float(rng.normal(0, 0.003))
        looked = step % 2 == 0
        found.append(
            dict(
                zip(
                    HISTORY_COLUMNS,
                    (
                        row["run_id"],
                        row["rung"],
                        int(share * row["samples_seen"]),
                        share * row["train_seconds"],
                        0.3 + 1.5 * float(np.exp(-4 * share)),
                        value if looked else None,
                        2.5 * (1 - value) if looked else None,
                    ),
                    strict=True,
                )
            )
        )
    return found


def _name(row: dict[str, Any]) -> str:
    return f"{row['run_id']}.{row['rung']}"


def _answers(row: dict[str, Any], labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Probabilities [n, 10] of the first n test images; the row gets the accuracy that they have."""
    labels = labels[: row["test_images"]]
    right = rng.random(len(labels)) < row["test_accuracy"]
    near = np.array([6, 3, 4, 0, 2, 7, 0, 9, 0, 7], dtype=np.uint8)
    classes = np.where(
        right,
        labels,
        np.where(rng.random(len(labels)) < 0.7, near[labels], rng.integers(0, 10, len(labels))),
    ).astype(np.uint8)
    logits = rng.normal(0, 1, (len(labels), 10))
    logits[np.arange(len(labels)), classes] += 4 + rng.gamma(4.0, 1.3, len(labels))
    shares = np.exp(logits - logits.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    row["test_accuracy"] = float((shares.astype(np.float16).argmax(1) == labels).mean())
    return shares.astype(np.float16)


def _trials(
    chosen: tuple[Arm, ...],
    count: int,
    source: str,
    missing: tuple[str, ...],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    rows = []
    for arm in chosen:
        for trial in range(0 if arm.name in missing else count):
            lr = float(10 ** rng.uniform(-4.5, -2))
            value = _accuracy(arm, rng, 0.0) - 0.06 * (np.log10(lr) + 3.2) ** 2
            rows.append(
                _row(arm, 0, source, "finished")
                | {
                    "run_id": f"{arm.name}-t{trial}-planted0",
                    "trial": trial,
                    "lr": lr,
                    "weight_decay": float(10 ** rng.uniform(-3, -1)),
                    "label_smoothing": 0.05,
                    "lr_decay": 2.6 if arm.lr_policy.value == "discriminative" else None,
                    "rung": 8_000,
                    "train_images": 8_000,
                    "samples_seen": 8_000,
                    "epochs": 8 / 54,
                    "val_accuracy": float(value),
                    "train_seconds": 21.0,
                }
            )
    return rows


def _test_order(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(place in the test file, label) of every test image in an order whose prefixes are balanced."""
    labels = _test_labels()
    by_class = [rng.permutation(np.flatnonzero(labels == k)) for k in range(10)]
    index = np.stack(by_class, axis=1).ravel()
    return index, labels[index]


def _test_labels() -> np.ndarray:
    with gzip.open(FASHION_MNIST / "t10k-labels-idx1-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=8).copy()


def _test_images() -> np.ndarray:
    with gzip.open(FASHION_MNIST / "t10k-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")


def _write_artifacts(
    folder: Path,
    results: list[dict[str, Any]],
    history: list[dict[str, Any]],
    predictions: dict[str, np.ndarray],
    models: tuple[str, ...],
    source: str,
    rng: np.random.Generator,
) -> None:
    pd.DataFrame(history, columns=list(HISTORY_COLUMNS)).to_csv(folder / "history.csv", index=False)
    write_arrays(folder / "predictions.npz", predictions)
    _json(folder / "architecture.json", {model: architecture(model) for model in models})
    _json(
        folder / "pretraining.json",
        {model: pretraining(model, source) for model in models if source != "none"},
    )
    target = folder / "artifacts"
    target.mkdir(exist_ok=True)
    for name, content in arrays(_test_images(), _test_labels(), results, source, rng).items():
        write_arrays(target / f"{name}.npz", content)
