"""Carries single runs out: admitted if they fit, kept, committed, told to Optuna and written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from study.budget import Deadline
from study.orchestration.course import Course
from study.orchestration.executors.protocol import Executor
from study.orchestration.files import write_results
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.status import at_work
from study.orchestration.stopping import Stop
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import Arm, RunSpec, StudySpec
from study.store.ledger import Ledger
from study.training.checkpoint import Checkpoints, sweep, unfinished
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

    def sweep(self) -> None:
        """Remove checkpoints that a killed study left of runs that are done."""
        sweep(unfinished(self.folder), self.rounds.done)

    def settle(self) -> None:
        """Bring Optuna into agreement with the ledger for every arm; a rebuilt file lacks the others."""
        for _ in range(2):
            rebuilt: list[str] = []
            for arm in self.rounds.arms():
                if self.rounds.known_trials(arm):
                    self._search(arm, rebuilt)
            if not rebuilt:
                return

    def trial(self, arm: Arm, number: int, limit: Deadline | None = None) -> None:
        """The arm's tuning trial of that number, unless it is done; an interrupted one goes on."""
        if self.rounds.tuned(arm, number):
            return
        rebuilt: list[str] = []
        search = self._search(arm, rebuilt)
        hyper = search.ask(number, self.rounds.begun(arm, number))
        hopeless: dict[int, bool] = {}

        def judge(point: EvaluationPoint) -> None:
            if number == 0:
                return
            if point.samples_seen not in hopeless:  # a run that is tried once more shows it again
                hopeless[point.samples_seen] = search.should_prune(point.val_accuracy, len(hopeless))
            if hopeless[point.samples_seen]:
                raise Pruned

        def tell(record: RunRecord) -> None:
            if record.state is not RunState.INTERRUPTED:
                search.tell(record)

        self.run(self.rounds.trial(arm, number, hyper), judge, limit, tell)
        if rebuilt:
            self.settle()

    def _search(self, arm: Arm, rebuilt: list[str]) -> Search:
        """The arm's search; `rebuilt` gets what was wrong with its file, which is also told."""

        def on_rebuilt(told: str) -> None:
            rebuilt.append(told)
            self.ledger.add_event("storage_rebuilt", told)
            self.screen.say(f"the search was rebuilt from the ledger: {told}")

        return Search(self.folder / "optuna.db", arm, seed=self.study.seed,
                      known=self.rounds.known_trials(arm), on_rebuilt=on_rebuilt)  # fmt: skip

    def run(
        self, spec: RunSpec, judge: Callable[[EvaluationPoint], None] = lambda point: None,
        limit: Deadline | None = None, tell: Callable[[RunRecord], None] = lambda record: None,
    ) -> RunRecord | None:  # fmt: skip
        """Carry out and commit, if its predicted p95 fits what is left and it is not done yet.

        A run that was interrupted or killed goes on from its checkpoint; the prediction is of the rest.

        Args:
            tell: gets the record once the ledger has it, before the tables are written.

        Raises:
            StoreError: the results directory does not take the run (a full disk); it is not committed
                and is repeated when the study goes on.
        """
        if self.rounds.done(spec.run_id):
            return None
        limit = limit or self.course.work
        kept = Checkpoints(folder=unfinished(self.folder), run_id=spec.run_id)
        row = self.course.row(spec, kept.samples_seen())
        if self.stop.asked or limit.left() < row["predicted_p95_seconds"]:
            row["reason"] = self.stop.why.value
            self.course.rows.append(row)
            return None
        began = self.course.deadline.clock()

        def on_evaluation(point: EvaluationPoint) -> None:
            self.screen.tick(f"{spec.run_id}: validation {point.val_accuracy:.4f}")
            self.course.note_used(every=0.0)
            judge(point)

        self.screen.tick(spec.run_id)
        with at_work(self.ledger, spec.run_id):
            record = self.executor.submit(
                spec, finals=self.rounds.finals(), limit=limit,
                stop=self.course.noting(lambda: self.stop.asked), on_evaluation=on_evaluation,
            )  # fmt: skip
            if record.state is RunState.INTERRUPTED and self.stop.asked and not limit.passed():
                record = replace(record, reason=Reason.STOPPED.value)
            known = self.ledger.record(spec.run_id)
            cut_off = record.state is RunState.INTERRUPTED
            if cut_off and known is not None and record.samples_seen < known.samples_seen:
                record = known  # this attempt was interrupted before it was where the one before had been
            self.ledger.commit(record)
            tell(record)
            if record.state is not RunState.INTERRUPTED:
                kept.remove()
        if record.state is RunState.FAILED:
            self.ledger.add_event("run_failed", record.reason, spec.arm.model.value)
        write_results(self.ledger, self.study, self.folder, self.rounds.reasons, self.stop.why)
        # The seconds of a run are all that passed for it: keeping its files is part of its cost.
        seconds = self.course.deadline.clock() - began
        self.course.rows.append(
            row | {"actual_seconds": seconds, "uncached_seconds": seconds + record.cached_seconds,
                   "state": record.state.value, "reason": record.reason}
        )
        self.course.save()
        self.course.note_used(every=0.0)
        self.screen.run_done(record, seconds)
        return record
