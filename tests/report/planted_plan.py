"""The machine and the plan of the synthetic study."""

from __future__ import annotations

from typing import Any

#: Rungs of each network.
RUNGS = {"vgg11": (8_000, 16_000, 32_000), "googlenet": (8_000, 16_000, 32_000, 64_000)}


def environment(models: tuple[str, ...], source: str, finished: bool) -> dict[str, Any]:
    events = [{"kind": "cuda_missing", "model": None, "detail": "CUDA is not available"}]
    if source == "fractal":
        events += [
            {"kind": "weights_unreachable", "model": model, "detail": "host not reachable"}
            for model in models
        ]
    return {
        "python": "3.12.0",
        "platform": "Linux x86_64",
        "torch": "2.14.1",
        "torchvision": "0.29.1",
        "optuna": "5.0.0",
        "pandas": "3.1.1",
        "weasyprint": "70.0",
        "device": "cpu",
        "device_name": "Planted CPU 3000",
        "threads": 1,
        "workers": 2,
        "precision": "fp32",
        "memory_gb": 7.7,
        "commit": "0000000",
        "study_version": "0.1.0",
        "seed": 0,
        "dataset": {
            "source": "debian",
            "sha256": "ab" * 32,
            "train_images": 54_000,
            "validation_images": 6_000,
            "test_images": 10_000,
        },
        "weights": {
            m: {
                "source": source,
                "sha256": "cd" * 32,
                "path_name": f"{m}.pt",
                "detail": "",
                "channels": 1 if source == "fractal" else 3,
            }
            for m in models
            if source != "none"
        },
        "started": "2031-02-03T04:05:06+00:00",
        "finished": "2031-02-03T06:05:06+00:00" if finished else None,
        "events": events,
    }


def plan(
    results: list[dict[str, Any]],
    rungs: list[dict[str, Any]],
    models: tuple[str, ...],
    trials: int,
    budget: int,
) -> dict[str, Any]:
    share = budget / 7200
    phases = ["setup", "pretraining", "draft", "matrix", "tuning", "seeds", "champion", "side", "report"]
    times = [
        (60, 66),
        (900, 884),
        (15, 12),
        (600, 630),
        (1500 * bool(trials), 1411 * bool(trials)),
        (1800, 1760),
        (1800, 1790),
        (300, 290),
        (60, 24),
    ]
    used = [*rungs, *(row for row in results if row["role"] == "champion")] or results
    return {
        "budget_seconds": budget,
        "used_seconds": 6867 * share,
        "reserve_seconds": 216 * share,
        "champion_seconds": 1800 * share,
        "extension_seconds": 0,
        "workers": 2,
        "decisions": {
            model: {
                "least_rung": 8_000,
                "rung": RUNGS[model][-1],
                "seeds": 3,
                "trials": trials,
                "trial_rung": 8_000,
                "batch_size": 64,
                "needs_seconds": None,
            }
            for model in models
        },
        "left_out": [{"what": "rung 64000", "needs_seconds": 14_400.0}],
        "step_seconds": 10_200 * share,
        "worker_seconds": 13_734 * share,
        "phases": [
            {"phase": phase, "predicted_seconds": p * share, "actual_seconds": a * share}
            for phase, (p, a) in zip(phases, times, strict=True)
        ],
        "rows": [
            {
                "run_id": row["run_id"],
                "rung": int(row.get("rung") or 8_000),
                "phase": "seeds",
                "arm": row["run_id"].rsplit("-", 2)[0],
                "model": row["model"],
                "init": row["init"],
                "scope": row["scope"],
                "predicted_seconds": 180.0,
                "predicted_p95_seconds": 220.0,
                "unscaled_seconds": 180.0,
                "actual_seconds": row.get("train_seconds"),
                "state": row["state"],
                "reason": row["reason"],
            }
            for row in used
        ],
    }
