"""On how many images a training is judged: nested, growing, equal for all runs of a rung."""

from __future__ import annotations

from dataclasses import replace

import pytest

from study.networks import DEFAULT, GOOGLENET
from study.planning.plan import rungs
from study.spec import Purpose, RunSpec, Scope
from study.training.judging import LEAST_OF_TRIALS, Judged, judged
from study.training.schedule import branch_point
from tests.training.conftest import SpecOf

LADDER = rungs(2_000, 1_024_000)
#: Seconds of a forward pass over those of a training step on the same images (docs/performance.md).
FORWARD = 0.2


@pytest.fixture
def spec(spec_of: SpecOf) -> RunSpec:
    return spec_of(GOOGLENET, Scope.FULL, purpose=Purpose.FINAL, train_images=54_000, rung=2_000)


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
        (500, 500),
        (500, 1_000),
        (1_000, 2_000),
        (1_000, 5_000),
        (2_000, 10_000),
        (5_000, 10_000),
    ]
    assert all(
        s.train <= min(rung, 54_000) and s.validation <= 6_000 and s.test <= 10_000 and s.settling <= rung
        for rung, s in zip(LADDER, _sizes(spec), strict=True)
    )


def test_the_runs_of_a_rung_are_judged_alike(spec: RunSpec, spec_of: SpecOf) -> None:
    for rung in LADDER:
        kinds = [
            spec_of(model, scope, purpose=Purpose.FINAL, rung=rung, seed=seed)
            for model in DEFAULT
            for scope in Scope
            for seed in (1, 2)
        ]
        assert len({judged(kind) for kind in kinds}) == 1


def test_a_trial_sees_validation_alone_and_enough_of_it(spec: RunSpec) -> None:
    for sizes in _sizes(replace(spec, purpose=Purpose.TRIAL, trial=0)):
        assert sizes.train == sizes.test == 0 and sizes.validation >= LEAST_OF_TRIALS


def test_a_champion_is_judged_on_the_whole_test_set(spec: RunSpec) -> None:
    assert {sizes.test for sizes in _sizes(replace(spec, purpose=Purpose.CHAMPION))} == {10_000}


def _share(spec: RunSpec, rung: int, below: int) -> float:
    """Judging's share of the seconds of a run that goes on from the rung below."""
    began = branch_point(replace(spec, rung=below)) if below else 0
    judging = FORWARD * judged(replace(spec, rung=rung)).total
    return judging / (rung - began + judging)


def test_what_judging_costs(spec: RunSpec) -> None:
    shares = {
        rung: round(_share(spec, rung, below), 3) for below, rung in zip([0, *LADDER], LADDER, strict=False)
    }
    assert max(shares.values()) <= 0.15, shares
