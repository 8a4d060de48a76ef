"""A study that goes on keeps the pre-trained weights that it began with."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from study.budget import Deadline
from study.errors import UsageError
from study.models import build, save_checkpoint, weights
from study.orchestration import sources
from study.orchestration.course import Course
from study.orchestration.obtaining import Obtained, Obtainer
from study.orchestration.screen import Screen
from study.orchestration.setup import Options
from study.orchestration.status import status
from study.planning.cost import Speed
from study.pretraining import Recipe
from study.records import Reason
from study.spec import ModelName, StudySpec
from study.store.ledger import Ledger
from study.training.runtime import detect

MODEL = ModelName.GOOGLENET
#: Seconds, with a gate that any network passes.
TINY = Recipe(model=MODEL, categories=12, instances=20, samples=192, batch_size=32, solid=0.0, gate=0.01,
              evaluations=2)  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def _obtain(
    folder: Path, ledger: Ledger, seconds: float, *, budget: float = 10_000, own: Path | None = None,
    offline: bool = True, stopped: Callable[[], bool] = lambda: False,
) -> Obtained:  # fmt: skip
    """What a study with `seconds` for pre-training gets; noted in the ledger as the runner does."""
    deadline = Deadline(budget=budget, started=time.monotonic())
    course = Course(study=StudySpec(models=(MODEL,)), ledger=ledger, deadline=deadline,
                    work=deadline, reserve=0,
                    speeds={MODEL.value: Speed(train=100, inference=300, build=0.1)})  # fmt: skip
    course.take_up()
    course.save()
    with Screen(deadline) as screen:
        obtained = Obtainer(
            options=Options(results_dir=folder, report_dir=folder, offline=offline, init_checkpoint=own),
            ledger=ledger, course=course, screen=screen, runtime=detect("cpu", "fp32"), folder=folder,
            seed=0, stopped=stopped,
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


def test_a_checkpoint_is_known_by_its_content(tmp_path: Path) -> None:
    own, copy, other = tmp_path / "own.pth", tmp_path / "copy.pth", tmp_path / "other.pth"
    for seed, path in enumerate((own, other)):
        body = build(MODEL, weights=None, resolution=32, fold=True, seed=seed).body
        save_checkpoint(path, body.state_dict(), {"source": "mine", "covers": "trunk"})
    copy.write_bytes(own.read_bytes())
    found = [sources.require_checkpoint(path, (MODEL,), 32) for path in (own, copy, other)]
    assert found[0] == found[1] != found[2]
    one, again, another = (StudySpec(init_checkpoint=digest).fingerprint for digest in found)
    assert one == again != another


def test_status_tells_of_weights_that_are_being_made(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    def look() -> bool:
        told.extend(line for line in status(tmp_path) if line.startswith("now: "))
        return True

    with pytest.raises(UsageError, match="no study"):
        status(tmp_path / "elsewhere")
    monkeypatch.setattr(sources, "recipe_for", lambda *arguments: TINY)
    _obtain(tmp_path, ledger, 600, stopped=look)
    assert told and all(line.startswith("now: weights of googlenet, since ") for line in told)
    assert not any(line.startswith("now: ") for line in status(tmp_path))


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


def test_what_breaks_in_pretraining_costs_its_arms_alone(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(point: object) -> None:
        raise MemoryError("no room\nfor it")

    monkeypatch.setattr(sources, "recipe_for", lambda *arguments: TINY)
    weights, entry = sources.fractal(
        MODEL, 600, 100, "", cache_dir=tmp_path, seed=0, runtime=detect("cpu", "fp32"),
        stop=lambda: False, on_progress=broken,
    )  # fmt: skip
    assert weights is None and entry["reason"] == Reason.ERROR.value
    assert entry["detail"] == "MemoryError: no room\\nfor it"


DRAWN = 3


class After:
    """True when it was asked so often; drawing TINY's pictures asks `DRAWN` times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_weights_that_a_signal_cut_short_are_made_again(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "recipe_for", lambda *arguments: TINY)
    cut = _obtain(tmp_path, ledger, 600, stopped=After(1 + DRAWN + 3))
    entry = cut.entries[MODEL.value]
    assert not cut.weights and set(cut.reasons.values()) == {Reason.STOPPED.value}
    assert (entry["sha256"], entry["passed"], entry["samples"]) == ("", False, 96)
    whole = _obtain(tmp_path, ledger, 600)
    assert whole.weights and not whole.reasons
    assert whole.entries[MODEL.value]["samples"] == TINY.samples


def test_a_signal_before_the_first_step_leaves_a_ledger_that_can_be_read(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "recipe_for", lambda *arguments: TINY)
    _obtain(tmp_path, ledger, 600, stopped=After(0))
    entry = ledger.fact("pretraining")[MODEL.value]
    assert (entry["reason"], entry["samples"], entry["curve"]) == (Reason.STOPPED.value, 0, [])
    assert ledger.fact("used_seconds") > 0, "for a study that is killed in its pre-training"


def test_weights_whose_time_was_up_are_kept_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "recipe_for", lambda *arguments: TINY)
    weights, entry = sources.fractal(
        MODEL, 600, 100, "", cache_dir=tmp_path, seed=0, runtime=detect("cpu", "fp32"),
        stop=After(DRAWN + 3), on_progress=lambda point: None,
    )  # fmt: skip
    assert weights is not None and entry["sha256"] == weights.sha256
    assert (entry["complete"], entry["samples"]) == (False, 96)
    again = sources.checkpoint(MODEL, Path(weights.path))
    assert again is not None and again[1]["samples"] == 96


@pytest.fixture
def slow_weights(slow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = SimpleNamespace(url=f"{slow_server}googlenet-1378be20.pth")
    monkeypatch.setattr(weights, "_ENUMS", {MODEL: at})
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.mark.xdist_group("time")
@pytest.mark.usefixtures("slow_weights")
def test_a_slow_download_leaves_half_of_the_time_to_make_weights(
    tmp_path: Path, ledger: Ledger
) -> None:
    began = time.monotonic()
    entry = _obtain(tmp_path, ledger, 4, offline=False).entries[MODEL.value]
    assert 1.5 < time.monotonic() - began < 6
    assert "cannot be downloaded" in entry["fallback_reason"]
    assert entry["detail"].endswith("2 s were given")


@pytest.mark.xdist_group("time")
@pytest.mark.usefixtures("slow_weights")
def test_a_signal_ends_a_download_and_blames_no_server(tmp_path: Path, ledger: Ledger) -> None:
    asked: list[float] = []

    def stopped() -> bool:
        asked.append(time.monotonic())
        return asked[-1] > asked[0] + 1

    obtained = _obtain(tmp_path, ledger, 600, offline=False, stopped=stopped)
    assert 1 < asked[-1] - asked[0] < 4
    assert obtained.entries[MODEL.value]["reason"] == Reason.STOPPED.value
    assert not ledger.events()
