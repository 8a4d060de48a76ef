"""One training judged at many rungs: each judgement is that of a training made for its rung alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from study.models.weights import file_sha256
from study.networks import GOOGLENET, VGG11
from study.spec import Purpose, RunSpec, Scope
from study.training.checkpoint import cooldown, trunk, unfinished
from study.training.run import Outcome, Workshop, run
from study.training.schedule import branch_point
from tests.training.conftest import SpecOf, assert_equal


@pytest.fixture(
    params=[
        pytest.param((GOOGLENET, 160), id="googlenet"),
        pytest.param((VGG11, 64), id="vgg11", marks=pytest.mark.long),
    ]
)
def spec(request: pytest.FixtureRequest, spec_of: SpecOf) -> RunSpec:
    """The pool is smaller than the second rung, which begins a second epoch."""
    model, rung = request.param
    return spec_of(
        model, Scope.FULL, purpose=Purpose.FINAL, train_images=rung - 10, rung=rung, batch_size=16
    )


def _elsewhere(shop: Workshop, tmp_path: Path) -> Workshop:
    return replace(shop, folder=tmp_path / "other")


def test_two_rungs_of_one_training_are_two_trainings_of_their_own(
    small: Workshop, spec: RunSpec, tmp_path: Path
) -> None:
    second = replace(spec, rung=2 * spec.rung)
    lower = run(spec, small)
    branch = branch_point(spec)
    state, _ = trunk(small.folder, spec.run_id).load(branch)
    assert state is not None and state["samples_seen"] == branch
    upper = run(second, small)
    alone = run(second, _elsewhere(small, tmp_path))
    assert_equal(upper, alone)
    one, two = lower.record, upper.record
    assert one.spec.run_id == two.spec.run_id and (one.samples_seen, two.samples_seen) == (
        spec.rung,
        2 * spec.rung,
    )
    # Seconds of the trunk up to where the first copy left it are counted at the first rung.
    assert one.step_seconds == one.train_seconds
    assert two.step_seconds == pytest.approx(two.train_seconds - state["seconds"])
    assert alone.record.step_seconds == alone.record.train_seconds


@pytest.mark.parametrize("spec", [(GOOGLENET, 160)], indirect=True, ids=["googlenet"])
def test_a_judged_copy_leaves_the_trunk_as_it_was(small: Workshop, spec: RunSpec) -> None:
    """Cooled down, settled and judged: of all that nothing is in the trunk's checkpoint."""
    branch = branch_point(spec)
    kept = trunk(small.folder, spec.run_id)
    path = unfinished(small.folder) / f"{spec.run_id}.{branch:09d}.pt"
    before: list[str] = []

    def look() -> bool:
        if path.exists() and not before and (path.parent / f"{path.name}.sha256").exists():
            before.append(file_sha256(path))
        return False

    outcome = run(spec, small, stop=look)
    assert outcome.record.finished and before == [file_sha256(path)]
    assert kept.samples_seen() == branch
    state, _ = kept.load()
    assert state is not None and outcome.network is not None
    assert state["samples_seen"] == branch and state["judging"] == 0
    cooled = outcome.network.state_dict()
    assert not torch.equal(state["network"]["head.weight"], cooled["head.weight"])


def _upper(spec: RunSpec, shop: Workshop) -> tuple[Outcome, list[str]]:
    told: list[str] = []
    return run(replace(spec, rung=2 * spec.rung), shop, tell=lambda *event: told.append(event[1])), told


@pytest.mark.parametrize("spec", [(GOOGLENET, 160)], indirect=True, ids=["googlenet"])
def test_a_trunk_that_is_further_than_the_branch_point_is_not_used(
    small: Workshop, spec: RunSpec, tmp_path: Path
) -> None:
    _upper(spec, small)
    assert trunk(small.folder, spec.run_id).samples_seen() == branch_point(replace(spec, rung=320)) > 160
    found = run(spec, small)
    assert_equal(found, run(spec, _elsewhere(small, tmp_path)))
    assert found.record.step_seconds == found.record.train_seconds, "it began anew"


@pytest.mark.parametrize("spec", [(GOOGLENET, 160)], indirect=True, ids=["googlenet"])
def test_a_damaged_trunk_is_told_and_the_training_begins_anew(
    small: Workshop, spec: RunSpec, tmp_path: Path
) -> None:
    run(spec, small)
    (path,) = unfinished(small.folder).glob(f"{spec.run_id}.*.pt")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found, told = _upper(spec, small)
    assert len(told) == 1 and told[0].startswith(path.name)
    assert_equal(found, _upper(spec, _elsewhere(small, tmp_path))[0])


@pytest.mark.parametrize("spec", [(GOOGLENET, 160)], indirect=True, ids=["googlenet"])
def test_a_copy_of_another_rung_is_no_copy_of_this_one(
    small: Workshop, spec: RunSpec, tmp_path: Path
) -> None:
    """Stopped while it cooled down for the higher rung, a training is judged at the lower one."""
    second = replace(spec, rung=320)
    looks = iter(range(10**6))
    run(second, small, stop=lambda: next(looks) >= branch_point(second) // 16 + 2)
    assert cooldown(small.folder, spec.run_id, 320).samples_seen() > branch_point(second)
    assert cooldown(small.folder, spec.run_id, 160).samples_seen() == 0
    assert_equal(run(spec, small), run(spec, _elsewhere(small, tmp_path)))
