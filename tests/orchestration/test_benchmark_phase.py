"""Speeds are measured once for each machine, and what was not measured is no speed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from small_study import MODEL, SPEED, Answering, opened

from study.data import LabelledImages
from study.orchestration.phases.benchmark import require_speeds


def _measured(folder: Path, fashion: LabelledImages, answer: Any, device: str = "a processor") -> int:
    """Returns the images per second in training that the plan has then, and keeps the plan."""
    with opened(folder, fashion, executor=Answering(lambda task: answer)) as study:
        context = study.context
        context.runtime = replace(context.runtime, device_name=device)
        stored = context.ledger.fact("plan", {}).get("speeds", {})
        context.plan.speeds.clear()
        context.plan.take_up()
        assert set(context.plan.speeds) == set(stored)
        require_speeds(context, study.scheduler)
        context.plan.save()
        return int(context.plan.speeds[MODEL].train)


def test_a_stop_before_the_speeds_are_known_costs_only_this_start(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    """At one image a second nothing would ever fit again."""
    assert _measured(tmp_path, fashion, None) == 1
    assert _measured(tmp_path, fashion, {MODEL: SPEED}) == SPEED.train


def test_every_machine_has_its_own_speeds(tmp_path: Path, fashion: LabelledImages) -> None:
    slow, fast = SPEED, replace(SPEED, train=3_000)
    assert _measured(tmp_path, fashion, {MODEL: slow}) == 300
    assert _measured(tmp_path, fashion, {MODEL: fast}) == 300, "it is the same machine"
    assert _measured(tmp_path, fashion, {MODEL: fast}, "another processor") == 3_000
    assert _measured(tmp_path, fashion, {MODEL: slow}) == 300, "back on the first one"
