"""A study that goes on keeps the pre-trained weights that it began with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from small_study import MODEL, Answering, Study, opened, ran

from study.budget import Deadline
from study.data import LabelledImages
from study.errors import UsageError
from study.models import build, save_checkpoint, weights
from study.networks import NETWORKS
from study.orchestration.executors.protocol import Lost, Noted, Shown
from study.orchestration.executors.tasks import Pretrain, Train
from study.orchestration.phases.matrix import scratch_matrix
from study.orchestration.phases.weights import WeightsPhase, reasons, share_of
from study.orchestration.signals import CancelToken
from study.pretraining import Recipe, weight_sources
from study.pretraining.recipe import least_seconds
from study.records import Reason
from study.spec import StudySpec
from study.training.runtime import detect

#: Seconds, with a gate that any network passes.
TINY = Recipe(
    model=MODEL,
    categories=12,
    instances=20,
    samples=192,
    batch_size=32,
    solid=0.0,
    gate=0.01,
    evaluations=2,
)
#: The share of the work that goes to one network's pre-training, on one worker.
SHARE = 0.15


@dataclass
class Got:
    entry: dict[str, Any]
    study: Study

    @property
    def weights(self) -> Any:
        return self.study.context.specs.weights.get(MODEL)


class After:
    """True when it was asked so often; drawing TINY's pictures asks `DRAWN` times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def __call__(self) -> bool:
        self.left -= 1
        return self.left < 0


DRAWN = 3


class Maker(Answering):
    """Pre-trains in this process by the recipe TINY, and stops the study when `stop` says so."""

    def __init__(self, folder: Path, stop: After | None = None) -> None:
        super().__init__(self._make)
        self._folder, self._stop, self.study = folder, stop, None
        self.asked: list[Pretrain] = []

    def _make(self, task: Any) -> Any:
        self.asked.append(task)

        def stop() -> bool:
            if self._stop is not None and self._stop():
                assert self.study is not None
                self.study.context.token.cancel()
            return self.study is not None and self.study.context.token.asked

        found, entry = weight_sources.fractal(
            task.model,
            task.seconds,
            task.speed,
            task.reason,
            cache_dir=self._folder / "checkpoints",
            seed=task.seed,
            runtime=detect("cpu", "fp32"),
            stop=stop,
            on_progress=lambda point: None,
        )
        return {**entry, "path": found.path if found is not None else ""}


def _obtain(
    folder: Path,
    fashion: LabelledImages,
    seconds: float,
    *,
    budget: float | None = None,
    own: Path | None = None,
    offline: bool = True,
    stop: After | None = None,
) -> Got:
    """What a study gets with `seconds` for the pre-training of its one network."""
    executor = Maker(folder, stop)
    given = budget or (seconds / SHARE + 100.0 if seconds > 30 else seconds / SHARE * 1.5)
    with opened(folder, fashion, executor=executor, budget=given) as study:
        executor.study = study
        context = study.context
        context.options = replace(context.options, offline=offline, init_checkpoint=own)
        context.ledger.set_fact("environment", context.ledger.fact("environment", {}))
        context.plan.save()
        phase = WeightsPhase(context=context, scheduler=study.scheduler)
        phase.run()
        context.ledger.set_fact("used_seconds", 0.0)  # the next start has as much
        entry = context.ledger.fact("pretraining")[MODEL]
        return Got(entry, study)


class Both(Answering):
    """Two workers: pre-training ends at once without weights, a run at each look for news."""

    def __init__(self) -> None:
        super().__init__(lambda task: {"path": "", "detail": "", "sha256": "", "reason": "none"}, 2)
        self._at_work: list[tuple[Future[Any], Train]] = []

    def submit(self, task: Any, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        if not isinstance(task, Train):
            return super().submit(task, limit=limit, token=token)
        self.specs.append(task.spec)
        self._at_work.append((Future(), task))
        return self._at_work[-1][0]

    def news(self) -> list[Noted | Shown]:
        if self._at_work:
            future, task = self._at_work.pop(0)
            future.set_result(ran(task))
        return []


def test_an_idle_worker_begins_each_arm_from_scratch_once(tmp_path: Path, fashion: LabelledImages) -> None:
    with opened(
        tmp_path,
        fashion,
        executor=Both(),
        budget=40 / SHARE + 100,
        only_small=False,
        least_rung=2_000,
        trial_rung=2_000,
    ) as study:
        context = study.context
        context.options = replace(context.options, offline=True)
        context.ledger.set_fact("environment", {})
        WeightsPhase(
            context=context,
            scheduler=study.scheduler,
            meanwhile=lambda: scratch_matrix(context, study.lifecycle),
        ).run()
        assert isinstance(context.executor, Both)
        begun = [spec.key for spec in context.executor.specs]
        assert len(begun) == len(set(begun)) == 3


def _weights_file(path: Path, fill: float, source: str) -> str:
    state = {"conv1.conv.weight": torch.full((64, 1, 7, 7), fill)}
    return save_checkpoint(path, state, {"source": source, "covers": "trunk"})


def _began_with(folder: Path, fashion: LabelledImages, digest: str) -> None:
    with opened(folder, fashion, executor=Answering(lambda task: None)) as study:
        study.context.ledger.set_fact("pretraining", {MODEL: {"source": "fractal", "sha256": digest}})


def test_a_resumed_study_keeps_its_fractal_weights(tmp_path: Path, fashion: LabelledImages) -> None:
    file = tmp_path / "checkpoints" / "fractal-googlenet.pth"
    digest = _weights_file(file, 0.5, "fractal")
    _weights_file(file.with_name("another.pth"), 0.25, "fractal")
    _began_with(tmp_path, fashion, digest)
    kept = _obtain(tmp_path, fashion, 20).weights  # too little to make them once more
    assert (kept.sha256, kept.source, kept.channels) == (digest, "fractal", 1)
    _weights_file(file, 0.75, "fractal")
    with pytest.raises(UsageError, match="that it began with"):
        _obtain(tmp_path, fashion, 20)


def test_a_resumed_study_wants_the_same_checkpoint_again(tmp_path: Path, fashion: LabelledImages) -> None:
    own, other = tmp_path / "own.pth", tmp_path / "other.pth"
    digest = _weights_file(own, 0.5, "mine")
    _weights_file(other, 0.25, "mine")
    assert _obtain(tmp_path, fashion, 20, own=own).weights.sha256 == digest
    assert _obtain(tmp_path, fashion, 20, own=own).weights.sha256 == digest
    for wrong in (other, None):
        with pytest.raises(UsageError, match="googlenet weights that it began with"):
            _obtain(tmp_path, fashion, 20, own=wrong)


def test_a_checkpoint_is_known_by_its_content(tmp_path: Path) -> None:
    own, copy, other = tmp_path / "own.pth", tmp_path / "copy.pth", tmp_path / "other.pth"
    for seed, path in enumerate((own, other)):
        body = build(MODEL, weights=None, resolution=32, fold=True, seed=seed).body
        save_checkpoint(path, body.state_dict(), {"source": "mine", "covers": "trunk"})
    copy.write_bytes(own.read_bytes())
    found = [weight_sources.require_checkpoint(path, (MODEL,), 32) for path in (own, copy, other)]
    assert found[0] == found[1] != found[2]
    one, again, another = (StudySpec(init_checkpoint=digest).fingerprint for digest in found)
    assert one == again != another


def test_what_did_not_fit_is_tried_again_when_the_budget_has_grown(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    def told(budget: float) -> str:
        got = _obtain(tmp_path, fashion, 0, budget=budget)
        assert got.weights is None and len(got.study.context.specs.reasons) >= 3
        assert reasons({MODEL: got.entry}).items() <= got.study.context.specs.reasons.items()
        return str(got.entry["detail"])

    first = told(100)
    assert first.endswith(" s were given")
    assert told(100) == first, "the same budget is not tried again"
    longer = told(150)
    assert longer != first and longer.endswith(" s were given")


def test_shares_of_networks_that_are_made_side_by_side() -> None:
    def share(speed: float, workers: int) -> float:
        return share_of(MODEL, 1_000, speed, models=2, workers=workers)

    assert share(1e6, 1) == 75 and share(1e6, 2) == share(1e6, 4) == 150
    assert share_of(MODEL, 1_000, 1e6, models=3, workers=2) == 75, "two of them, then the third"
    speed = next(speed for speed in range(1, 1_000) if least_seconds(MODEL, speed) < 200)
    assert 150 < share(speed, 2) == pytest.approx(1.02 * least_seconds(MODEL, speed)), "a little more"
    assert share(1, 2) == 150, "nothing near it would do"


def test_what_breaks_in_pretraining_costs_its_arms_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(point: object) -> None:
        raise MemoryError("no room\nfor it")

    monkeypatch.setattr(weight_sources, "recipe_for", lambda *arguments: TINY)
    found, entry = weight_sources.fractal(
        MODEL,
        600,
        100,
        "",
        cache_dir=tmp_path,
        seed=0,
        runtime=detect("cpu", "fp32"),
        stop=lambda: False,
        on_progress=broken,
    )
    assert found is None and entry["reason"] == Reason.ERROR.value
    assert entry["detail"] == "MemoryError: no room\\nfor it"


def test_a_pretraining_whose_process_is_lost_is_told(tmp_path: Path, fashion: LabelledImages) -> None:
    class Loses(Answering):
        def submit(self, task: Any, **rest: Any) -> Any:
            future = super().submit(task, **rest)
            future = type(future)()
            future.set_exception(Lost("the training process was ended by SIGKILL"))
            return future

    with opened(tmp_path, fashion, executor=Loses(lambda task: None)) as study:
        study.context.ledger.set_fact("environment", {})
        study.context.options = replace(study.context.options, offline=True)
        WeightsPhase(context=study.context, scheduler=study.scheduler).run()
        entry = study.context.ledger.fact("pretraining")[MODEL]
        assert entry["reason"] == Reason.ERROR.value
        (told,) = study.events("task_lost")
        assert told == "pre-training googlenet: the training process was ended by SIGKILL"


def test_weights_that_a_signal_cut_short_are_made_again(
    tmp_path: Path, fashion: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_sources, "recipe_for", lambda *arguments: TINY)
    cut = _obtain(tmp_path, fashion, 600, stop=After(1 + DRAWN + 3))
    assert cut.weights is None and cut.entry["reason"] == Reason.STOPPED.value
    assert (cut.entry["sha256"], cut.entry["passed"]) == ("", False)
    assert 0 < cut.entry["samples"] < TINY.samples
    whole = _obtain(tmp_path, fashion, 600)
    assert whole.weights and whole.entry["samples"] == TINY.samples
    assert not reasons({MODEL: whole.entry})


def test_a_signal_before_the_first_step_leaves_a_ledger_that_can_be_read(
    tmp_path: Path, fashion: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_sources, "recipe_for", lambda *arguments: TINY)
    entry = _obtain(tmp_path, fashion, 600, stop=After(0)).entry
    assert (entry["reason"], entry["samples"], entry["curve"]) == (Reason.STOPPED.value, 0, [])


def test_weights_whose_time_was_up_are_kept_and_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_sources, "recipe_for", lambda *arguments: TINY)
    found, entry = weight_sources.fractal(
        MODEL,
        600,
        100,
        "",
        cache_dir=tmp_path,
        seed=0,
        runtime=detect("cpu", "fp32"),
        stop=After(DRAWN + 3),
        on_progress=lambda point: None,
    )
    assert found is not None and entry["sha256"] == found.sha256
    assert (entry["complete"], entry["samples"]) == (False, 96)
    again = weight_sources.checkpoint(MODEL, Path(found.path))
    assert again is not None and again[1]["samples"] == 96


@pytest.fixture
def slow_weights(slow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(
        weights, "imagenet_url", lambda model: f"{slow_server}{NETWORKS[model].weights_file}"
    )
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    yield


@pytest.mark.xdist_group("time")
@pytest.mark.usefixtures("slow_weights")
def test_a_slow_download_leaves_half_of_the_time_to_make_weights(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    began = time.monotonic()
    entry = _obtain(tmp_path, fashion, 4, budget=30.0, offline=False).entry
    assert 1.5 < time.monotonic() - began < 6
    assert "cannot be downloaded" in entry["fallback_reason"]
    assert entry["detail"].endswith("s were given")


@pytest.mark.xdist_group("time")
@pytest.mark.usefixtures("slow_weights")
def test_a_signal_ends_a_download_and_blames_no_server(tmp_path: Path, fashion: LabelledImages) -> None:
    with opened(tmp_path, fashion, executor=Answering(lambda task: None)) as study:
        context = study.context
        context.ledger.set_fact("environment", {})
        began = time.monotonic()
        asked: list[float] = []
        phase = WeightsPhase(context=context, scheduler=study.scheduler)
        ask = phase._asked

        def later() -> bool:
            asked.append(time.monotonic())
            if asked[-1] > began + 1:
                context.token.cancel()
            return ask()

        phase._asked = later  # type: ignore[method-assign]
        phase.run()
        assert 1 < asked[-1] - began < 4
        assert context.ledger.fact("pretraining")[MODEL]["reason"] == Reason.STOPPED.value
        assert not context.ledger.events()
