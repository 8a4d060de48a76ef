"""The plan in motion: predictions learn from runs, and only whole rounds that fit are begun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from study.budget import Deadline
from study.matrix import arms
from study.orchestration.course import Course
from study.planning.cost import Speed, predicted_seconds
from study.planning.plan import decide, run_spec
from study.planning.side import LEAST_SAMPLES
from study.spec import Experiment, FirstConv, Init, ModelName, Purpose, RunSpec, StudySpec
from study.store.ledger import Ledger

SPEED = Speed(train=300, inference=900, build=0.3, tail=1.2)
MODEL = ModelName.VGG11


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def course(tmp_path: Path, clock: Clock) -> Course:
    deadline = Deadline(budget=3_000, started=0, clock=clock)
    course = Course(
        study=StudySpec(models=(MODEL,)), ledger=Ledger(tmp_path / "l.sqlite"), deadline=deadline,
        work=deadline.minus(100), reserve=100, speeds={MODEL.value: SPEED},
    )  # fmt: skip
    course.decide({MODEL: tuple(Init)})
    return course


def _spec(course: Course, arm: int = 2, number: int = 0) -> RunSpec:
    decision = course.decisions[MODEL.value]
    return run_spec(arms((MODEL,))[arm], decision, course.study, purpose=Purpose.FINAL, number=number)


def test_the_first_plan_leaves_a_twentieth_of_the_time(course: Course) -> None:
    decision = course.decisions[MODEL.value]
    assert 0.8 * 2_900 < decision.predicted_seconds <= 0.95 * 2_900


def test_predictions_follow_the_runs_of_the_same_kind(course: Course) -> None:
    spec = _spec(course)
    before = course.expected(spec)
    assert before == pytest.approx(predicted_seconds(spec, SPEED))
    assert course.tail(spec) == SPEED.tail
    for factor in (1.4, 1.5, 1.6):
        done = course.row(spec) | {"state": "finished"}
        course.rows.append(done | {"actual_seconds": factor * done["unscaled_seconds"]})
    assert course.expected(spec) == pytest.approx(1.5 * before)
    assert course.tail(spec) == pytest.approx(1.1)  # 1.6 / 1.5, never less than a tenth
    frozen = _spec(course, arm=0)
    assert course.expected(frozen) == pytest.approx(predicted_seconds(frozen, SPEED))


def test_the_first_final_run_is_not_taken_for_one_whose_features_were_kept(course: Course) -> None:
    spec = _spec(course, arm=0)
    trial = replace(spec, purpose=Purpose.TRIAL, trial=0)
    row = course.row(trial) | {"state": "finished"}
    pass_seconds = 0.8 * row["unscaled_seconds"]
    short = 0.2 * row["unscaled_seconds"]
    course.rows.append(row | {"actual_seconds": short, "uncached_seconds": short + pass_seconds})
    assert course.expected(trial) == pytest.approx(short)
    assert course.expected(spec) == pytest.approx(predicted_seconds(spec, SPEED))


def test_side_runs_of_an_earlier_start_count_as_used(course: Course) -> None:
    side = replace(_spec(course), purpose=Purpose.SIDE, experiment=Experiment.LABELS)
    assert course.side_used == 0
    course.rows += [course.row(side) | {"actual_seconds": 40.0}, course.row(side),
                    course.row(_spec(course)) | {"actual_seconds": 9.0}]  # fmt: skip
    assert course.side_used == 40


def test_a_skipped_run_teaches_nothing(course: Course) -> None:
    spec = _spec(course)
    course.rows.append(course.row(spec))
    assert course.expected(spec) == pytest.approx(predicted_seconds(spec, SPEED))


def test_only_whole_rounds_that_fit_are_begun(course: Course, clock: Clock) -> None:
    rounds = {MODEL: [_spec(course, arm, number=7) for arm in range(6)]}
    cost = sum(course.expected(spec) for spec in rounds[MODEL])
    assert course.affordable(rounds) == [MODEL]
    clock.now = 2_900 - cost
    assert course.affordable(rounds) == []


def test_time_saved_by_tuning_becomes_samples_once(course: Course, clock: Clock) -> None:
    clock.now = 500
    planned = course.decisions[MODEL.value]
    course.replan({MODEL: tuple(Init)}, lambda: [], lambda: 0.0)
    more = course.decisions[MODEL.value]
    assert more.samples > planned.samples and more.trial_samples == planned.trial_samples
    clock.now = 2_500
    course.replan({MODEL: tuple(Init)}, lambda: [], lambda: 0.0)
    assert course.decisions[MODEL.value] == more


def test_side_runs_are_shortened_until_a_round_fits(course: Course) -> None:
    course.decisions = {
        MODEL.value: decide(MODEL, course.study, course.expected, 20_000, tuple(Init))
    }

    def side_round() -> list[RunSpec]:
        decision = course.decisions[MODEL.value]
        base = replace(_spec(course), samples=decision.side_samples)
        return [replace(base, seed=seed) for seed in range(12)]

    trial = course.decisions[MODEL.value].trial_samples
    course.replan({MODEL: tuple(Init)}, side_round, lambda: 0.0)
    side = course.decisions[MODEL.value].side_samples
    assert side == 0 or side == LEAST_SAMPLES or trial / side in (1, 2, 4)
    assert (side > 0) == (course.side_seconds > 0)
    if side:
        assert sum(course.expected(spec) for spec in side_round()) <= course.side_seconds


def test_short_trials_make_side_runs_of_the_least_length(course: Course) -> None:
    plan = decide(MODEL, course.study, course.expected, 20_000, tuple(Init))
    course.decisions = {MODEL.value: replace(plan, trial_samples=7_000)}

    def side_round() -> list[RunSpec]:
        samples = course.decisions[MODEL.value].side_samples
        return [replace(_spec(course), samples=samples, seed=seed) for seed in range(14)]

    course.replan({MODEL: tuple(Init)}, side_round, lambda: 0.0)
    assert course.decisions[MODEL.value].side_samples == LEAST_SAMPLES


def test_side_experiments_are_tried_again_when_the_budget_has_grown(
    course: Course, clock: Clock
) -> None:
    clock.now = 2_800
    plan = decide(MODEL, course.study, course.expected, 20_000, tuple(Init))
    course.decisions = {MODEL.value: replace(plan, trial_samples=8_000)}

    def planned(study: Course, witness: float = 500) -> float:
        study.replan({MODEL: tuple(Init)}, lambda: [_spec(study)], lambda: witness)
        return study.side_seconds

    def taken_up(budget: float) -> Course:
        deadline = Deadline(budget=budget, started=0, clock=clock)
        again = Course(study=course.study, ledger=course.ledger, deadline=deadline,
                       work=deadline.minus(100), reserve=100)  # fmt: skip
        again.take_up()
        again.decide({MODEL: tuple(Init)})
        return again

    assert planned(course) == 0
    finals = course.decisions[MODEL.value].samples
    assert planned(taken_up(3_000)) == 0
    longer = taken_up(4_400)
    assert planned(longer) > 0 and longer.decisions[MODEL.value].samples == finals
    assert longer.witness_seconds == 0, "no room for both"
    assert planned(taken_up(4_400)) == longer.side_seconds
    longest = taken_up(6_000)
    assert planned(longest) > longer.side_seconds and longest.witness_seconds == 500
    assert longest.decisions == longer.decisions


def test_a_stop_before_the_new_plan_does_not_forget_that_the_budget_has_grown(
    course: Course, clock: Clock
) -> None:
    plan = decide(MODEL, course.study, course.expected, 20_000, tuple(Init))
    course.decisions = {MODEL.value: replace(plan, trial_samples=8_000)}
    clock.now = 2_800
    course.replan({MODEL: tuple(Init)}, lambda: [_spec(course)], lambda: 0.0)
    assert course.side_seconds == 0
    for begun in range(3):  # twice stopped before the new plan
        deadline = Deadline(budget=4_400, started=0, clock=clock)
        again = Course(study=course.study, ledger=course.ledger, deadline=deadline,
                       work=deadline.minus(100), reserve=100)  # fmt: skip
        again.take_up()
        again.decide({MODEL: tuple(Init)})
        assert again.grown, begun
    again.replan({MODEL: tuple(Init)}, lambda: [_spec(again)], lambda: 0.0)
    assert again.side_seconds > 0
    again.take_up()
    assert not again.grown


def test_a_plan_made_after_the_time_is_up_can_be_read_again(course: Course, clock: Clock) -> None:
    plan = decide(MODEL, course.study, course.expected, 20_000, tuple(Init))
    course.decisions = {MODEL.value: replace(plan, trial_samples=8_000, side_samples=5_000)}
    clock.now = 2_950  # in the reserve
    course.replan({MODEL: tuple(Init)}, lambda: [_spec(course)], lambda: 10.0)
    assert (course.side_seconds, course.witness_seconds) == (0.0, 0.0)
    assert course.ledger.fact("plan")["side_seconds"] == 0


@pytest.mark.parametrize(("wanted", "given"), [(100.0, 100.0), (900.0, 0.0)])
def test_the_witness_is_dropped_before_the_side_runs(
    course: Course, wanted: float, given: float
) -> None:
    plan = decide(MODEL, course.study, course.expected, 20_000, tuple(Init))
    course.decisions = {MODEL.value: replace(plan, trial_samples=8_000)}

    def side_round() -> list[RunSpec]:
        samples = course.decisions[MODEL.value].side_samples
        return [replace(_spec(course), samples=samples, seed=seed) for seed in range(8)]

    course.replan({MODEL: tuple(Init)}, side_round, lambda: wanted)
    assert course.side_seconds > 0 and course.witness_seconds == given
    assert sum(course.expected(spec) for spec in side_round()) <= course.side_seconds - given


def test_without_side_runs_there_is_no_witness(course: Course) -> None:
    course.replan({MODEL: tuple(Init)}, lambda: [], lambda: 10.0)
    assert (course.side_seconds, course.witness_seconds) == (0.0, 0.0)


def test_first_convolutions_never_shorten_the_side_runs(course: Course) -> None:
    lengths = []
    for experiment in (Experiment.DEPTH, Experiment.ADAPTATION):
        course.replanned = False
        course.decisions = {
            MODEL.value: decide(MODEL, course.study, course.expected, 20_000, tuple(Init))
        }

        def side_round(experiment: Experiment = experiment) -> list[RunSpec]:
            samples = course.decisions[MODEL.value].side_samples
            base = replace(_spec(course), samples=samples, purpose=Purpose.SIDE,
                           experiment=Experiment.LABELS)  # fmt: skip
            more = replace(base, experiment=experiment, first_conv=FirstConv.FRESH
                           if experiment is Experiment.ADAPTATION else None)  # fmt: skip
            return [base] * 2 + [more] * 40

        course.replan({MODEL: tuple(Init)}, side_round, lambda: 0.0)
        lengths.append(course.decisions[MODEL.value].side_samples)
    assert lengths[0] < lengths[1]


def test_a_plan_survives_the_ledger(course: Course) -> None:
    course.rows.append(course.row(_spec(course)))
    course.note_phase("matrix", 1.0, 0.0)
    course.save()
    again = Course(
        study=course.study, ledger=course.ledger, deadline=course.deadline, work=course.work,
        reserve=100,
    )  # fmt: skip
    again.take_up()
    again.decide({MODEL: tuple(Init)})
    assert (again.rows, again.decisions) == (course.rows, course.decisions)
    assert again.speeds == {MODEL.value: SPEED}
    assert again.phases == course.phases


def test_a_killed_study_has_its_used_seconds_in_the_ledger(course: Course, clock: Clock) -> None:
    course.note_used()
    clock.now = 30.0
    course.note_used()  # at once after the other
    assert course.ledger.fact("used_seconds") == 0
    course.note_used(every=0.0)
    assert course.ledger.fact("used_seconds") == 30
    clock.now = 40.0
    course.note_phase("matrix", None, 0.0)
    assert course.ledger.fact("used_seconds") == 40
