"""When a study measures the ImageNet witness, and what its ledger says where it does not."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from study.budget import Deadline
from study.models import Weights
from study.orchestration.course import Course
from study.orchestration.files import write_results
from study.orchestration.screen import Screen
from study.orchestration.witnessing import FACT, Witnessing
from study.records import Reason
from study.spec import ModelName, StudySpec
from study.store.ledger import Ledger
from study.training.run import Workshop

Make = Callable[..., Witnessing]


def _weights(source: str) -> Weights:
    return Weights(source=source, sha256="", state={}, channels=3, covers="network")


@pytest.fixture
def witnessing(tmp_path: Path, small: Workshop) -> Make:
    def make(*, seconds: float, stopped: bool = False, **sources: str) -> Witnessing:
        deadline = Deadline(budget=3_600, started=0, clock=lambda: 0.0)
        ledger = Ledger(tmp_path / "ledger.sqlite")
        course = Course(study=StudySpec(), ledger=ledger, deadline=deadline, work=deadline, reserve=0,
                        witness_seconds=seconds)  # fmt: skip
        shop = Workshop(
            fashion=small.fashion, split=small.split, runtime=small.runtime,
            weights={model: _weights(source) for model, source in sources.items()},
        )  # fmt: skip
        return Witnessing(ledger=ledger, course=course, shop=shop, screen=Screen(deadline),
                          stopped=lambda: stopped)  # fmt: skip

    return make


def test_it_is_measured_once_and_written_from_the_ledger(witnessing: Make, tmp_path: Path) -> None:
    task = witnessing(seconds=600.0, vgg11="fractal", googlenet="fractal")
    task.attend()
    found = task.ledger.fact(FACT)
    assert found["state"] == "finished" and len(found["pairs"]) == 3
    assert [phase["phase"] for phase in task.course.phases] == ["witness"]
    write_results(task.ledger, task.course.study, tmp_path, {})
    assert json.loads((tmp_path / "witness.json").read_text(encoding="utf-8")) == found
    again = witnessing(seconds=600.0, vgg11="fractal", googlenet="fractal")
    assert not again.wanted and again.expected() == 0
    again.attend()
    assert again.ledger.fact(FACT) == found and again.course.phases == []


def test_it_is_not_wanted_where_all_weights_are_imagenets(witnessing: Make) -> None:
    both = dict.fromkeys([model.value for model in ModelName], "imagenet1k_v1")
    task = witnessing(seconds=600.0, **both)
    task.attend()
    assert task.ledger.fact(FACT) is None
    assert witnessing(seconds=0.0, vgg11="imagenet1k_v1").wanted  # googlenet got none


def test_no_seconds_set_aside_are_a_reason(witnessing: Make) -> None:
    task = witnessing(seconds=0.0, vgg11="fractal")
    task.attend()
    assert task.ledger.fact(FACT)["reason"] == Reason.BUDGET.value
    assert task.course.phases == []


def test_a_stopped_study_says_so(witnessing: Make) -> None:
    task = witnessing(seconds=600.0, stopped=True, vgg11="fractal")
    task.attend()
    assert task.ledger.fact(FACT)["reason"] == Reason.STOPPED.value


def test_an_absent_package_is_named(witnessing: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    task = witnessing(seconds=0.0, vgg11="fractal")
    assert task.expected() == 0
    task.attend()
    found = task.ledger.fact(FACT)
    assert (found["reason"], found["detail"]) == (Reason.PACKAGE.value, "timm")
