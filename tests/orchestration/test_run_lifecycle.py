"""What was interrupted goes on: with its hyperparameters, from its checkpoint, in place of its record."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from small_study import LEAST, MODEL, STUDY, Answering, opened, ran

from study.data import LabelledImages
from study.matrix import arms
from study.orchestration.console import Console
from study.orchestration.phases.seeds import chains, seeds
from study.orchestration.phases.tuning import tuning
from study.orchestration.scheduler import Scheduler
from study.planning.plan import Step
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import Arm, HyperParams, Init, Purpose, RunSpec, Scope
from study.training.checkpoint import cooldown, trunk, unfinished
from study.tuning import Search

ARM = next(arm for arm in arms((MODEL,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FULL))
RUNG = 1_280


class CtrlC(Console):
    """Somebody presses Ctrl-C at the first point of a curve."""

    def show(self, worker: int, label: str, point: EvaluationPoint | None) -> None:
        if point is not None:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.xdist_group("time")
@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 2])
def test_trials_stopped_by_the_user_go_on_with_their_hyperparameters(
    tmp_path: Path, fashion: LabelledImages, workers: int
) -> None:
    """Rung 1,280: the first point of the curve is at 512 samples, the trunk ends at 768."""
    with opened(tmp_path, fashion, workers=workers, trial_rung=RUNG) as study:
        context, token = study.context, study.context.token
        pressing = Scheduler(
            executor=context.executor,
            ledger=context.ledger,
            clock=context.clock,
            console=CtrlC(context.clock.deadline),
            token=token,
        )
        context.specs.reasons |= {arm.name: "" for arm in arms((MODEL,)) if arm.scope is Scope.FROZEN}
        with token:
            tuning(context, study.lifecycle, pressing)
        (stopped,) = study.records
        assert (stopped.state, stopped.reason) == (RunState.INTERRUPTED, Reason.STOPPED.value)
        assert stopped.history[0].samples_seen == 512
        reached = max(
            trunk(tmp_path, stopped.spec.run_id).samples_seen(),
            cooldown(tmp_path, stopped.spec.run_id, RUNG).samples_seen(),
        )
        assert 512 <= reached == stopped.samples_seen <= RUNG
        assert context.specs.trials(ARM) == ()
    with opened(tmp_path, fashion, workers=workers, trial_rung=RUNG) as study:
        # Another seed of the search would propose something else for a new trial.
        study.context.study = replace(STUDY, seed=5)
        study.context.specs.reasons |= {arm.name: "" for arm in arms((MODEL,)) if arm.scope is Scope.FROZEN}
        study.lifecycle.sweep()
        tuning(study.context, *study.work)
        (record,) = study.records
        assert record.spec == stopped.spec and record.state is RunState.FINISHED, record.reason
        assert record.history[0] == stopped.history[0] and record.samples_seen == RUNG
        (told,) = study.events("run_resumed")
        assert told.startswith(record.spec.run_id) and told.endswith(f": taken up after {reached} samples")
        assert not list(unfinished(tmp_path).iterdir()), "of a trial nothing is kept"
        first, second = study.context.plan.rows
        assert [row["state"] for row in (first, second)] == ["interrupted", "finished"]
        assert second["predicted_seconds"] < first["predicted_seconds"]
        assert first["run_id"] == second["run_id"] == record.spec.run_id
        search = Search(tmp_path / "optuna.db", ARM, seed=0, known=study.context.specs.trials(ARM))
        known = [t for t in search._study.get_trials() if t.state.is_finished() and t.value is not None]
        assert [trial.value for trial in known] == [record.val_accuracy]


@pytest.mark.parametrize("number", [1, 5])
def test_a_trial_that_was_killed_is_asked_for_again(tmp_path: Path, number: int) -> None:
    """Its run_id, and with it its checkpoint, is the same; the fifth is proposed by Optuna."""
    known: tuple[RunRecord, ...] = ()
    for n in range(number):
        search = Search(tmp_path / "o.db", ARM, seed=0, known=known)
        record = _finished(ARM, n, search.ask(n))
        search.tell(record)
        known = (*known, record)
    killed = Search(tmp_path / "o.db", ARM, seed=0, known=known)
    hyper = killed.ask(number)
    assert Search(tmp_path / "o.db", ARM, seed=0, known=known).ask(number) == hyper


def _finished(arm: Arm, n: int, hyper: HyperParams) -> RunRecord:
    spec = RunSpec(arm=arm, purpose=Purpose.TRIAL, seed=0, hyper=hyper, rung=10, trial=n)
    return RunRecord(spec=spec, state=RunState.FINISHED, val_accuracy=0.5 + n * (4 - n) / 100)


def _one(study: Any, spec: RunSpec) -> None:
    study.scheduler.run([iter([study.lifecycle.unit(spec)])])


def test_what_an_interrupted_run_reached_is_not_forgotten(tmp_path: Path, fashion: LabelledImages) -> None:
    executor = Answering(
        lambda task: ran(task, RunState.INTERRUPTED, samples_seen=64, reason=Reason.DEADLINE.value)
    )
    with opened(tmp_path, fashion, executor=executor) as study:
        spec = study.context.specs.final(ARM, 0, LEAST)
        reached = RunRecord(
            spec=spec,
            state=RunState.INTERRUPTED,
            reason=Reason.DEADLINE.value,
            samples_seen=LEAST - 1,
            val_accuracy=0.5,
        )
        study.context.ledger.commit(reached)
        _one(study, spec)  # begins anew, for there is no checkpoint, and is cut off earlier
        assert study.records == (reached,)


def test_a_failure_is_an_outcome_also_where_it_came_before_an_earlier_stop(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    executor = Answering(lambda task: ran(task, RunState.FAILED, reason="lost twice"))
    with opened(tmp_path, fashion, executor=executor) as study:
        spec = study.context.specs.final(ARM, 0, LEAST)
        trunk(tmp_path, spec.run_id).save(64, {"samples_seen": 64})
        study.context.ledger.commit(
            RunRecord(spec=spec, state=RunState.INTERRUPTED, samples_seen=64, reason="stopped")
        )
        _one(study, spec)
        (record,) = study.records
        assert (record.state, record.reason) == (RunState.FAILED, "lost twice")
        assert study.events("run_failed") == ["lost twice"]
        assert not list(unfinished(tmp_path).iterdir()), "it goes no further"
        assert list(study.context.specs.way_up(ARM, 0, LEAST, 4 * LEAST)) == []


def test_a_step_holds_what_is_not_done(tmp_path: Path, fashion: LabelledImages) -> None:
    executor = Answering(ran)
    with opened(tmp_path, fashion, executor=executor, only_small=False) as study:
        context = study.context
        full = [arm for arm in context.specs.arms() if arm.scope is Scope.FULL]
        done, cut = (context.specs.final(arm, 0, LEAST) for arm in full)
        context.ledger.commit(RunRecord(spec=done, state=RunState.FINISHED))
        context.ledger.commit(RunRecord(spec=cut, state=RunState.INTERRUPTED, reason="stopped"))
        step = Step(models=(MODEL,), seeds=1, rung=2 * LEAST)
        study.scheduler.run(chains(context, study.lifecycle, step))
        made = [(spec.arm, spec.rung) for spec in executor.specs]
        assert len(made) == len(set(made)) == 5
        assert (done.arm, LEAST) not in made and (cut.arm, LEAST) in made
        assert all(record.finished for record in study.records)
    rows = pd.read_csv(tmp_path / "rungs.csv").query("state != 'skipped'")
    assert len(rows) == 6 and set(rows["state"]) == {"finished"}


def test_a_training_that_is_cut_off_goes_no_further_in_this_step(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    def answer(task: Any) -> Any:
        late = task.spec.arm == ARM and task.spec.rung == 2 * LEAST
        return ran(task, RunState.INTERRUPTED if late else RunState.FINISHED)

    executor = Answering(answer, capacity=2)
    with opened(tmp_path, fashion, executor=executor) as study:
        study.scheduler.run(
            chains(study.context, study.lifecycle, Step(models=(MODEL,), seeds=1, rung=4 * LEAST))
        )
        reached = {
            arm.scope: study.context.specs.reached(study.context.specs.final(arm, 0, LEAST))
            for arm in study.context.specs.arms()
        }
        assert reached == {Scope.FULL: LEAST, Scope.FROZEN: 4 * LEAST}
        assert executor.specs.count(executor.specs[-1]) == 1
        assert {spec.rung for spec in executor.specs if spec.arm == ARM} == {LEAST, 2 * LEAST}


@pytest.mark.parametrize("states", [(RunState.FAILED,), (RunState.FAILED, RunState.FINISHED)])
def test_a_network_whose_whole_round_failed_gets_no_further_seeds(
    tmp_path: Path, fashion: LabelledImages, states: tuple[RunState, ...]
) -> None:
    executor = Answering(lambda task: ran(task, RunState.FAILED, reason="RuntimeError: CUDA error"))
    with opened(tmp_path, fashion, executor=executor, least_rung=2_000, trial_rung=2_000) as study:
        specs = study.context.specs
        for place, arm in enumerate(specs.arms()):
            state = states[place % len(states)]
            study.context.ledger.commit(RunRecord(spec=specs.final(arm, 0, 2_000), state=state))
        seeds(study.context, *study.work)
        assert bool(executor.specs) == (len(states) > 1)
        assert all(study.context.specs.failed(spec) for spec in executor.specs), "and each is tried once"
        assert len(executor.specs) == len({spec.run_id for spec in executor.specs})


def test_a_run_that_does_not_fit_any_more_is_told_with_its_reason(
    tmp_path: Path, fashion: LabelledImages
) -> None:
    executor, now = Answering(ran), [0.0]
    with opened(tmp_path, fashion, executor=executor, budget=100.0, clock=lambda: now[0]) as study:
        unit = study.lifecycle.unit(study.context.specs.final(ARM, 0, LEAST))
        now[0] = 99.0
        study.scheduler.run([iter([unit])])
        assert executor.specs == [] and study.records == ()
        (row,) = study.context.plan.rows
        assert (row["state"], row["reason"], row["actual_seconds"]) == (
            "skipped",
            Reason.BUDGET.value,
            None,
        )


def test_checkpoints_of_what_failed_are_swept(tmp_path: Path, fashion: LabelledImages) -> None:
    with opened(tmp_path, fashion, executor=Answering(ran)) as study:
        failed, other = (study.context.specs.final(ARM, number, LEAST) for number in (0, 1))
        for spec in (failed, other):
            trunk(tmp_path, spec.run_id).save(64, {"samples_seen": 64})
        study.context.ledger.commit(RunRecord(spec=failed, state=RunState.FAILED, reason="lost twice"))
        study.lifecycle.sweep()
        left = {path.name.split(".")[0] for path in unfinished(tmp_path).iterdir()}
        assert left == {other.run_id}
