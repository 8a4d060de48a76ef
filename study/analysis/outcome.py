"""Reports how much of the plan was carried out, and how the chosen test object is classified."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from study.analysis.arms import CHAMPION, Row, Runs, arm_of, column, select
from study.analysis.evidence import Measured, absent
from study.analysis.sources import Sources
from study.analysis.verdicts import Reason, Verdict
from study.networks import NETWORKS
from study.spec import Arm

DESIGN = (
    "arms_finished",
    "arms_total",
    "runs_finished",
    "seeds_min",
    "seeds_max",
    "trials",
    "budget_seconds",
    "used_seconds",
    "train_images",
    "used_images",
    "validation_images",
    "test_images",
    "resolution",
    "models",
    "device",
    "skipped_arms",
    "prediction_error",
    "predicted_runs",
)


def design(sources: Sources, runs: Runs, total: int) -> Measured:
    """Reports how much of the plan was carried out.

    Args:
        sources: the content of results/.
        runs: the compared runs.
        total: number of planned arms.
    """
    dataset: dict[str, Any] = sources.environment.get("dataset") or {}
    counts = [len(seeds) for seeds in runs.values()]
    sizes = sorted({size for size in column(runs, "resolution") if not math.isnan(size)})
    numbers = {
        "arms_finished": len(runs),
        "arms_total": total,
        "runs_finished": sum(counts),
        "seeds_min": min(counts) if len(runs) == total and counts else 0,
        "seeds_max": max(counts, default=0),
        "trials": len(sources.trials),
        "budget_seconds": sources.plan.get("budget_seconds"),
        "used_seconds": sources.plan.get("used_seconds"),
        "train_images": dataset.get("train_images"),
        "used_images": _used_images(runs),
        "validation_images": dataset.get("validation_images"),
        "test_images": dataset.get("test_images"),
        "resolution": int(sizes[0]) if len(sizes) == 1 else None,
        "models": sorted({arm.model for arm in runs}),
        "device": sources.environment.get("device"),
        "skipped_arms": total - len(runs),
        **_prediction(sources.plan.get("rows") or []),
    }
    complete = len(runs) == total
    return Measured(
        verdict=Verdict.SUPPORTED if complete else Verdict.REFUTED,
        reason=Reason.MEASURED if complete else Reason.MISSING_ARMS,
        numbers=numbers,
    )


def _used_images(runs: Runs) -> dict[str, int]:
    """Returns the number of training images of each network's runs, where it is known."""
    found = {model: column(select(runs, model=model), "train_images") for model in sorted(NETWORKS)}
    known = {model: [size for size in sizes if not math.isnan(size)] for model, sizes in found.items()}
    return {model: int(max(sizes)) for model, sizes in known.items() if sizes}


def prediction_errors(rows: list[dict[str, Any]]) -> list[float]:
    """Returns |actual − predicted| / actual seconds of the finished runs in the plan's rows."""
    return [
        abs(row["actual_seconds"] - row["predicted_seconds"]) / row["actual_seconds"]
        for row in rows
        if row.get("state") == "finished" and row.get("actual_seconds")
    ]


def _prediction(rows: list[dict[str, Any]]) -> dict[str, float | int | None]:
    """Returns the median error of the predicted seconds, and the number of predicted runs."""
    errors = prediction_errors(rows)
    error = float(np.median(errors)) if errors else None
    return {"prediction_error": error, "predicted_runs": len(errors)}


OBJECT = (
    "index",
    "label",
    "networks",
    "right",
    "predicted",
    "probability",
    "run_id",
    "arm",
    "champion",
)


def chosen_object(sources: Sources, runs: Runs, row: Row | None, best: Arm | None) -> Measured:
    """Reports one network's answer for the chosen object, and how many networks are right.

    The answer is that of `row`'s run. If it is not stored, it is that of a run of the arm `best`, and
    otherwise that of the first stored run.

    Args:
        sources: the content of results/.
        runs: the compared runs.
        row: the row of the champion or of the best run.
        best: the best arm.
    """
    stored = sources.artifacts.get("object")
    if not {"label", "run_ids", "probabilities"} <= set(stored) or not len(stored["run_ids"]):
        return absent(OBJECT, Reason.MISSING_FILE)
    ids = [str(run_id) for run_id in stored["run_ids"]]
    guesses = stored["probabilities"].argmax(axis=1)
    arms = {str(row["run_id"]): arm for arm, seeds in runs.items() for row in seeds.values()}
    own = str(row["run_id"]) if row is not None else ""
    at = next((k for k, run_id in enumerate(ids) if arms.get(run_id) == best), 0)
    at = ids.index(own) if own in ids else at
    answering = arm_of(row) if row is not None and ids[at] == own else arms.get(ids[at])
    label = int(stored["label"])
    right = bool(guesses[at] == label)
    numbers = {
        "index": int(stored["index"]) if "index" in stored else None,
        "label": label,
        "networks": len(ids),
        "right": int((guesses == label).sum()),
        "predicted": int(guesses[at]),
        "probability": float(stored["probabilities"][at].max()),
        "run_id": ids[at],
        "arm": answering.name if answering else None,
        "champion": row is not None and ids[at] == own and row["role"] == CHAMPION,
    }
    return Measured(
        verdict=Verdict.SUPPORTED if right else Verdict.REFUTED,
        reason=Reason.MEASURED,
        numbers=numbers,
        rows=(ids[at],),
    )
