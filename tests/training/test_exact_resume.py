"""A run stopped and taken up, or killed and taken up, ends as the unbroken one does, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import Experiment, ModelName, Purpose, RunSpec, Scope
from study.training.checkpoint import Checkpoints
from study.training.run import Outcome, Workshop, run
from tests.training.conftest import SpecOf


class Killed(BaseException):
    """Leaves a run as SIGKILL does: nothing is kept at that moment."""


def _assert_equal(found: Outcome, expected: Outcome) -> None:
    assert found.record.state is RunState.FINISHED, found.record.reason
    assert found.network is not None and expected.network is not None
    state = expected.network.state_dict()
    assert found.network.state_dict().keys() == state.keys()
    for name, value in found.network.state_dict().items():
        assert torch.equal(value, state[name]), name
    assert _measured(found.record) == _measured(expected.record)


def _measured(record: RunRecord) -> RunRecord:
    """Without what a clock or the memory of the process says."""
    return replace(
        record, train_seconds=0, wall_seconds=0, images_per_second=None, peak_memory_mb=None,
        history=tuple(replace(point, seconds=0) for point in record.history),
    )  # fmt: skip


def _calls(spec: RunSpec, shop: Workshop) -> tuple[Outcome, int]:
    """The unbroken run, and how often it looks whether it should stop."""
    calls = count()
    outcome = run(spec, shop, stop=lambda: next(calls) < 0)
    return outcome, next(calls)


def _after(looks: int) -> Callable[[], bool]:
    calls = count()
    return lambda: next(calls) >= looks


@pytest.mark.parametrize(
    ("model", "points", "images", "samples"),
    [
        (ModelName.GOOGLENET, 10, 96, 152),
        (ModelName.VGG11, 4, 96, 152),
        (ModelName.GOOGLENET, 10, 97, 145),  # a rest of one image in training and in evaluation
    ],
)
def test_a_run_stopped_again_and_again_ends_as_the_unbroken_one(
    small: Workshop, spec_of: SpecOf, tmp_path: Path, model: ModelName, points: int, images: int,
    samples: int,
) -> None:
    """Stopped between steps, inside evaluation and while it is judged."""
    spec = spec_of(model, Scope.FULL, purpose=Purpose.FINAL, trial=None, train_images=images,
                   samples=samples, batch_size=16, evaluations=3, validation_images=50)  # fmt: skip
    unbroken, looks = _calls(spec, small)
    kept = Checkpoints(folder=tmp_path, run_id=spec.run_id)
    told: list[str] = []
    done, seconds = 0, 0.0
    for k in range(1, points + 1):
        # A call that stopped a part is made anew by the next one.
        wanted = looks * k // (points + 1) - done
        part = run(spec, small, stop=_after(wanted), checkpoints=kept,
                   tell=lambda kind, detail: told.append(kind))  # fmt: skip
        assert part.record.state is RunState.INTERRUPTED, part.record.reason
        assert part.record.train_seconds >= seconds
        done, seconds = done + wanted, part.record.train_seconds
    last = run(spec, small, checkpoints=kept, tell=lambda kind, detail: told.append(kind))
    _assert_equal(last, unbroken)
    assert told == ["run_resumed"] * points
    assert last.record.wall_seconds > last.record.train_seconds >= seconds


@pytest.mark.parametrize("unfrozen", [None, 2])
def test_a_killed_run_goes_on_from_its_last_checkpoint(
    small: Workshop, spec_of: SpecOf, tmp_path: Path, unfrozen: int | None
) -> None:
    purpose = {"purpose": Purpose.SIDE, "experiment": Experiment.DEPTH, "trial": None} if unfrozen else {}
    spec = spec_of(ModelName.GOOGLENET, Scope.FULL, train_images=96, samples=128, batch_size=16,
                   evaluations=2, validation_images=50, unfrozen_stages=unfrozen, **purpose)  # fmt: skip
    unbroken, looks = _calls(spec, small)
    kept = Checkpoints(folder=tmp_path, run_id=spec.run_id, every=0.0)
    calls = count()

    def kill() -> bool:
        if next(calls) == looks - 5:
            raise Killed
        return False

    with pytest.raises(Killed):
        run(spec, small, stop=kill, checkpoints=kept)
    newest = max(tmp_path.glob("*.pt"))
    newest.write_bytes(newest.read_bytes()[:-100])  # the one before it is older than the kill
    seen: list[EvaluationPoint] = []
    told: list[tuple[str, str]] = []
    again = run(spec, small, checkpoints=kept, on_evaluation=seen.append,
                tell=lambda *event: told.append(event))  # fmt: skip
    _assert_equal(again, unbroken)
    assert tuple(seen) == again.record.history, "tuning sees the points before the kill too"
    assert [kind for kind, _ in told] == ["checkpoint_unusable", "run_resumed"]
    assert " 0 samples" not in told[1][1]


def test_the_random_states_of_the_process_are_left_alone(
    small: Workshop, spec_of: SpecOf, tmp_path: Path
) -> None:
    spec = spec_of(ModelName.GOOGLENET, Scope.FULL, train_images=32, samples=48, batch_size=16,
                   evaluations=1, validation_images=50)  # fmt: skip
    kept = Checkpoints(folder=tmp_path, run_id=spec.run_id)
    before = torch.get_rng_state()
    run(spec, small, checkpoints=kept)
    assert not list(tmp_path.iterdir()), "a run of seconds leaves no checkpoint"
    run(spec, small, stop=_after(2), checkpoints=kept)
    run(spec, small, checkpoints=kept)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_frozen_run_is_repeated_from_its_beginning(
    small: Workshop, spec_of: SpecOf, tmp_path: Path
) -> None:
    spec = spec_of(ModelName.GOOGLENET, Scope.FROZEN, train_images=96, samples=96, batch_size=16,
                   validation_images=50)  # fmt: skip
    kept = Checkpoints(folder=tmp_path, run_id=spec.run_id)
    unbroken, looks = _calls(spec, small)
    part = run(spec, small, stop=_after(looks - 3), checkpoints=kept)
    assert part.record.state is RunState.INTERRUPTED and kept.samples_seen() == 0
    found = run(spec, small, checkpoints=kept)
    assert replace(_measured(found.record), cached_seconds=0) == replace(
        _measured(unbroken.record), cached_seconds=0
    )


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(
    small: Workshop, spec_of: SpecOf, tmp_path: Path
) -> None:
    spec = spec_of(ModelName.GOOGLENET, Scope.FULL, train_images=32, samples=32, batch_size=16,
                   evaluations=1, validation_images=50)  # fmt: skip
    (tmp_path / "file").touch()
    told: list[str] = []
    kept = Checkpoints(folder=tmp_path / "file" / "u", run_id=spec.run_id, every=0.0)
    outcome = run(spec, small, checkpoints=kept, tell=lambda kind, detail: told.append(kind))
    assert outcome.record.state is RunState.FINISHED and set(told) == {"checkpoint_failed"}
