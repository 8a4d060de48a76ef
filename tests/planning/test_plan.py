"""The plan fits the seconds it is given, grows with them, and treats the arms of a network alike."""

from __future__ import annotations

from functools import partial

import pytest

from study.matrix import arms
from study.planning.cost import Speed, predicted_seconds
from study.planning.plan import decide, extend, run_spec
from study.spec import Init, ModelName, Purpose, StudySpec

SPEED = Speed(train=300, inference=900, build=0.3)
COST = partial(predicted_seconds, speed=SPEED)
INITS = tuple(Init)


@pytest.mark.parametrize("seconds", [150, 240, 600, 1_500, 3_000, 12_000, 40_000])
def test_the_plan_fits(seconds: float) -> None:
    study = StudySpec()
    plan = decide(ModelName.VGG11, study, COST, seconds, INITS)
    assert plan.predicted_seconds <= seconds
    total = sum(
        times * COST(run_spec(arm, plan, study, purpose=purpose, number=0))
        for arm in arms((ModelName.VGG11,))
        for purpose, times in ((Purpose.FINAL, plan.seeds), (Purpose.TRIAL, plan.trials))
    )
    assert total == pytest.approx(plan.predicted_seconds)


def test_more_time_never_means_fewer_seeds_or_trials() -> None:
    plans = [decide(ModelName.VGG11, StudySpec(), COST, s, INITS) for s in (300, 1_500, 6_000, 30_000)]
    assert [plan.seeds for plan in plans] == sorted(plan.seeds for plan in plans)
    assert [plan.trials for plan in plans] == sorted(plan.trials for plan in plans)
    assert plans[-1].trials >= 4 and plans[-1].seeds >= 3


def test_no_time_is_a_plan_of_the_least_size() -> None:
    plan = decide(ModelName.VGG11, StudySpec(), COST, 0.0, INITS)
    assert (plan.seeds, plan.trials, plan.samples) == (1, 0, 256)


def test_seeds_are_bounded_by_the_user() -> None:
    assert decide(ModelName.VGG11, StudySpec(max_seeds=2), COST, 40_000, INITS).seeds <= 2


def test_every_arm_gets_the_same_work() -> None:
    plan = decide(ModelName.GOOGLENET, StudySpec(), COST, 1_500, INITS)
    specs = [
        run_spec(arm, plan, StudySpec(), purpose=Purpose.FINAL, number=1)
        for arm in arms((ModelName.GOOGLENET,))
    ]
    assert len({(s.samples, s.train_images, s.seed, s.batch_size, s.evaluations) for s in specs}) == 1
    trial = run_spec(specs[0].arm, plan, StudySpec(), purpose=Purpose.TRIAL, number=1)
    assert trial.seed not in {spec.seed for spec in specs}


def test_time_saved_becomes_samples_within_a_factor_of_two() -> None:
    plan = decide(ModelName.VGG11, StudySpec(), COST, 1_500, INITS)
    more = extend(ModelName.VGG11, StudySpec(), COST, 1e6, INITS, plan)
    assert more.samples == plan.samples * 2
    assert more.trial_samples == plan.trial_samples


def test_time_lost_costs_samples_then_seeds_then_length_but_no_arm() -> None:
    plan = decide(ModelName.VGG11, StudySpec(), COST, 5_000, INITS)
    assert plan.seeds >= 3

    def left(seconds: float) -> tuple[int, int]:
        now = extend(ModelName.VGG11, StudySpec(), COST, seconds, INITS, plan)
        cost = sum(now.seeds * COST(run_spec(arm, now, StudySpec(), purpose=Purpose.FINAL, number=0))
                   for arm in arms((ModelName.VGG11,)))  # fmt: skip
        assert cost <= seconds or now.samples == 256
        return now.seeds, now.samples

    half = plan.samples // 2
    found = [left(share * plan.predicted_seconds) for share in (0.45, 0.25, 0.12, 0.05, 0.0)]
    assert found[0][0] == plan.seeds and found[0][1] >= half
    assert 1 < found[1][0] < plan.seeds and found[1][1] >= half
    assert found[3][0] == 1 and 256 <= found[3][1] < half
    assert found[4] == (1, 256)
    assert sorted(found, reverse=True) == found
