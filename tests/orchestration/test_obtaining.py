"""A study that goes on keeps the pre-trained weights that it began with."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from study.budget import Deadline
from study.errors import UsageError
from study.models import save_checkpoint
from study.orchestration.course import Course
from study.orchestration.obtaining import Obtained, Obtainer
from study.orchestration.screen import Screen
from study.orchestration.setup import Options
from study.planning.cost import Speed
from study.spec import ModelName, StudySpec
from study.store.ledger import Ledger
from study.training.runtime import detect

MODEL = ModelName.GOOGLENET


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def _obtain(
    folder: Path, ledger: Ledger, seconds: float, *, budget: float = 10_000, own: Path | None = None
) -> Obtained:
    """What a study with `seconds` for pre-training gets; noted in the ledger as the runner does."""
    deadline = Deadline(budget=budget, started=time.monotonic())
    course = Course(study=StudySpec(models=(MODEL,)), ledger=ledger, deadline=deadline,
                    work=deadline, reserve=0,
                    speeds={MODEL.value: Speed(train=100, inference=300, build=0.1)})  # fmt: skip
    course.take_up()
    course.save()
    with Screen(deadline) as screen:
        obtained = Obtainer(
            options=Options(results_dir=folder, report_dir=folder, offline=True, init_checkpoint=own),
            ledger=ledger, course=course, screen=screen, runtime=detect("cpu", "fp32"), folder=folder,
            seed=0, stopped=lambda: False,
        ).obtain((MODEL,), seconds)  # fmt: skip
    ledger.set_fact("pretraining", obtained.entries)
    return obtained


def _weights_file(path: Path, fill: float, source: str) -> str:
    state = {"conv1.conv.weight": torch.full((64, 1, 7, 7), fill)}
    return save_checkpoint(path, state, {"source": source, "covers": "trunk"})


def test_a_resumed_study_keeps_its_fractal_weights(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "checkpoints" / "fractal-googlenet.pth"
    digest = _weights_file(file, 0.5, "fractal")
    _weights_file(file.with_name("another.pth"), 0.25, "fractal")
    ledger.set_fact("pretraining", {MODEL.value: {"source": "fractal", "sha256": digest}})
    kept = _obtain(tmp_path, ledger, 20).weights[MODEL.value]  # too little to make them once more
    assert (kept.sha256, kept.source) == (digest, "fractal")
    _weights_file(file, 0.75, "fractal")
    with pytest.raises(UsageError, match="that it began with"):
        _obtain(tmp_path, ledger, 20)


def test_a_resumed_study_wants_the_same_checkpoint_again(tmp_path: Path, ledger: Ledger) -> None:
    own, other = tmp_path / "own.pth", tmp_path / "other.pth"
    digest = _weights_file(own, 0.5, "mine")
    _weights_file(other, 0.25, "mine")
    assert _obtain(tmp_path, ledger, 20, own=own).weights[MODEL.value].sha256 == digest
    assert _obtain(tmp_path, ledger, 20, own=own).weights[MODEL.value].sha256 == digest
    for wrong in (other, None):
        with pytest.raises(UsageError, match="googlenet weights that it began with"):
            _obtain(tmp_path, ledger, 20, own=wrong)


def test_what_did_not_fit_is_tried_again_when_the_budget_has_grown(
    tmp_path: Path, ledger: Ledger
) -> None:
    def told(seconds: float, budget: float = 10_000) -> str:
        obtained = _obtain(tmp_path, ledger, seconds, budget=budget)
        assert obtained.reasons and not obtained.weights
        return str(obtained.entries[MODEL.value]["detail"])

    assert "; 20 s were given" in told(20)
    assert "; 20 s were given" in told(30)
    assert "; 30 s were given" in told(30, budget=20_000)
