"""A whole course of phases on a clock of its own: what a slower machine, more time or a kill cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_study import MODEL, SPEED, Answering, Study, opened, ran

from study.data import LabelledImages
from study.matrix import arms
from study.networks import GOOGLENET, VGG11, ModelName
from study.orchestration.executors.tasks import Train
from study.orchestration.forecast import Forecast
from study.orchestration.phases.champion import best_run, planned
from study.orchestration.phases.matrix import matrix, scratch_matrix
from study.orchestration.phases.seeds import seeds
from study.orchestration.phases.tuning import settle, tuning
from study.planning.cost import Speed, predicted_seconds
from study.records import RunRecord, RunState
from study.spec import Init, LrPolicy, Purpose, RunSpec, Scope
from study.store.tables import standing
from study.training.checkpoint import trunk
from study.training.defaults import LONG_RECIPE, RECIPE, default_hyper
from study.training.schedule import branch_point

BUDGET = 1_500.0
FULL = {"least_rung": 2_000, "trial_rung": 2_000, "rung": 0, "seeds": 0, "trials": 0}


class Machine:
    """A clock, and an executor of one worker on it; from a second on, runs take so many times their plan.

    A clock cannot stand still for one worker while another goes on, so there is one.
    """

    def __init__(self, folder: Path, slower: float = 1.0, since: float = 0.0) -> None:
        self.now, self._slower, self._since = 0.0, slower, since
        self._folder, self._images = folder, dict[str, int]()
        self.executor = Answering(self._answer)

    def clock(self) -> float:
        return self.now

    def _answer(self, task: Train) -> Any:
        """Trunks go on from what they have kept, and frozen runs from the features that they have."""
        spec = task.spec
        done, kept = self._images.get(spec.run_id, 0), trunk(self._folder, spec.run_id)
        if spec.arm.scope is Scope.FULL:
            done = kept.samples_seen(at_most=branch_point(spec))
            kept.save(branch_point(spec), {"samples_seen": branch_point(spec)})
        self._images[spec.run_id] = spec.rung
        self.now += predicted_seconds(spec, SPEED, done) * (self._slower if self.now >= self._since else 1)
        return ran(task)


def course(study: Study) -> None:
    """What `study.orchestration.runner` does with a matrix."""
    Forecast(study.context).decide()
    study.lifecycle.sweep()
    settle(study.context)
    matrix(study.context, *study.work)
    tuning(study.context, *study.work)
    seeds(study.context, *study.work)


def made(study: Study, purpose: Purpose) -> Counter[tuple[str, int]]:
    return Counter(
        (r.spec.arm.name, r.spec.rung) for r in study.records if r.spec.purpose is purpose and r.finished
    )


@pytest.mark.parametrize(("slower", "since"), [(1, 0), (2.5, 150), (5, 150), (4, 0)])
def test_a_slower_machine_costs_every_arm_the_same(
    tmp_path: Path, fashion: LabelledImages, slower: float, since: float
) -> None:
    machine = Machine(tmp_path, slower, since)
    with opened(
        tmp_path,
        fashion,
        executor=machine.executor,
        budget=BUDGET,
        clock=machine.clock,
        only_small=False,
        **FULL,
    ) as study:
        course(study)
        arms = study.context.specs.arms()
        trials = Counter(r.spec.arm.name for r in study.records if r.spec.purpose is Purpose.TRIAL)
        assert len(set(trials.values())) <= 1
        reached, number = study.context.specs.reached_of(MODEL, 2_000)
        assert reached >= 2_000 and number >= 1, "every arm has a result"
        assert study.context.matrix_left() >= -0.05 * BUDGET
        if slower == 1:
            assert number >= 3 and reached > 2_000 and trials
            counted = Counter((r.spec.arm.name, r.spec.rung) for r in standing(study.records))
            for rung in {rung for _, rung in counted}:
                assert len({counted[arm.name, rung] for arm in arms}) == 1, f"arms differ at {rung}"


@pytest.mark.parametrize(("budget", "begun"), [(BUDGET, 3), (60.0, 0)])
def test_scratch_arms_are_begun_beside_pre_training_where_all_will_fit(
    tmp_path: Path, fashion: LabelledImages, budget: float, begun: int
) -> None:
    machine = Machine(tmp_path)
    with opened(
        tmp_path,
        fashion,
        executor=machine.executor,
        budget=budget,
        clock=machine.clock,
        only_small=False,
        **FULL,
    ) as study:
        study.scheduler.run(scratch_matrix(study.context, study.lifecycle))
        assert len(study.records) == begun and not study.context.plan.decided
        course(study)
        counted = made(study, Purpose.FINAL)
        assert max(counted.values(), default=1) <= 5, "none is made again"


def test_more_time_makes_trunks_longer_and_adds_seeds(tmp_path: Path, fashion: LabelledImages) -> None:
    machine, seen = Machine(tmp_path), dict[tuple[str, int], RunRecord]()
    reached: list[tuple[int, int]] = []
    for budget in (400.0, 1_500.0, 12_000.0):
        machine.executor.specs.clear()
        with opened(
            tmp_path, fashion, executor=machine.executor, budget=budget, clock=machine.clock, **FULL
        ) as study:
            course(study)
            study.context.clock.note_used(every=0.0)
            study.context.plan.save()
            records = {record.spec.key: record for record in study.records}
            assert seen.items() <= records.items(), "what was committed stays as it was"
            assert not {spec.key for spec in machine.executor.specs} & seen.keys(), "and is not made again"
            seen = records
            reached.append(study.context.specs.reached_of(MODEL, 2_000))
    assert reached[0][0] < reached[1][0] <= reached[2][0] and reached[2] > reached[1]
    assert reached[0][1] <= reached[1][1] < reached[2][1]


def test_a_study_killed_at_any_run_ends_as_an_unbroken_one(tmp_path: Path, fashion: LabelledImages) -> None:
    """With its seconds to the last: so the plan made anew must be that of the beginning."""

    def keys(folder: Path, after: int | None) -> set[tuple[str, int]]:
        machine = Machine(folder)
        for _ in range(2):
            with opened(
                folder, fashion, executor=machine.executor, budget=BUDGET, clock=machine.clock, **FULL
            ) as study:
                commit, left = study.context.ledger.commit, [after]

                def killed(record: RunRecord, commit: Any = commit, left: Any = left) -> None:
                    commit(record)
                    if left[0] is not None and len(study.records) == left[0]:
                        raise KeyboardInterrupt

                study.context.ledger.commit = killed  # type: ignore[method-assign]
                try:
                    course(study)
                except KeyboardInterrupt:
                    study.context.clock.note_used(every=0.0)
                    after = None
                    continue
                return {record.spec.key for record in study.records}
        raise AssertionError("the study was stopped twice")

    unbroken = keys(tmp_path / "unbroken", None)
    for number in (1, 3, 8, 14, 20):
        assert keys(tmp_path / str(number), number) == unbroken, number


@pytest.mark.parametrize("left", [30_000.0, 400.0])
def test_a_champion_goes_on_with_the_recipe_that_it_was_begun_with(
    tmp_path: Path, fashion: LabelledImages, left: float
) -> None:
    """Less time is left after a kill: another recipe would be another training, begun anew."""
    now = [0.0]
    with opened(tmp_path, fashion, executor=Answering(ran), budget=30_000, clock=lambda: now[0]) as study:
        context = study.context
        arm = next(arm for arm in context.specs.arms() if arm.scope is Scope.FULL)
        source = RunRecord(spec=context.specs.final(arm, 0, 8_000), state=RunState.FINISHED)
        assert arm.init is Init.SCRATCH
        begun = planned(context, source)
        assert begun.recipe == LONG_RECIPE
        now[0] = 30_000 - left
        if left < 1_000:
            assert planned(context, source).recipe == RECIPE, "nothing was begun"
        trunk(tmp_path, begun.run_id).save(64, {"samples_seen": 64})
        assert planned(context, source).run_id == begun.run_id


@pytest.mark.parametrize(
    ("seconds", "speed_of_vgg11", "chosen"),
    # After 150 s GoogLeNet has seen 29,000 samples and VGG11 12,000, or 154,000 if it were so fast.
    [(150.0, 56.0, GOOGLENET), (150.0, 1_000.0, VGG11), (1.0, 56.0, VGG11)],
)
def test_the_champion_is_the_arm_that_promises_most(
    tmp_path: Path, fashion: LabelledImages, seconds: float, speed_of_vgg11: float, chosen: ModelName
) -> None:
    """As on a processor with 56 and 182 images a second, where VGG11 led with twice the samples."""
    now = [0.0]
    with opened(tmp_path, fashion, executor=Answering(ran), clock=lambda: now[0]) as study:
        context = study.context
        for model, speed in ((VGG11, speed_of_vgg11), (GOOGLENET, 182.0)):
            context.plan.speeds[model] = Speed(train=speed, inference=3 * speed, build=0.3)
        for model, rung, accuracy in ((VGG11, 4_000, 0.732), (GOOGLENET, 2_000, 0.72)):
            arm = next(
                arm
                for arm in arms((model,))
                if (arm.init, arm.scope, arm.lr_policy) == (Init.PRETRAINED, Scope.FULL, LrPolicy.UNIFORM)
            )
            spec = RunSpec(arm=arm, purpose=Purpose.FINAL, seed=1, hyper=default_hyper(arm), rung=rung)
            record = RunRecord(spec=spec, state=RunState.FINISHED, val_accuracy=accuracy)
            context.ledger.commit(record)
        now[0] = context.clock.work.left() - seconds
        source = best_run(context)
        assert source is not None and source.spec.arm.model == chosen


@pytest.mark.parametrize(("accuracy", "goes_on"), [(0.95, True), (0.60, False)])
def test_an_extension_makes_a_champion_longer_that_promises_more(
    tmp_path: Path, fashion: LabelledImages, accuracy: float, goes_on: bool
) -> None:
    """A better seed of the matrix, or another recipe for less time, is no reason to begin it anew."""
    now = [0.0]
    with opened(tmp_path, fashion, executor=Answering(ran), budget=30_000, clock=lambda: now[0]) as study:
        context = study.context
        arm = next(arm for arm in context.specs.arms() if arm.scope is Scope.FULL)
        first, second = (
            RunRecord(
                spec=context.specs.final(arm, number, 8_000), state=RunState.FINISHED, val_accuracy=0.85
            )
            for number in (0, 1)
        )
        begun = planned(context, first)
        ended = RunRecord(spec=begun, state=RunState.FINISHED, val_accuracy=accuracy)
        context.ledger.commit(ended)
        now[0] = 30_000 - context.clock.reserve - 400
        assert planned(context, second).run_id != begun.run_id, "its trunk is not there"
        trunk(tmp_path, begun.run_id).save(64, {"samples_seen": 64})
        spec = planned(context, second)
        assert (spec.run_id == begun.run_id) is goes_on
        if goes_on:
            assert spec.recipe == LONG_RECIPE and begun.rung < spec.rung < begun.rung + 400_000
        assert second.spec.arm.init is Init.SCRATCH
        wanted = replace(second.spec, arm=replace(second.spec.arm, init=Init.PRETRAINED))
        assert planned(context, replace(second, spec=wanted)).arm == wanted.arm, "what is asked for"


def test_a_stop_of_a_champion_that_has_ended_since_decides_nothing(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    with opened(tmp_path, fashion, executor=Answering(ran), budget=600) as study:
        context = study.context
        arm = next(arm for arm in context.specs.arms() if arm.scope is Scope.FULL)
        first, second = (
            RunRecord(spec=context.specs.final(arm, number, 8_000), state=RunState.FINISHED)
            for number in (0, 1)
        )
        stopped = planned(context, first)
        context.ledger.commit(RunRecord(spec=stopped, state=RunState.INTERRUPTED, reason="stopped"))
        assert planned(context, second) == stopped, "it goes on, whichever is best by now"
        ended = replace(stopped, rung=stopped.rung - 64)  # by its clock
        context.ledger.commit(RunRecord(spec=ended, state=RunState.FINISHED))
        assert planned(context, second).seed == second.spec.seed
