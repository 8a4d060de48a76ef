"""A machine that becomes slower costs every arm trials and seeds, but no arm its final runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from study.budget import Deadline
from study.orchestration.carrying import Carrier
from study.orchestration.course import Course
from study.orchestration.phases import Phases
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.stopping import Stop
from study.planning.cost import Speed, predicted_seconds
from study.planning.plan import decide
from study.records import EvaluationPoint, RunRecord, RunState
from study.spec import Init, ModelName, Purpose, RunSpec, StudySpec
from study.store.ledger import Ledger

MODEL = ModelName.GOOGLENET
STUDY = StudySpec(models=(MODEL,))
SPEED = Speed(train=300, inference=900, build=0.3, tail=1.1)
BUDGET = 3_000.0


class Machine:
    """An executor on a clock of its own; from a given second on, runs take so many times their plan."""

    capacity = 1

    def __init__(self, slower: float, since: float) -> None:
        self.now, self._slower, self._since = 0.0, slower, since

    def clock(self) -> float:
        return self.now

    def submit(
        self, spec: RunSpec, *, finals: tuple[RunRecord, ...], limit: Deadline,
        stop: Callable[[], bool], on_evaluation: Callable[[EvaluationPoint], None],
    ) -> RunRecord:  # fmt: skip
        self.now += predicted_seconds(spec, SPEED) * (self._slower if self.now >= self._since else 1)
        late = limit.passed()
        return RunRecord(spec=spec, state=RunState.INTERRUPTED if late else RunState.FINISHED,
                         val_accuracy=0.5)  # fmt: skip

    def picture(
        self, index: int, *, finals: tuple[RunRecord, ...], limit: Deadline, stop: Callable[[], bool]
    ) -> tuple[tuple[str, str, str], ...]:
        return ()

    def close(self) -> None:
        """Nothing was started."""


@pytest.mark.parametrize(("slower", "since"), [(1, 0), (2.5, 300), (5, 300), (4, 0)])
def test_a_slower_machine_costs_every_arm_the_same(tmp_path: Path, slower: float, since: float) -> None:
    machine = Machine(slower, since)
    ledger = Ledger(tmp_path / "ledger.sqlite")
    deadline = Deadline(budget=BUDGET, started=0, clock=machine.clock)
    course = Course(study=STUDY, ledger=ledger, deadline=deadline, work=deadline, reserve=0,
                    speeds={MODEL.value: SPEED})  # fmt: skip
    inits = {MODEL: tuple(Init)}
    planned = decide(MODEL, STUDY, course.expected, 0.95 * BUDGET, inits[MODEL])
    course.decisions[MODEL.value] = planned
    rounds = Rounds(study=STUDY, ledger=ledger, course=course, weights={})
    with Screen(deadline) as screen:
        carrier = Carrier(study=STUDY, folder=tmp_path, ledger=ledger, course=course, rounds=rounds,
                          executor=machine, screen=screen, stop=Stop())  # fmt: skip
        phases = Phases(study=STUDY, course=course, rounds=rounds, carrier=carrier, stop=Stop(),
                        draft=lambda: None)  # fmt: skip
        phases.matrix()
        phases.tuning()
        course.replan(inits, lambda: [], lambda: 0.0)
        phases.finals()
    made = [r.spec for r in ledger.records() if r.state is RunState.FINISHED]
    arms = rounds.arms()
    trials = [sum(s.arm == arm and s.purpose is Purpose.TRIAL for s in made) for arm in arms]
    finals = [sum(s.arm == arm and s.purpose is Purpose.FINAL for s in made) for arm in arms]
    told = Counter(event["kind"] for event in ledger.events())
    assert len(set(trials)) == 1 and min(finals) >= 1
    if slower == 1:
        assert set(trials) == {planned.trials} and set(finals) == {planned.seeds} and not told
    else:
        assert trials[0] < planned.trials
        assert told == {"tuning_shortened": 1, "finals_reduced": 1}
