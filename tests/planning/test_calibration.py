"""Predicted seconds: by the machine's speeds, more for more work, corrected by the runs so far."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from study.matrix import arms
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.planning.calibration import RECENT, Calibration, total
from study.planning.cost import LEAST_TAIL, MOST_TAIL, Speed, best, predicted_seconds, typical
from study.planning.plan import climb, run_spec, rungs
from study.spec import Init, Purpose, RunSpec, Scope, StudySpec

SPEED = Speed(train=300, inference=900, build=0.3, head=60_000, tail=1.2)
SLOW = Speed(train=40, inference=100, build=2.0, head=9_000, tail=1.3)


def _spec(model: ModelName, scope: Scope, rung: int, init: Init = Init.SCRATCH) -> RunSpec:
    arm = next(a for a in arms((model,)) if (a.scope, a.init) == (scope, init))
    return run_spec(arm, StudySpec(), purpose=Purpose.FINAL, number=0, rung=rung)


FULL, FROZEN = (_spec(VGG11, scope, 16_000) for scope in (Scope.FULL, Scope.FROZEN))


@pytest.mark.parametrize("spec", [FULL, FROZEN], ids=["full", "frozen"])
def test_a_longer_training_takes_longer_and_a_begun_one_less(spec: RunSpec) -> None:
    by_rung = [predicted_seconds(replace(spec, rung=rung), SPEED) for rung in rungs(2_000, 1_024_000)]
    assert by_rung == sorted(by_rung) and len(set(by_rung)) > 5
    by_done = [predicted_seconds(spec, SPEED, done) for done in range(0, 16_001, 1_000)]
    assert by_done == sorted(by_done, reverse=True) and by_done[0] > by_done[-1] > 0
    assert predicted_seconds(spec, SLOW) > predicted_seconds(spec, SPEED)


@given(st.integers(1, 2_000_000), st.integers(1, 2_000_000), st.sampled_from(list(Purpose)[:2]))
def test_no_rung_costs_less_than_a_shorter_one(one: int, other: int, purpose: Purpose) -> None:
    for spec in (FULL, FROZEN):
        trial = 0 if purpose is Purpose.TRIAL else None
        low, high = (
            predicted_seconds(replace(spec, rung=rung, purpose=purpose, trial=trial), SPEED)
            for rung in sorted((one, other))
        )
        assert low <= high


def test_seconds_are_those_of_the_work() -> None:
    alone = predicted_seconds(FULL, SPEED)
    assert alone == pytest.approx(2 * 0.3 + 16_000 / 300 + (500 + 1_000 + 5_000 + 1_024) / 900)
    frozen = predicted_seconds(FROZEN, SPEED)
    assert frozen == pytest.approx(0.3 + (16_000 + 500 + 1_000 + 5_000) / 900 + 20 * 16_000 / 60_000)
    cached = predicted_seconds(FROZEN, SPEED, 16_000)
    assert frozen - cached == pytest.approx(16_000 / 900), "features that are kept are not paid twice"


def test_going_up_costs_less_than_trainings_of_their_own() -> None:
    way = list(climb(FULL, 2_000, 16_000, 0))
    together = sum(predicted_seconds(spec, SPEED, done) for spec, done in way)
    apart = sum(predicted_seconds(spec, SPEED) for spec, _ in way)
    longest = predicted_seconds(FULL, SPEED)
    assert longest < together < apart
    steps = sum((spec.rung - done) / 300 for spec, done in way)
    assert steps == pytest.approx(1.4 * 16_000 / 300, rel=0.1), "(1 + f) times the longest alone"


def _row(spec: RunSpec, ratio: float, state: str = "finished") -> dict[str, Any]:
    known = Calibration({spec.arm.model: SPEED}, []).row(spec)
    return known | {"state": state, "actual_seconds": known["unscaled_seconds"] * ratio}


def _calibration(*rows: dict[str, Any]) -> Calibration:
    return Calibration({model: SPEED for model in DEFAULT}, list(rows))


def test_a_row_begins_as_skipped_and_says_what_was_predicted() -> None:
    row = _calibration().row(FULL, 4_000)
    assert (row["run_id"], row["rung"], row["state"], row["actual_seconds"]) == (*FULL.key, "skipped", None)
    assert row["predicted_seconds"] == row["unscaled_seconds"] == predicted_seconds(FULL, SPEED, 4_000)
    assert row["predicted_p95_seconds"] == pytest.approx(1.2 * row["predicted_seconds"])


def test_the_median_of_the_runs_so_far_corrects_what_is_expected() -> None:
    known = _calibration(*(_row(FULL, ratio) for ratio in (0.5, 2.0, 1.5)))
    assert known.expected(FULL) == pytest.approx(1.5 * known.unscaled(FULL))
    assert known.expected(FULL, 8_000) == pytest.approx(1.5 * known.unscaled(FULL, 8_000))
    assert known.unscaled(FULL) == predicted_seconds(FULL, SPEED)
    row = known.row(FULL)
    assert row["predicted_seconds"] == pytest.approx(1.5 * row["unscaled_seconds"])


def test_only_runs_of_the_same_kind_correct_it() -> None:
    other_model = _spec(GOOGLENET, Scope.FULL, 16_000)
    pretrained = _spec(VGG11, Scope.FULL, 16_000, Init.PRETRAINED)
    known = _calibration(
        _row(FROZEN, 3.0), _row(other_model, 3.0), _row(FULL, 9.0, "interrupted"), _row(FULL, 9.0, "failed")
    )
    assert known.expected(FULL) == known.unscaled(FULL)
    known.rows.append(_row(pretrained, 2.0))
    assert known.expected(FULL) == pytest.approx(2.0 * known.unscaled(FULL)), "as near as there are"
    known.rows.append(_row(FULL, 1.2))
    assert known.expected(FULL) == pytest.approx(1.2 * known.unscaled(FULL)), "then nearer ones"
    assert known.expected(pretrained) == pytest.approx(2.0 * known.unscaled(pretrained))


def test_what_the_machine_was_long_ago_counts_no_more() -> None:
    known = _calibration(*(_row(FULL, 9.0) for _ in range(50)), *(_row(FULL, 1.1) for _ in range(RECENT)))
    assert known.expected(FULL) == pytest.approx(1.1 * known.unscaled(FULL))


def test_the_tail_is_that_of_a_step_until_runs_have_shown_it() -> None:
    assert _calibration().tail(FULL) == _calibration(*[_row(FULL, 1.0)] * 2).tail(FULL) == SPEED.tail
    assert _calibration(*(_row(FULL, r) for r in (1.0, 1.0, 1.25))).tail(FULL) == pytest.approx(1.25)
    assert _calibration(*(_row(FULL, r) for r in (1.0, 1.0, 1.0))).tail(FULL) == LEAST_TAIL
    assert _calibration(*(_row(FULL, r) for r in (1.0, 1.0, 9.0))).tail(FULL) == MOST_TAIL


@given(st.lists(st.lists(st.floats(0.1, 1e4), max_size=6), min_size=1, max_size=40), st.integers(1, 64))
def test_trainings_side_by_side_take_between_the_longest_and_all(
    trainings: list[list[float]], workers: int
) -> None:
    found, work = total(trainings, workers), sum(map(sum, trainings))
    assert max(map(sum, trainings)) <= found * (1 + 1e-9), "the runs of a training follow one another"
    assert work / workers <= found * (1 + 1e-9) and found <= work * (1 + 1e-9)
    assert total(trainings, 1) == pytest.approx(work) and total([], workers) == 0


def test_load_can_only_slow_a_measurement_down() -> None:
    mixed = replace(SLOW, inference=950, tail=1.1)
    assert best(SPEED, mixed) == replace(SPEED, inference=950, tail=1.1)


def test_what_workers_agree_on_is_the_median_of_every_part() -> None:
    third = replace(SPEED, train=100, build=9.0)
    assert typical([SPEED, SLOW, third]) == replace(SPEED, train=100, build=2.0)
