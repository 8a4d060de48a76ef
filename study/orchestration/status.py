"""Implements `status`: reports done, running, failed and planned runs from the ledger alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from study.budget import format_seconds
from study.errors import UsageError
from study.matrix import arms
from study.networks import network_name
from study.orchestration.settings import settings
from study.planning.plan import rungs
from study.records import RunRecord, RunState
from study.spec import Init, Purpose, StudySpec
from study.store.ledger import LEDGER, RUNNING, Ledger
from study.store.lock import lock_holder
from study.store.sqlite_integrity import require_whole


def status(folder: Path) -> list[str]:
    """Returns the lines of `status`; a study may be running.

    Raises:
        UsageError: the folder holds no study.
    """
    with opened(folder) as ledger:
        if ledger is None:
            raise UsageError(f"{folder} holds no study")
        return list(_lines(ledger, lock_holder(folder)))


def budget_of(folder: Path) -> float | None:
    """Returns the budget of the study in `folder` in seconds, or None without a study."""
    with opened(folder) as ledger:
        return ledger.fact("plan", {}).get("budget_seconds") if ledger else None


def settings_of(folder: Path) -> StudySpec | None:
    """Returns the settings of the study in `folder`, or None without a study."""
    with opened(folder) as ledger:
        return settings(ledger) if ledger else None


def extended(folder: Path, seconds: float) -> float:
    """Returns the budget of the study in `folder` plus `seconds`.

    A study that was stopped during an extension continues that extension and gets no further one.

    Raises:
        UsageError: the folder holds no study with a plan.
    """
    with opened(folder) as ledger:
        if ledger is None:
            raise UsageError(f"--extend: {folder} holds no study")
        plan, used = ledger.fact("plan", {}), ledger.fact("used_seconds", 0.0)
    budget = plan.get("budget_seconds")
    if budget is None:
        raise UsageError(f"--extend: the study in {folder} has no plan yet; give --budget")
    going_on = plan.get("extension_seconds") == seconds and used < budget - plan.get("reserve_seconds", 0.0)
    return float(budget) if going_on else float(budget) + seconds


@contextmanager
def opened(folder: Path) -> Iterator[Ledger | None]:
    """Opens the ledger for reading; None without a study or before its first commit."""
    path = folder / LEDGER
    if not path.is_file() or path.stat().st_size == 0:
        require_whole(path)  # an empty ledger beside tables is damaged
        yield None
        return
    ledger = Ledger(path, read_only=True)
    try:
        yield ledger
    finally:
        ledger.close()


def _lines(ledger: Ledger, holder: str | None) -> Iterator[str]:
    plan: dict[str, Any] = ledger.fact("plan", {})
    records = ledger.records()
    used, budget = ledger.fact("used_seconds", 0.0), plan.get("budget_seconds", 0.0)
    left = format_seconds(max(0.0, budget - used))
    yield f"used {format_seconds(used)} of {format_seconds(budget)}, {left} left"
    yield f"at work: {holder}" if holder else "not at work"
    for running in ledger.fact(RUNNING) or ():
        since = datetime.fromtimestamp(running["since"])
        word = f"for {format_seconds(time.time() - running['since'])}" if holder else "cut off"
        yield f"now: {running['name']}, since {since:%Y-%m-%d %H:%M:%S}, {word}"
    sources: dict[str, dict[str, Any]] = ledger.fact("pretraining", {})
    pretrained = {model for model, entry in sources.items() if entry.get("sha256")}
    yield from _counts(records, plan.get("decisions", {}), pretrained)
    for record in records:
        if record.reason:
            yield f"{record.spec.name}: {record.state}: {record.reason}"


def _counts(
    records: tuple[RunRecord, ...], decisions: dict[str, Any], pretrained: set[str]
) -> Iterator[str]:
    """Yields lines with counts of runs; `pretrained` names networks with planned pretrained arms."""
    found = Counter((record.spec.purpose, record.state) for record in records)
    planned: Counter[Purpose] = Counter()
    for model, plan in decisions.items():
        number = sum(
            arm.init is Init.SCRATCH or model in pretrained for arm in arms((network_name(model),))
        )
        planned[Purpose.TRIAL] += number * plan["trials"]
        if plan["rung"]:
            planned[Purpose.FINAL] += number * plan["seeds"] * len(rungs(plan["least_rung"], plan["rung"]))
    for purpose in Purpose:
        states = [f"{found[purpose, state]} {state}" for state in RunState if found[purpose, state]]
        if states or planned[purpose]:
            wanted = f" of {planned[purpose]} planned" if planned[purpose] else ""
            yield f"{purpose} runs: {', '.join(states) or 'none'}{wanted}"
