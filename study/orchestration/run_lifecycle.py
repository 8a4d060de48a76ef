"""Takes a run from its spec to a committed record: admission, storage, commit, tuning feedback, tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from study.budget import Deadline
from study.orchestration.context import StudyContext
from study.orchestration.executors.tasks import ChampionClock, Ran, Train, arrays_path
from study.orchestration.results_export import ResultsWriter
from study.orchestration.scheduler import Unit
from study.records import Reason, RunRecord, RunState
from study.spec import Purpose, RunSpec, Scope
from study.store.files import write_arrays
from study.training.checkpoint import cooldown, sweep, trim, trunk, unfinished
from study.training.schedule import branch_point

Told = Callable[[RunRecord], None]


@dataclass(kw_only=True)
class RunLifecycle:
    """Stores the outcome of runs, always in this order: arrays, ledger, Optuna, checkpoints, tables.

    Attributes:
        context: the study.
        tables: writes the files that are derived from the ledger.
    """

    context: StudyContext
    tables: ResultsWriter = field(init=False)

    def __post_init__(self) -> None:
        self.tables = ResultsWriter(context=self.context)

    def sweep(self) -> None:
        """Removes checkpoints that are no longer needed.

        These are checkpoints that a killed study did not get to delete after a commit, and trunks whose
        hyperparameters tuning has replaced.
        """
        specs, results = self.context.specs, self.context.options.results_dir
        for record in self.context.ledger.records():
            self._tidy(record)
            spec = record.spec
            if spec.purpose is Purpose.FINAL and record.finished:
                chosen = specs.chosen(spec.arm)
                if chosen is not None and chosen != spec.hyper:
                    trunk(results, spec.run_id).remove()
        sweep(unfinished(results))

    def unit(
        self,
        spec: RunSpec,
        done: int = 0,
        *,
        limit: Callable[[], Deadline] | None = None,
        tell: Told = lambda record: None,
        rank: tuple[float, ...] = (),
    ) -> Unit:
        """Creates the unit that trains a run up to its rung and evaluates it there.

        Args:
            spec: the run.
            done: samples that the training already has, see `study.planning.plan.climb`.
            limit: returns the deadline of the run; the default is the deadline of all work.
            tell: receives the record after the ledger has stored it.
            rank: first part of the unit's rank; expected seconds, longest first, decide ties.
        """
        context = self.context
        ends = limit or (lambda: context.clock.work)
        row = context.calibration.row(spec, self._reached(spec, done))
        expected = row["predicted_seconds"]

        def admit() -> bool:
            row.update(context.calibration.row(spec, self._reached(spec, done)))
            if ends().left() >= row["predicted_p95_seconds"]:
                return True
            row["reason"] = context.token.why.value
            context.plan.rows.append(row)
            return False

        unit = Unit(
            task=Train(spec=spec, weights=context.weight_files(spec)),
            limit=ends(),
            admit=admit,
            finish=lambda ran: self._finish(unit, row, ran, tell),
            rank=(*rank, -expected),
        )
        return unit

    def champion(self, spec: RunSpec, *, from_run: str, judging: float) -> Unit:
        """Creates the unit that trains the champion until the deadline of all work.

        Args:
            spec: the champion's run.
            from_run: run_id of the training whose trunk it continues.
            judging: seconds reserved for its final evaluation.
        """
        context = self.context
        left = context.clock.work.left()
        row = context.calibration.row(spec) | {
            "predicted_seconds": left,
            "predicted_p95_seconds": left,
            "unscaled_seconds": max(left, 1.0),
        }
        task = Train(
            spec=spec,
            weights=context.weight_files(spec),
            threads=context.champion_threads,
            clock=ChampionClock(from_run=from_run, judging=judging),
        )
        unit = Unit(
            task=task,
            limit=context.clock.work,
            slots=context.champion_threads,
            finish=lambda ran: self._finish(unit, row, ran, lambda record: None),
        )
        return unit

    def _reached(self, spec: RunSpec, done: int) -> int:
        """Returns the samples in the newest usable checkpoint, of this rung or of the trunk before it."""
        results = self.context.options.results_dir
        if spec.arm.scope is Scope.FROZEN:
            return done
        kept = trunk(results, spec.run_id).samples_seen(at_most=spec.rung)
        cooling = cooldown(results, spec.run_id, spec.rung).samples_seen()
        return max(kept, cooling) if done or kept or cooling else 0

    def _finish(self, unit: Unit, row: dict[str, object], ran: Ran, tell: Told) -> None:
        context, record, spec = self.context, ran.record, ran.record.spec
        if record.state is RunState.INTERRUPTED:
            if context.token.asked and not unit.limit.passed():
                record = replace(record, reason=Reason.STOPPED.value)
            known = context.ledger.record(*spec.key)
            if known is not None and record.samples_seen < known.samples_seen:
                record = known  # the previous attempt got further than this one
        if ran.arrays:
            write_arrays(arrays_path(context.options.results_dir, spec), ran.arrays)
        context.ledger.commit(record)
        tell(record)
        self._tidy(record)
        if record.state is RunState.FAILED:
            context.ledger.add_event("run_failed", record.reason, spec.arm.model)
        # The cost of a run is the whole time from submission to storage, not only the training time.
        seconds = context.clock.deadline.clock() - unit.since
        row.update(actual_seconds=seconds, state=record.state.value, reason=record.reason, rung=spec.rung)
        context.plan.rows.append(row)
        if record.state is RunState.FINISHED:
            context.plan.step_seconds += record.step_seconds * record.threads
        context.plan.save()
        self.tables.note_commit()
        context.console.run_done(record, seconds)

    def _tidy(self, record: RunRecord) -> None:
        """Removes checkpoints of a finished evaluation but the newest of its trunk, for the next rung."""
        spec, results = record.spec, self.context.options.results_dir
        if record.state is RunState.INTERRUPTED:
            return
        cooldown(results, spec.run_id, spec.rung).remove()
        kept = trunk(results, spec.run_id)
        if not record.finished or spec.purpose not in (Purpose.FINAL, Purpose.CHAMPION):
            kept.remove()
        elif kept.samples_seen() <= (spec.rung if spec.purpose is Purpose.CHAMPION else branch_point(spec)):
            kept.remove(keep=1)  # else it is already training for the next rung and needs two checkpoints
        trim(unfinished(results), self.context.options.disk_gb * 1e9)
