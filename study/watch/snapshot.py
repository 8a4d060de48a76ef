"""Describes the study of a results folder in plain values, for the page that watches it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.orchestration.status import opened
from study.records import RunRecord
from study.store.ledger import RUNNING
from study.store.lock import lock_holder
from study.store.tables import champion, highest, standing

#: Number of events that are shown, the newest first.
_EVENTS = 8


def snapshot(folder: Path) -> dict[str, Any]:
    """Returns what the ledger of a results folder tells of its study now.

    Nothing is written, and a study that is at work is not disturbed.

    Returns:
        A value that JSON can hold. ``problem`` says why there is nothing else: the folder has no study yet,
        or its ledger cannot be read.
    """
    try:
        with opened(folder) as ledger:
            if ledger is None:
                return {"folder": str(folder), "problem": "there is no study yet"}
            plan: dict[str, Any] = ledger.fact("plan", {})
            records = ledger.records()
            best = champion(records)
            return {
                "folder": str(folder),
                "problem": "",
                "at_work": lock_holder(folder) is not None,
                "finished": bool(ledger.fact("environment", {}).get("finished")),
                "budget": plan.get("budget_seconds"),
                "used": ledger.fact("used_seconds", 0.0),
                "reserve": plan.get("reserve_seconds", 0.0),
                "phases": [
                    {"name": phase["phase"], "seconds": phase["actual_seconds"]}
                    for phase in plan.get("phases", [])
                ],
                "running": [_running(entry) for entry in ledger.fact(RUNNING) or ()],
                "runs": len([record for record in records if record.finished]),
                "arms": _arms(records),
                "curves": _curves(records),
                "champion": _champion(best) if best is not None and best.finished else None,
                "events": [
                    {"kind": event["kind"], "detail": event["detail"]}
                    for event in ledger.events()[: -_EVENTS - 1 : -1]
                ],
            }
    except StudyError as error:
        return {"folder": str(folder), "problem": str(error)}


def _running(entry: dict[str, Any]) -> dict[str, Any]:
    """Describes a running task; its points ascend in the number of samples."""
    points: list[list[float | None]] = []
    for point in entry.get("points", ()):
        if not points or point[0] > (points[-1][0] or 0):
            points.append(point)
    return {"name": entry["name"], "seconds": max(0.0, time.time() - entry["since"]), "points": points}


def _arms(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """Returns a row for each arm with a finished run, at its highest rung, the most accurate first."""
    found: dict[str, list[RunRecord]] = {}
    for record in highest(records):
        if record.finished:
            found.setdefault(record.spec.arm.name, []).append(record)
    rows = [
        _factors(group[0])
        | {
            "rung": max(record.spec.rung for record in group),
            "seeds": len(group),
            "validation": _mean([record.val_accuracy for record in group]),
            "test": _mean([record.test_accuracy for record in group]),
        }
        for group in found.values()
    ]
    return sorted(rows, key=lambda row: -(row["test"] or 0.0))


def _curves(records: Iterable[RunRecord]) -> list[dict[str, Any]]:
    """Returns validation accuracy against samples of each arm, the mean over the seeds of a rung."""
    found: dict[str, dict[int, list[RunRecord]]] = {}
    for record in standing(records):
        if record.finished:
            found.setdefault(record.spec.arm.name, {}).setdefault(record.spec.rung, []).append(record)
    return [
        _factors(next(iter(at.values()))[0])
        | {"points": [[rung, _mean([record.val_accuracy for record in at[rung]])] for rung in sorted(at)]}
        for at in found.values()
    ]


def _champion(record: RunRecord) -> dict[str, Any]:
    points = [[p.samples_seen, p.val_accuracy] for p in record.history if p.val_accuracy is not None]
    return _factors(record) | {
        "rung": record.samples_seen,
        "test": record.test_accuracy,
        "train": record.train_accuracy,
        "images": record.test_images,
        "points": points,
    }


def _factors(record: RunRecord) -> dict[str, Any]:
    arm = record.spec.arm
    return {
        "arm": arm.name,
        "model": str(arm.model),
        "init": arm.init.value,
        "scope": arm.scope.value,
        "rates": arm.lr_policy.value,
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
