"""What was interrupted goes on: with its hyperparameters, from its checkpoint, in place of its record."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.budget import Deadline
from study.matrix import arms
from study.orchestration.carrying import Carrier
from study.orchestration.course import Course
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench
from study.orchestration.phases import Phases
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.stopping import Stop
from study.planning.cost import Speed
from study.planning.plan import Decision
from study.records import Reason, RunRecord, RunState
from study.spec import Arm, HyperParams, Init, ModelName, Precision, Purpose, RunSpec, Scope, StudySpec
from study.store.ledger import Ledger
from study.training.checkpoint import Checkpoints, unfinished
from study.training.runtime import detect
from study.tuning import Search

MODEL = ModelName.GOOGLENET
ARM = next(arm for arm in arms((MODEL,)) if (arm.init, arm.scope) == (Init.SCRATCH, Scope.FULL))
DECISION = Decision(
    samples=192, trial_samples=192, train_images=128, batch_size=32, seeds=1, trials=3,
    validation_images=100, resolution=32, predicted_seconds=0.0,
)  # fmt: skip


class CtrlC(Screen):
    """Somebody presses Ctrl-C at the first evaluation point."""

    def tick(self, text: str) -> None:
        if "validation" in text:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[Carrier]:
    study = StudySpec(models=(MODEL,), precision=Precision.FP32)
    deadline = Deadline(budget=600, started=time.monotonic())
    ledger = Ledger(tmp_path / "ledger.sqlite")
    course = Course(
        study=study, ledger=ledger, deadline=deadline, work=deadline, reserve=0,
        speeds={MODEL.value: Speed(train=300, inference=900, build=0.3)},
        decisions={MODEL.value: DECISION},
    )  # fmt: skip
    rounds = Rounds(study=study, ledger=ledger, course=course, weights={})
    executor = LocalExecutor(
        Bench(study=study, runtime=detect("cpu", "fp32"), folder=tmp_path, weights={}),
        on_event=ledger.add_event,
    )
    yield Carrier(study=study, folder=tmp_path, ledger=ledger, course=course, rounds=rounds,
                  executor=executor, screen=CtrlC(deadline), stop=Stop())  # fmt: skip
    executor.close()
    ledger.close()


def test_a_trial_stopped_by_the_user_goes_on_with_its_hyperparameters(carrier: Carrier) -> None:
    with carrier.stop:
        carrier.trial(ARM, 1)
    (stopped,) = carrier.ledger.records()
    kept = Checkpoints(folder=unfinished(carrier.folder), run_id=stopped.spec.run_id)
    assert (stopped.state, stopped.reason) == (RunState.INTERRUPTED, Reason.STOPPED.value)
    assert len(stopped.history) == 1
    assert 0 < kept.samples_seen() < DECISION.trial_samples
    assert carrier.rounds.known_trials(ARM) == ()
    # Another seed of the search would propose something else for a new trial.
    later = replace(carrier, study=replace(carrier.study, seed=5), stop=Stop(),
                    screen=Screen(carrier.course.deadline))  # fmt: skip
    later.sweep()
    later.trial(ARM, 1)
    (record,) = carrier.ledger.records()
    assert record.spec == stopped.spec and record.state is RunState.FINISHED, record.reason
    assert record.history[0] == stopped.history[0] and len(record.history) == 4
    (event,) = (e for e in carrier.ledger.events() if e["kind"] == "run_resumed")
    assert event["detail"].startswith(record.spec.run_id) and event["model"] == MODEL.value
    assert not list(unfinished(carrier.folder).iterdir())
    first, second = carrier.course.rows
    assert [row["state"] for row in (first, second)] == ["interrupted", "finished"]
    assert second["predicted_seconds"] < first["predicted_seconds"]
    assert first["run_id"] == second["run_id"] == record.spec.run_id
    search = Search(carrier.folder / "optuna.db", ARM, seed=0, known=carrier.rounds.known_trials(ARM))
    told = [t for t in search._study.get_trials() if t.state.is_finished() and t.value is not None]
    assert [trial.value for trial in told] == [record.val_accuracy]
    assert len(told[0].intermediate_values) == 4


@pytest.mark.parametrize("number", [1, 5])
def test_a_trial_that_was_killed_is_asked_for_again(tmp_path: Path, number: int) -> None:
    """Its run_id, and with it its checkpoint, is the same; the fifth is proposed by TPE."""
    known: tuple[RunRecord, ...] = ()
    for n in range(number):
        search = Search(tmp_path / "o.db", ARM, seed=0, known=known)
        record = _finished(ARM, n, search.ask(n))
        search.tell(record)
        known = (*known, record)
    killed = Search(tmp_path / "o.db", ARM, seed=0, known=known)
    hyper = killed.ask(number)
    killed.should_prune(0.3, 0)
    assert Search(tmp_path / "o.db", ARM, seed=0, known=known).ask(number) == hyper


def test_what_an_interrupted_run_reached_is_not_forgotten(carrier: Carrier) -> None:
    spec = carrier.rounds.final(ARM, 0)
    reached = RunRecord(spec=spec, state=RunState.INTERRUPTED, reason=Reason.DEADLINE.value,
                        samples_seen=DECISION.samples - 1, val_accuracy=0.5)  # fmt: skip
    carrier.ledger.commit(reached)
    with carrier.stop:
        carrier.run(spec)  # begins anew, for there is no checkpoint, and is stopped at its first point
    (record,) = carrier.ledger.records()
    assert record == reached


def test_a_failure_is_an_outcome_also_where_it_came_before_an_earlier_stop(carrier: Carrier) -> None:
    spec = carrier.rounds.final(ARM, 0)
    stopped = RunRecord(spec=spec, state=RunState.INTERRUPTED, samples_seen=64, reason="stopped")
    carrier.ledger.commit(stopped)

    class Broken:
        def submit(self, spec: RunSpec, **rest: object) -> RunRecord:
            return RunRecord(spec=spec, state=RunState.FAILED, reason="lost twice")

    later = replace(carrier, executor=Broken(), screen=Screen(carrier.course.deadline))  # type: ignore[arg-type]
    later.run(spec)
    (record,) = carrier.ledger.records()
    assert (record.state, record.reason) == (RunState.FAILED, "lost twice")
    assert [event["detail"] for event in carrier.ledger.events()] == ["lost twice"]


def test_an_arm_with_final_runs_is_not_tuned_further(carrier: Carrier) -> None:
    spec = carrier.rounds.final(ARM, 0)
    carrier.ledger.commit(RunRecord(spec=spec, state=RunState.FINISHED))
    carrier.trial(ARM, 2)
    assert [record.spec for record in carrier.ledger.records()] == [spec]


def test_a_round_beyond_the_plan_holds_what_is_not_done(carrier: Carrier) -> None:
    specs = carrier.rounds.further(1, [MODEL])[MODEL]
    for spec, state in zip(specs, (RunState.FINISHED, RunState.INTERRUPTED, RunState.FAILED), strict=False):
        carrier.ledger.commit(RunRecord(spec=spec, state=state))
    assert carrier.rounds.further(1, [MODEL])[MODEL] == [specs[1], *specs[3:]]


def _finished(arm: Arm, number: int, hyper: HyperParams) -> RunRecord:
    spec = RunSpec(
        arm=arm, purpose=Purpose.TRIAL, seed=0, hyper=hyper, train_images=10, samples=10, trial=number
    )
    return RunRecord(spec=spec, state=RunState.FINISHED, val_accuracy=0.5 + number / 100)


@pytest.mark.parametrize("states", [{RunState.FAILED}, {RunState.FAILED, RunState.FINISHED}])
def test_a_network_whose_whole_round_failed_gets_no_further_seeds(
    carrier: Carrier, states: set[RunState]
) -> None:
    made: list[str] = []

    class Fails(LocalExecutor):
        def submit(self, spec: RunSpec, **rest: Any) -> RunRecord:
            made.append(spec.run_id)
            return RunRecord(spec=spec, state=RunState.FAILED, reason="RuntimeError: CUDA error")

    for place, arm in enumerate(carrier.rounds.arms()):
        state = sorted(states)[place % len(states)]
        carrier.ledger.commit(RunRecord(spec=carrier.rounds.final(arm, 0), state=state))
    failing = replace(carrier, executor=Fails(carrier.executor._bench),
                      screen=Screen(carrier.course.deadline))  # fmt: skip
    Phases(study=replace(carrier.study, max_seeds=5), course=carrier.course, rounds=carrier.rounds,
           carrier=failing, stop=carrier.stop, draft=lambda: None).further()  # fmt: skip
    assert len(made) == (0 if states == {RunState.FAILED} else len(carrier.rounds.arms()))
