"""Carries single runs out: admitted if they fit, kept, committed, told to Optuna and written down."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from study.budget import Deadline
from study.orchestration.course import Course
from study.orchestration.executors.protocol import Executor
from study.orchestration.files import write_results
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.status import RUNNING
from study.orchestration.stopping import Stop
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import Arm, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.loop import Pruned
from study.tuning import Search


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """The order at the end of a run: files, ledger, Optuna, tables."""

    study: StudySpec
    folder: Path
    ledger: Ledger
    course: Course
    rounds: Rounds
    executor: Executor
    screen: Screen
    stop: Stop

    def trial(self, arm: Arm, number: int) -> None:
        """The arm's tuning trial of that number, unless it is done."""
        known = self.rounds.known_trials(arm)
        if any(record.spec.trial == number for record in known):
            return
        search = Search(self.folder / "optuna.db", arm, seed=self.study.seed, known=known)
        points = count()

        def judge(point: EvaluationPoint) -> None:
            if number > 0 and search.should_prune(point.val_accuracy, next(points)):
                raise Pruned

        record = self.run(self.rounds.trial(arm, number, search.ask(number)), judge)
        if record is not None:
            search.tell(record)

    def run(
        self, spec: RunSpec, judge: Callable[[EvaluationPoint], None] = lambda point: None,
        limit: Deadline | None = None,
    ) -> RunRecord | None:  # fmt: skip
        """Carry out and commit, if its predicted p95 fits what is left and it is not done yet."""
        if self.ledger.record(spec.run_id) is not None:
            return None
        limit = limit or self.course.work
        row = self.course.row(spec)
        if self.stop.asked or limit.left() < row["predicted_p95_seconds"]:
            row["reason"] = (Reason.DEADLINE if self.stop.asked else Reason.BUDGET).value
            self.course.rows.append(row)
            return None
        began = time.monotonic()

        def on_evaluation(point: EvaluationPoint) -> None:
            self.screen.tick(f"{spec.run_id}: validation {point.val_accuracy:.4f}")
            self.ledger.set_fact("used_seconds", self.course.deadline.used())
            judge(point)

        self.screen.tick(spec.run_id)
        self.ledger.set_fact(RUNNING, {"run_id": spec.run_id, "since": time.time()})
        record = self.executor.submit(
            spec, finals=self.rounds.finals(), limit=limit, stop=lambda: self.stop.asked,
            on_evaluation=on_evaluation,
        )  # fmt: skip
        self.ledger.commit(record)
        self.ledger.set_fact(RUNNING, None)
        if record.state is RunState.FAILED:
            self.ledger.add_event("run_failed", record.reason, spec.arm.model.value)
        write_results(self.ledger, self.study, self.folder, self.rounds.reasons)
        # The seconds of a run are all that passed for it: keeping its files is part of its cost.
        seconds = time.monotonic() - began
        self.course.rows.append(
            row | {"actual_seconds": seconds, "state": record.state.value, "reason": record.reason}
        )
        self.course.save()
        self.ledger.set_fact("used_seconds", self.course.deadline.used())
        self.screen.run_done(record, seconds)
        return record
