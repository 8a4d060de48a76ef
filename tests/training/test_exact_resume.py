"""A run stopped and taken up, or killed and taken up, ends as the unbroken one does, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch

from study.networks import GOOGLENET, VGG11, ModelName
from study.records import RunState
from study.spec import Experiment, Purpose, RunSpec, Scope
from study.training.checkpoint import unfinished
from study.training.run import Outcome, Workshop, run
from study.training.schedule import branch_point
from tests.training.conftest import SpecOf, assert_equal, measured


class Killed(BaseException):
    """Leaves a run as SIGKILL does: nothing is kept at that moment."""


@pytest.fixture
def unbroken(small: Workshop, tmp_path: Path) -> Callable[[RunSpec], tuple[Outcome, int]]:
    """The unbroken run in a folder of its own, and how often it looks whether it should stop."""

    def made(spec: RunSpec) -> tuple[Outcome, int]:
        calls = count()
        outcome = run(spec, replace(small, folder=tmp_path / "unbroken"), stop=lambda: next(calls) < 0)
        return outcome, next(calls)

    return made


Unbroken = Callable[[RunSpec], tuple[Outcome, int]]


def _after(looks: int) -> Callable[[], bool]:
    calls = count()
    return lambda: next(calls) >= looks


@pytest.mark.parametrize(
    ("model", "points", "images", "rung"),
    [
        (GOOGLENET, 10, 96, 152),
        pytest.param(VGG11, 4, 96, 152, marks=pytest.mark.long),
        # A rest of one image in training and in evaluation.
        pytest.param(GOOGLENET, 10, 97, 145, marks=pytest.mark.long),
    ],
)
def test_a_run_stopped_again_and_again_ends_as_the_unbroken_one(
    small: Workshop,
    spec_of: SpecOf,
    unbroken: Unbroken,
    model: ModelName,
    points: int,
    images: int,
    rung: int,
) -> None:
    """Stopped in the trunk, in the cooldown and while it is judged."""
    spec = spec_of(model, Scope.FULL, purpose=Purpose.FINAL, train_images=images, rung=rung, batch_size=16)
    expected, looks = unbroken(spec)
    told: list[str] = []
    done, seconds, reached = 0, 0.0, []
    for k in range(1, points + 1):
        # A call that stopped a part is made anew by the next one.
        wanted = looks * k // (points + 1) - done
        part = run(spec, small, stop=_after(wanted), tell=lambda kind, detail: told.append(kind))
        assert part.record.state is RunState.INTERRUPTED, part.record.reason
        assert part.record.train_seconds >= seconds - 1e-3
        done, seconds = done + wanted, part.record.train_seconds
        reached.append(part.record.samples_seen)
    last = run(spec, small, tell=lambda kind, detail: told.append(kind))
    assert_equal(last, expected)
    assert told == ["run_resumed"] * points
    # What a stopped part needed to sum its losses up, microseconds, is done anew and not counted twice.
    assert last.record.wall_seconds > last.record.train_seconds >= seconds - 1e-3
    assert last.record.step_seconds == last.record.train_seconds
    branch = branch_point(spec)
    assert any(seen < branch for seen in reached) and any(branch < seen < rung for seen in reached)
    assert reached[-1] == rung


@pytest.mark.parametrize("unfrozen", [None, 2])
@pytest.mark.parametrize("part", ["trunk", "cooldown"])
def test_a_killed_run_goes_on_from_the_checkpoint_before_a_damaged_one(
    small: Workshop, spec_of: SpecOf, unbroken: Unbroken, part: str, unfrozen: int | None
) -> None:
    purpose = {"purpose": Purpose.SIDE, "experiment": Experiment.DEPTH} if unfrozen else {}
    spec = spec_of(
        GOOGLENET,
        Scope.FULL,
        train_images=96,
        rung=128,
        batch_size=16,
        unfrozen_stages=unfrozen,
        **purpose,
    )
    expected, _ = unbroken(spec)
    shop = replace(small, checkpoint_seconds=0.0)
    calls = count()
    step = 3 if part == "trunk" else 7

    def kill() -> bool:
        if next(calls) == step:
            raise Killed
        return False

    with pytest.raises(Killed):
        run(spec, shop, stop=kill)
    newest = max(unfinished(shop.folder).glob("*.pt"), key=lambda path: path.name.split(".")[1])
    assert f".{16 * step:09d}." in newest.name
    newest.write_bytes(newest.read_bytes()[:-100])
    told: list[tuple[str, str]] = []
    again = run(spec, shop, tell=lambda *event: told.append(event))
    assert_equal(again, expected)
    assert [kind for kind, _ in told] == ["checkpoint_unusable", "run_resumed"]
    assert told[1][1].endswith(f"taken up after {16 * (step - 1)} samples")


def test_where_no_checkpoint_of_the_copy_is_whole_it_begins_anew_from_the_trunk(
    small: Workshop, spec_of: SpecOf, unbroken: Unbroken
) -> None:
    spec = spec_of(GOOGLENET, Scope.FULL, purpose=Purpose.FINAL, train_images=96, rung=128, batch_size=16)
    expected, _ = unbroken(spec)
    shop = replace(small, checkpoint_seconds=0.0)
    assert run(spec, shop, stop=_after(7)).record.state is RunState.INTERRUPTED
    for path in unfinished(shop.folder).glob(f"{spec.run_id}-c128.*.pt"):
        path.write_bytes(path.read_bytes()[:-1])
    told: list[tuple[str, str]] = []
    assert_equal(run(spec, shop, tell=lambda *event: told.append(event)), expected)
    assert [kind for kind, _ in told] == ["checkpoint_unusable"] * 2 + ["run_resumed"]
    assert told[2][1].endswith(f"taken up after {branch_point(spec)} samples")


def test_the_random_states_of_the_process_are_left_alone(small: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(GOOGLENET, Scope.FULL, train_images=32, rung=48, batch_size=16)
    before = torch.get_rng_state()
    run(spec, small)
    run(replace(spec, seed=4), small, stop=_after(2))
    run(replace(spec, seed=4), small)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_run_of_seconds_leaves_its_trunk_alone(small: Workshop, spec_of: SpecOf) -> None:
    """Durable before the rung's row is; of the copy, which is judged, there is nothing to go on with."""
    spec = spec_of(GOOGLENET, Scope.FULL, train_images=32, rung=48, batch_size=16)
    assert run(spec, small).record.finished
    left = sorted(path.name for path in unfinished(small.folder).iterdir())
    assert left == [f"{spec.run_id}.000000016.pt{end}" for end in ("", ".sha256")]


def test_a_frozen_run_is_repeated_from_its_beginning(
    small: Workshop, spec_of: SpecOf, unbroken: Unbroken
) -> None:
    spec = spec_of(GOOGLENET, Scope.FROZEN, train_images=96, rung=96, batch_size=16)
    expected, looks = unbroken(spec)
    part = run(spec, small, stop=_after(looks - 3))
    assert part.record.state is RunState.INTERRUPTED and not unfinished(small.folder).exists()
    assert part.record.samples_seen == 0
    found = run(spec, small)
    assert measured(found.record) == measured(expected.record)
    assert_equal(found, expected)


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(small: Workshop, spec_of: SpecOf) -> None:
    spec = spec_of(GOOGLENET, Scope.FULL, train_images=32, rung=48, batch_size=16)
    unfinished(small.folder).parent.mkdir(parents=True)
    unfinished(small.folder).touch()  # nothing can be written below a file
    told: list[str] = []
    shop = replace(small, checkpoint_seconds=0.0)
    outcome = run(spec, shop, tell=lambda kind, detail: told.append(kind))
    assert outcome.record.state is RunState.FINISHED and set(told) == {"checkpoint_failed"}
