"""What further seconds buy: seeds and rungs, equal for all arms, never less than there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.matrix import arms
from study.networks import DEFAULT, GOOGLENET, VGG11
from study.planning.plan import (
    LADDER,
    LEAST_RUNG,
    MOST_SEEDS,
    TRIALS,
    TUNING_SEED,
    Reached,
    Step,
    after,
    climb,
    next_step,
    one_more_seed,
    run_spec,
    rungs,
    trials_that_fit,
    trunk_samples,
)
from study.spec import Precision, Purpose, Scope, StudySpec
from study.training.defaults import default_hyper
from study.training.schedule import branch_point

VGG11, GOOGLENET = VGG11, GOOGLENET
BOTH = DEFAULT
NOTHING: Reached = dict.fromkeys(BOTH, (0, 0))
#: Seconds of a sample of each network.
PRICE = {VGG11: 0.012, GOOGLENET: 0.003}


def _all(step: Step) -> bool:
    return True


def _within(seconds: float, reached: Reached) -> Callable[[Step], bool]:
    """A step costs what it adds: every seed up to its rung, six arms a network."""
    return lambda step: _cost(step, reached) <= seconds


def _cost(step: Step, reached: Reached) -> float:
    return sum(
        6 * PRICE[model] * max(0, step.rung - (reached[model][0] if number < reached[model][1] else 0))
        for model in step.models
        for number in range(step.seeds)
    )


def _steps(reached: Reached, fits: Callable[[Step], bool], most: int | None = None) -> Iterator[Step]:
    while (step := next_step(reached, fits, most)) is not None:
        yield step
        reached = after(reached, step)


def test_rungs_double() -> None:
    assert rungs(2_000, 16_000) == [2_000, 4_000, 8_000, 16_000]
    assert rungs(4_000, 31_999) == [4_000, 8_000, 16_000]
    assert rungs(4_000, 2_000) == [4_000], "the least is always one"


def test_first_the_highest_rung_of_three_seeds_of_all_arms() -> None:
    for rung in rungs(4_000, 256_000):
        fits = _within(18 * rung * sum(PRICE.values()) + 1, NOTHING)
        assert next_step(NOTHING, fits, None) == Step(models=BOTH, seeds=3, rung=rung)


@pytest.mark.parametrize(("affordable", "seeds", "rungs_up"), [(3, 3, 1), (2, 1, 2), (1, 1, 1)])
def test_fewer_seeds_only_where_the_least_rung_is_too_dear_for_three(
    affordable: int, seeds: int, rungs_up: int
) -> None:
    """Where three do not fit, one goes as high as it can: two give no interval worth the name."""
    least = max(LEAST_RUNG.values())
    step = next_step(NOTHING, _within(6 * affordable * least * sum(PRICE.values()) + 1, NOTHING), None)
    assert step == Step(models=BOTH, seeds=seeds, rung=rungs_up * least)
    assert next_step(NOTHING, lambda step: False, None) is None


def test_a_second_seed_comes_where_one_cannot_go_higher() -> None:
    reached = dict.fromkeys(BOTH, (8_000, 1))
    fits = _within(6 * 8_000 * sum(PRICE.values()) - 1, reached)
    assert next_step(reached, fits, None) is None
    fits = _within(6 * 8_000 * sum(PRICE.values()) + 1, reached)
    assert next_step(reached, lambda step: fits(step) and step.rung == 8_000, None) == Step(
        models=BOTH, seeds=2, rung=8_000
    )


def test_no_common_step_is_below_the_least_rung_of_any_network() -> None:
    asked: list[Step] = []

    def fits(step: Step) -> bool:
        asked.append(step)
        return False

    assert next_step(NOTHING, fits, None) is None
    assert {step.seeds for step in asked if len(step.models) == 2} == {1, 2, 3}
    assert min(step.rung for step in asked if len(step.models) == 2) == 4_000


def test_one_network_goes_on_alone_where_both_cannot() -> None:
    reached = dict.fromkeys(BOTH, (8_000, 3))
    fits = _within(18 * 8_000 * PRICE[GOOGLENET] + 1, reached)
    step = next_step(reached, fits, None)
    assert step == Step(models=(GOOGLENET,), seeds=3, rung=16_000)
    assert next_step(reached, lambda step: len(step.models) == 2, None) == Step(
        models=BOTH, seeds=3, rung=256_000
    )


def test_of_two_networks_at_the_same_rung_the_cheaper_goes_on_first() -> None:
    """For the seconds of VGG11's next rung GoogLeNet gets two, and is judged at both."""
    first: Reached = dict.fromkeys(BOTH, (16_000, 3))
    second: Reached = first | {GOOGLENET: (32_000, 3)}
    seconds = 18 * 16_000 * PRICE[VGG11] + 1
    step = next_step(first, _within(seconds, first), None, cost=lambda step: _cost(step, first))
    assert step == Step(models=(GOOGLENET,), seeds=3, rung=32_000)
    left = seconds - _cost(step, first)
    step = next_step(second, _within(left, second), None, cost=lambda step: _cost(step, second))
    assert step == Step(models=(GOOGLENET,), seeds=3, rung=64_000)


def test_the_ladder_is_climbed_in_its_order() -> None:
    """Rungs up to 256,000 with three seeds, five seeds, rungs up to 1,024,000, ten seeds."""
    found = [(step.rung, step.seeds) for step in _steps(dict.fromkeys(BOTH, (0, 0)), _all)]
    assert found == list(LADDER)
    assert next_step(dict.fromkeys(BOTH, LADDER[-1]), _all, None) is None


def test_without_room_for_all_of_a_part_nothing_of_the_next_is_begun() -> None:
    """A fourth seed comes when both networks have been as far as three seeds shall go."""
    reached: Reached = {VGG11: (64_000, 3), GOOGLENET: (256_000, 3)}
    dear = _within(18 * 64_000 * PRICE[VGG11] - 1, reached)
    assert next_step(reached, dear, None) is None
    assert next_step(dict.fromkeys(BOTH, (256_000, 3)), lambda step: step.seeds == 4, None) == Step(
        models=BOTH, seeds=4, rung=256_000
    )


@given(
    reached=st.tuples(*[st.tuples(st.sampled_from(rungs(4_000, 1_024_000)), st.integers(1, 10))] * 2),
    seconds=st.floats(1, 1e7),
    most=st.none() | st.integers(1, 12),
)
def test_no_step_takes_anything_back(
    reached: tuple[tuple[int, int], ...], seconds: float, most: int | None
) -> None:
    start: Reached = dict(zip(BOTH, reached, strict=True))
    before = start
    for _ in range(40):
        step = next_step(before, _within(seconds, before), most)
        if step is None:
            break
        assert _cost(step, before) <= seconds
        seconds -= _cost(step, before)
        for model in step.models:
            assert step.rung >= before[model][0] and step.seeds >= before[model][1]
        now = after(before, step)
        assert now != before, "every step adds something"
        assert most is None or all(seeds <= max(most, start[model][1]) for model, (_, seeds) in now.items())
        before = now
    else:
        raise AssertionError("it does not end")


def test_spare_workers_add_a_seed_where_there_are_fewest_and_then_where_it_is_dearest() -> None:
    reached: Reached = {VGG11: (16_000, 3), GOOGLENET: (64_000, 3)}
    dear = 6 * 16_000 * PRICE[VGG11] + 1

    def step(reached: Reached, seconds: float, most: int | None = None) -> Step | None:
        return one_more_seed(reached, _within(seconds, reached), most, lambda step: _cost(step, reached))

    vgg11 = Step(models=(VGG11,), seeds=4, rung=16_000)
    reached[GOOGLENET] = (128_000, 3)
    googlenet = Step(models=(GOOGLENET,), seeds=4, rung=128_000)
    assert step(reached, 2 * dear) == googlenet, "the dearer one"
    assert step(reached, dear) == vgg11, "or what fits"
    assert step(reached | {GOOGLENET: (128_000, 4)}, 2 * dear) == vgg11, "where there are fewest"
    assert step(reached, dear / 2) is None and step(reached, dear, most=3) is None
    assert step(dict.fromkeys(BOTH, (16_000, MOST_SEEDS)), 1e9) is None
    assert step(NOTHING, 1e9) is None, "a first seed is the ladder's"


@pytest.mark.parametrize("most", [1, 2, 3, 4, 12])
def test_seeds_are_bounded_by_the_user(most: int) -> None:
    found = list(_steps(dict.fromkeys(BOTH, (0, 0)), _all, most))
    assert max(step.seeds for step in found) == min(most, 10)
    assert found[-1].rung == 1_024_000, "the time goes into length"


def test_one_network_has_a_ladder_of_its_own() -> None:
    step = next_step({GOOGLENET: (0, 0)}, lambda step: step.rung <= 2_000, None)
    assert step == Step(models=(GOOGLENET,), seeds=3, rung=2_000)


def test_as_many_trials_as_fit() -> None:
    assert [trials_that_fit(lambda n: 10.0 * n, seconds) for seconds in (60, 50, 49, 31, 20, 19, 0)] == [
        5,
        5,
        4,
        3,
        2,
        0,
        0,
    ]
    assert trials_that_fit(lambda n: 0.0, 1.0) == max(TRIALS)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_training_goes_up_rung_by_rung(scope: Scope) -> None:
    arm = next(a for a in arms((GOOGLENET,)) if a.scope is scope)
    spec = run_spec(arm, StudySpec(), purpose=Purpose.FINAL, number=0, rung=16_000)
    way = list(climb(spec, 2_000, 16_000, 0))
    assert [each.rung for each, _ in way] == [2_000, 4_000, 8_000, 16_000]
    assert {each.run_id for each, _ in way} == {spec.run_id}
    # What it has before each: of a trunk where the copy left it, of features all that were computed.
    before = [0, 2_000, 4_000, 8_000]
    if scope is Scope.FULL:
        before = [0] + [branch_point(replace(spec, rung=rung)) for rung in before[1:]]
    assert [done for _, done in way] == before
    assert all(done < each.rung for each, done in way)
    assert [(each.rung, done) for each, done in climb(spec, 2_000, 16_000, 4_000)] == [
        (each.rung, done) for each, done in way[2:]
    ]
    assert list(climb(spec, 2_000, 16_000, 16_000)) == []
    assert [each.rung for each, _ in climb(spec, 4_000, 16_000, 0)] == [4_000, 8_000, 16_000]


def test_what_a_training_has_when_it_goes_on() -> None:
    full, frozen = (
        run_spec(
            next(a for a in arms((VGG11,)) if a.scope is scope),
            StudySpec(),
            purpose=Purpose.FINAL,
            number=0,
            rung=8_000,
        )
        for scope in (Scope.FULL, Scope.FROZEN)
    )
    assert trunk_samples(full, 0) == trunk_samples(frozen, 0) == 0
    assert trunk_samples(full, 4_000) == branch_point(replace(full, rung=4_000)) == 75 * 32
    assert trunk_samples(frozen, 4_000) == 4_000


def test_every_arm_gets_the_same_work() -> None:
    study = StudySpec(seed=7, precision=Precision.BF16, resolution=64)
    specs = [
        run_spec(arm, study, purpose=Purpose.FINAL, number=1, rung=8_000) for arm in arms((GOOGLENET,))
    ]
    works = {(s.rung, s.train_images, s.seed, s.batch_size, s.recipe, s.head_passes) for s in specs}
    assert len(works) == 1
    assert {(s.precision, s.resolution, s.seed) for s in specs} == {(Precision.BF16, 64, 700_002)}
    trials = [
        run_spec(arm, study, purpose=Purpose.TRIAL, number=n, rung=2_000)
        for arm in arms((GOOGLENET,))
        for n in range(5)
    ]
    assert {spec.seed for spec in trials} == {700_000 + TUNING_SEED}, "one seed, which no final run has"
    assert specs[0].hyper == default_hyper(specs[0].arm) and specs[0].trial is None


def test_the_study_seed_moves_every_seed() -> None:
    seeds = {
        run_spec(arms()[0], StudySpec(seed=study), purpose=purpose, number=number, rung=2_000).seed
        for study in range(3)
        for purpose in (Purpose.FINAL, Purpose.TRIAL)
        for number in range(10)
    }
    assert len(seeds) == 3 * (10 + 1)
