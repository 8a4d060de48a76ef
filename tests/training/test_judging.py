"""On how many images a training is judged: nested, growing, equal for all runs of a rung."""

from __future__ import annotations

from dataclasses import replace

import pytest

from study.planning.plan import rungs
from study.spec import ModelName, Purpose, RunSpec, Scope
from study.training.judging import LEAST_OF_TRIALS, Judged, judged
from study.training.schedule import branch_point
from tests.training.conftest import SpecOf

LADDER = rungs(2_000, 1_024_000)
#: Of a training step; here it was a fifth to a fourth.
FORWARD = 0.25


@pytest.fixture
def spec(spec_of: SpecOf) -> RunSpec:
    return spec_of(ModelName.GOOGLENET, Scope.FULL, purpose=Purpose.FINAL, train_images=54_000, rung=2_000)


def _sizes(spec: RunSpec) -> list[Judged]:
    return [judged(replace(spec, rung=rung)) for rung in LADDER]


@pytest.mark.parametrize("name", ["train", "validation", "test", "settling", "total"])
def test_a_longer_training_is_judged_on_as_many_and_more(spec: RunSpec, name: str) -> None:
    """Every set is a prefix, so what grows is nested."""
    for purpose in (Purpose.FINAL, Purpose.TRIAL, Purpose.CHAMPION):
        trial = 0 if purpose is Purpose.TRIAL else None
        counts = [getattr(sizes, name) for sizes in _sizes(replace(spec, purpose=purpose, trial=trial))]
        assert counts == sorted(counts)


def test_sizes_are_those_of_the_results_contract(spec: RunSpec) -> None:
    found = {rung: (s.validation, s.test) for rung, s in zip(LADDER, _sizes(spec), strict=True)}
    assert [found[rung] for rung in LADDER[:6]] == [
        (500, 500), (500, 1_000), (1_000, 2_000), (1_000, 5_000), (2_000, 10_000), (5_000, 10_000)
    ]  # fmt: skip
    assert all(s.train <= min(rung, 54_000) and s.validation <= 6_000 and s.test <= 10_000
               and s.settling <= rung for rung, s in zip(LADDER, _sizes(spec), strict=True))  # fmt: skip


def test_the_runs_of_a_rung_are_judged_alike(spec: RunSpec, spec_of: SpecOf) -> None:
    for rung in LADDER:
        kinds = [
            spec_of(model, scope, purpose=Purpose.FINAL, rung=rung, seed=seed)
            for model in ModelName for scope in Scope for seed in (1, 2)
        ]  # fmt: skip
        assert len({judged(kind) for kind in kinds}) == 1


def test_a_trial_sees_validation_alone_and_enough_of_it(spec: RunSpec) -> None:
    for sizes in _sizes(replace(spec, purpose=Purpose.TRIAL, trial=0)):
        assert sizes.train == sizes.test == 0 and sizes.validation >= LEAST_OF_TRIALS


def test_a_champion_is_judged_on_the_whole_test_set(spec: RunSpec) -> None:
    assert {sizes.test for sizes in _sizes(replace(spec, purpose=Purpose.CHAMPION))} == {10_000}


def _share(spec: RunSpec, rung: int) -> float:
    """Judging over training of a network that went up the whole ladder to a rung, in its seconds."""
    way = [replace(spec, rung=each) for each in rungs(2_000, rung)]
    trained = branch_point(way[-1]) + sum(each.rung - branch_point(each) for each in way)
    return FORWARD * sum(judged(each).total for each in way) / trained


def test_what_judging_costs(spec: RunSpec) -> None:
    """Short runs pay for an interval that tells something: 500 test images are ±3 points or so."""
    shares = {rung: round(_share(spec, rung), 3) for rung in LADDER}
    assert all(share <= 0.15 for rung, share in shares.items() if rung >= 64_000), shares
    short = {rung: share for rung, share in shares.items() if rung < 64_000}
    assert short == {2_000: 0.22, 4_000: 0.248, 8_000: 0.223, 16_000: 0.195, 32_000: 0.175}
