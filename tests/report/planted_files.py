"""The parts of a planted results directory that need structure: layer tables, curves, arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

Rows = list[dict[str, Any]]


def architecture(model: str) -> dict[str, Any]:
    head = {"vgg11": 4096, "googlenet": 1024}[model]
    first = {"vgg11": "features.0", "googlenet": "conv1.conv"}[model]
    kernel = {"vgg11": 3, "googlenet": 7}[model]
    bias = 64 if model == "vgg11" else 0
    trunk = {
        "vgg11": [
            ("features.3", "Conv2d", [64, 16, 16], [128, 16, 16], 73_856),
            ("features.6", "Conv2d", [128, 8, 8], [256, 8, 8], 295_168),
            ("classifier.0", "Linear", [25088], [4096], 102_764_544),
            ("classifier.3", "Linear", [4096], [4096], 16_781_312),
        ],
        "googlenet": [("conv2", "Conv2d", [64, 8, 8], [64, 8, 8], 4_224)]
        + [
            (f"inception{n}", "Inception", [s, 2, 2], [t, 2, 2], p)
            for n, s, t, p in (
                ("3a", 192, 256, 163_696),
                ("3b", 256, 480, 388_736),
                ("4a", 480, 512, 376_176),
                ("5a", 832, 832, 1_043_456),
                ("5b", 832, 1024, 1_444_080),
            )
        ],
    }[model]
    layers = [
        _layer(
            "stem",
            first,
            "Conv2d",
            [3, 32, 32],
            [64, 32, 32],
            3 * 64 * kernel**2 + bias,
            64 * kernel**2 + bias,
            [1, 32, 32],
            [64, 32, 32],
        )
    ]
    layers += [_layer("trunk", *values, values[-1]) for values in trunk]
    layers.append(
        _layer(
            "head",
            "classifier.6" if model == "vgg11" else "fc",
            "Linear",
            [head],
            [1000],
            head * 1000 + 1000,
            head * 10 + 10,
            [head],
            [10],
        )
    )
    folded = model == "vgg11"
    return {
        "layers": layers,
        "original_parameters": {"vgg11": 132_863_336, "googlenet": 6_624_904}[model],
        "adapted_parameters": {"vgg11": 128_806_154, "googlenet": 5_606_634}[model],
        "head_parameters": head * 10 + 10,
        "folded": folded,
        "folded_parameters": 28_142_858 if folded else None,
        "adaptation_error": 2.4e-7,
        "stages": [
            {"name": f"stage {i}", "modules": [f"block{i}", f"norm{i}"], "parameters": 1000 * 4**i}
            for i in range(5)
        ]
        + [{"name": "head", "modules": ["head"], "parameters": head * 10 + 10}],
    }


def _layer(
    stage: str,
    layer: str,
    kind: str,
    source: list[int],
    target: list[int],
    before: int,
    after: int,
    source_after: list[int] | None = None,
    target_after: list[int] | None = None,
) -> dict[str, Any]:
    return {
        "stage": stage,
        "layer": layer,
        "kind": kind,
        "shape_before": "×".join(map(str, source)) + " → " + "×".join(map(str, target)),
        "shape_after": "×".join(map(str, source_after or source))
        + " → "
        + "×".join(map(str, target_after or target)),
        "parameters_before": before,
        "parameters_after": after,
    }


def pretraining(model: str, source: str) -> dict[str, Any]:
    if source != "fractal":
        return {
            "source": source,
            "images": 1_281_167,
            "categories": 1000,
            "image_size": 224,
            "sha256": "cd" * 32,
            "curve": [],
            "seconds": 0.0,
            "cached": False,
        }
    samples = np.linspace(5_000, 50_000, 10)
    accuracy = 0.95 / (1 + np.exp(-(samples - 22_000) / 6_000))
    return {
        "source": "fractal",
        "images": 25_600,
        "categories": 128,
        "image_size": 32,
        "samples": 50_000,
        "seconds": 441.0,
        "cached": False,
        "sha256": "cd" * 32,
        "held_out_accuracy": 0.9111,
        "chance": 1 / 128,
        "passed": True,
        "fallback_reason": "host not reachable",
        "curve": [
            {"samples": int(s), "seconds": float(s) / 115, "loss": 5 * float(1 - a), "accuracy": float(a)}
            for s, a in zip(samples, accuracy, strict=True)
        ],
    }


def arrays(
    images: np.ndarray, labels: np.ndarray, results: Rows, source: str, rng: np.random.Generator
) -> dict[str, dict[str, np.ndarray]]:
    by_class = [images[labels == k] for k in range(10)]
    padded = np.pad(images[[0, 1, 7]], ((0, 0), (2, 2), (2, 2)))
    changed = np.stack(
        [padded] + [np.roll(padded[:, :, :: 1 - 2 * (i % 2)], i - 2, 2) for i in range(5)], axis=1
    )
    files: dict[str, dict[str, np.ndarray]] = {
        "dataset": {
            "examples": np.stack([group[:6] for group in by_class]),
            "class_counts": np.array([[5400] * 10, [600] * 10, [1000] * 10]),
            "augmented": changed,
        }
    }
    if source == "fractal":
        files["dataset"]["fractals"] = _fractals(rng)
    judged = [row for row in results if row["state"] == "finished"]
    done = [row["run_id"] for row in judged if row["seed"] == 0 and row["role"] == "matrix"]
    longest = [row["run_id"] for row in judged if row["role"] == "champion"]
    answering = longest + done
    shares = rng.dirichlet(np.ones(10) * 0.2, len(answering))
    shares[:, int(labels[0])] += 2
    files["object"] = {
        "image": images[0],
        "index": np.array(0),
        "label": np.array(labels[0]),
        "run_ids": np.array(answering),
        "probabilities": shares / shares.sum(1, keepdims=True),
    }
    files["errors"] = {
        "images": images[5:17],
        "index": np.arange(5, 17),
        "label": labels[5:17],
        "predicted": (labels[5:17] + 2) % 10,
        "confidence": np.linspace(0.999, 0.93, 12),
        "run_id": np.array(answering[0] if answering else ""),
    }
    for model, size in (("vgg11", 3), ("googlenet", 7)):
        before = rng.normal(0, 1, (64, size, size))
        files[f"filters-{model}"] = {
            "before": before,
            "after": before + rng.normal(0, 0.2, before.shape),
            "scratch": rng.normal(0, 1, before.shape),
        }
    for model in ("vgg11", "googlenet"):
        compared = [
            run
            for run in done
            if run.startswith(model) and "scratch-frozen" not in run and "discriminative" not in run
        ]
        if compared:
            files[f"gradcam-{model}"] = _gradcam(model, compared, images, labels, rng)
            files[f"featuremap-{model}"] = _featuremap(labels, rng)
    files["drift"] = {}
    for run_id in done:
        if "-full-" in run_id:
            files["drift"][f"{run_id}.stages"] = np.array([f"stage {i}" for i in range(5)] + ["head"])
            files["drift"][f"{run_id}.relative_change"] = np.linspace(0.02, 0.3, 6) * rng.uniform(0.5, 1.5)
            if "-pretrained-" in run_id:
                kept = 0.9 if "discriminative" in run_id else 0.8
                files["drift"][f"{run_id}.cka"] = kept - np.linspace(-0.1, 0.7, 6) ** 2
    return files


def experiments(models: tuple[str, ...], source: str, seeds: int, rng: np.random.Generator) -> Rows:
    """Side runs: labels and depth of every network, first convolutions of the last one."""
    rows: Rows = []
    for model in models:
        cells: Rows = [
            {"experiment": "labels", "init": init, "train_images": images}
            for images in (500, 2_000, 10_000)
            for init in ("pretrained", "scratch")
        ]
        cells += [{"experiment": "depth", "unfrozen_stages": k} for k in (0, 1, 2, 4)]
        if model == models[-1]:
            cells += [
                {"experiment": "adaptation", "first_conv": variant}
                for variant in ("mean", "fresh")[source == "fractal" :]
            ]
        for seed in range(seeds):
            for number, cell in enumerate(cells):
                row: dict[str, Any] = {"init": "pretrained", "train_images": 10_000} | cell
                base = 0.6 + 0.05 * np.log10(row["train_images"]) + 0.03 * (row["init"] == "pretrained")
                rows.append(
                    row
                    | {
                        "run_id": f"{model}-{row['init']}-full-uniform-{row['experiment']}{number}-s{seed}",
                        "model": model,
                        "init_source": source if row["init"] == "pretrained" else "none",
                        "scope": "full",
                        "lr_policy": "uniform",
                        "seed": seed,
                        "state": "finished",
                        "role": "matrix",
                        "rung": 10_000,
                        "samples_seen": 10_000,
                        "resolution": 32,
                        "test_accuracy": float(base + rng.normal(0, 0.004)),
                    }
                )
    return rows


def _gradcam(
    model: str, run_ids: list[str], images: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Round spots as maps: of the first network at the left, of the next ones further right."""
    index = np.array([0, 25, 40, 66, 147])
    line = np.arange(28)
    maps = [
        np.exp(-(np.add.outer((line - 13.5) ** 2, (line - 6 - 6 * place) ** 2)) / 60)
        for place in range(len(run_ids))
    ]
    return {
        "run_ids": np.array(run_ids),
        "index": index,
        "images": images[index],
        "arms": np.array([run_id.rsplit("-", 2)[0] for run_id in run_ids]),
        "labels": labels[index].astype(np.int64),
        "maps": np.repeat(np.stack(maps)[:, None], len(index), 1).astype(np.float16),
        "probabilities": rng.dirichlet(np.full(10, 0.2), (len(run_ids), len(index))),
        "layer": np.array({"vgg11": "features.14", "googlenet": "inception3b"}[model]),
        "map_size": np.array([4, 4]),
        "sampled": np.array(200),
        "area": np.array(0.5033),
        "inside": np.linspace(0.4044, 0.7077, len(run_ids)),
        "empty": np.arange(len(run_ids)) % 2,
    }


def _featuremap(labels: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    index = np.arange(1000)
    files = {"index": index, "labels": labels[index].astype(np.int64)}
    for init, spread in (("pretrained", 5.0), ("scratch", 2.0)):
        centres = rng.normal(0, spread, (10, 2))
        files[f"{init}.points"] = centres[labels[index]] + rng.normal(0, 1.5, (1000, 2))
        files[f"{init}.explained"] = np.array([0.3033, 0.1011])
        files[f"{init}.neighbour"] = np.array(0.5 + spread / 20)
        files[f"{init}.between"] = np.array(spread / 20)
    return files


def _fractals(rng: np.random.Generator) -> np.ndarray:
    """Twelve small chaos-game pictures, only to have something to draw."""
    result = np.zeros((12, 32, 32), np.uint8)
    for picture in result:
        maps = [(rng.uniform(-0.6, 0.6, (2, 2)), rng.uniform(-1, 1, 2)) for _ in range(3)]
        point = np.zeros(2)
        track = np.empty((1500, 2))
        for i in range(1500):
            matrix, shift = maps[rng.integers(3)]
            point = matrix @ point + shift
            track[i] = point
        low, high = track.min(0), track.max(0)
        cells = ((track - low) / (high - low + 1e-9) * 31).astype(int)
        np.add.at(picture, (cells[:, 0], cells[:, 1]), 40)
    return result
