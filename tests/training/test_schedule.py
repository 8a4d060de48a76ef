"""The rate over a training: a trunk that warms up and stays, and cooldowns that leave it at rungs."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from study.networks import GOOGLENET
from study.spec import Recipe, RunSpec, Scope
from study.training.loop import batch_sizes
from study.training.schedule import branch_point, cooldown_factor, head_factor, trunk_factor
from tests.training.conftest import SpecOf


@pytest.fixture
def spec(spec_of: SpecOf) -> RunSpec:
    return spec_of(
        GOOGLENET,
        Scope.FULL,
        train_images=54_000,
        rung=16_000,
        batch_size=32,
        recipe=Recipe(warm_up=1_000, cooldown=0.4),
    )


def _trunk(spec: RunSpec, until: int) -> list[float]:
    return [trunk_factor(spec, seen) for seen in range(0, until, spec.batch_size)]


def test_the_trunk_climbs_over_the_warm_up_and_stays(spec: RunSpec) -> None:
    climbing, after = _trunk(spec, 968), _trunk(spec, 1_000_000)[31:]
    assert climbing[0] == 32 / 1_000
    steps = {round(b - a, 12) for a, b in itertools.pairwise(climbing)}
    assert steps == {0.032} and climbing[-1] < 1
    assert set(after) == {1.0}


def test_the_trunk_knows_no_rung(spec: RunSpec) -> None:
    """That is why one training can be judged at many."""
    assert _trunk(spec, 40_000) == _trunk(replace(spec, rung=1_024_000), 40_000)


@pytest.mark.parametrize("rung", [64, 2_000, 2_001, 4_000, 16_000, 1_024_000])
@pytest.mark.parametrize("batch", [2, 32, 48, 64])
@pytest.mark.parametrize("share", [0.2, 0.4, 0.5, 1.0])
def test_a_copy_leaves_the_trunk_after_whole_batches(
    spec: RunSpec, rung: int, batch: int, share: float
) -> None:
    spec = replace(spec, rung=rung, batch_size=batch, recipe=replace(spec.recipe, cooldown=share))
    branch = branch_point(spec)
    assert branch % batch == 0 and 0 <= branch < rung
    assert 0 <= (1 - share) * rung - branch < batch, "its cooldown is the wanted share, up to a batch"
    sizes = batch_sizes(branch, batch)
    assert set(sizes) <= {batch}, "the trunk's batches do not depend on where copies leave it"


def test_a_copy_falls_linearly_from_the_trunks_rate_to_zero_at_the_rung(spec: RunSpec) -> None:
    branch = branch_point(spec)
    assert branch == 9_600
    values = [cooldown_factor(spec, seen) for seen in range(branch, spec.rung + 1, 32)]
    assert values[0] == trunk_factor(spec, branch) == 1.0 and values[-1] == 0.0
    steps = {round(a - b, 9) for a, b in itertools.pairwise(values)}
    assert steps == {round(32 / 6_400, 9)}
    assert min(values[:-1]) > 0, "every step moves the weights"


def test_a_copy_that_leaves_within_the_warm_up_starts_at_the_rate_of_then(spec: RunSpec) -> None:
    short = replace(spec, rung=1_000)
    branch = branch_point(short)
    assert branch == 576
    assert cooldown_factor(short, branch) == trunk_factor(short, branch) == pytest.approx(0.608)


def test_a_heads_rate_rises_peaks_and_falls_to_nothing() -> None:
    values = [head_factor(share / 100) for share in range(101)]
    peak = values.index(max(values))
    assert values[:peak] == sorted(values[:peak]) and values[peak:] == sorted(values[peak:])[::-1]
    assert max(values) == pytest.approx(1.0, abs=0.01) and 0 <= values[-1] < 1e-6
    assert values[0] > 0
