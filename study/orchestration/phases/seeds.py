"""Trains all arms to higher rungs and with more seeds, as far as the time allows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from study.orchestration.context import StudyContext
from study.orchestration.forecast import Forecast
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.planning.plan import Step
from study.spec import Arm, RunSpec


def seeds(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Runs one step after another until no whole step fits.

    If a worker is idle near the end of a step, the next step starts early, provided that it fits.
    """
    while not context.token.asked:
        climb = Climb(context=context, lifecycle=lifecycle, left=context.matrix_left)
        first = climb.more()
        if not first:
            return
        before = len(context.plan.rows)
        scheduler.run(first, climb.more)
        if all(row["actual_seconds"] is None for row in context.plan.rows[before:]):
            return  # their predicted p95 did not fit


def chains(context: StudyContext, lifecycle: RunLifecycle, step: Step) -> list[Chain]:
    """Returns chains for the trainings of one step; lower seeds go first."""
    climb = Climb(context=context, lifecycle=lifecycle, left=context.matrix_left)
    return climb.begin(step)


@dataclass(kw_only=True)
class Climb:
    """The trainings of one or more steps that run at the same time.

    Attributes:
        context: the study.
        lifecycle: creates and stores runs.
        left: returns the seconds left for all of these trainings.
        beside_champion: whether the champion occupies its share of the workers.
    """

    context: StudyContext
    lifecycle: RunLifecycle
    left: Callable[[], float]
    beside_champion: bool = False
    _steps: list[Step] = field(default_factory=list)
    _at_work: set[tuple[Arm, int]] = field(default_factory=set)

    def more(self) -> list[Chain]:
        """Starts the next steps that fit in addition to the remainder of the steps that have started.

        A step may only prolong trainings that are running, so steps are started until one has new chains.
        """
        forecast = Forecast(self.context, beside_champion=self.beside_champion)
        reached, left = forecast.reached(), self.left()
        while (step := forecast.next(reached, left, self._steps)) is not None:
            forecast.note_decision(step)
            if found := self.begin(step):
                return found
        return []

    def begin(self, step: Step) -> list[Chain]:
        """Starts a step. Trainings that are running continue to its rung without a new chain."""
        self._steps.append(step)
        arms = self.context.specs.arms(step.models)
        return [
            self._training(arm, number)
            for number in range(step.seeds)
            for arm in arms
            if (arm, number) not in self._at_work
        ]

    def _training(self, arm: Arm, number: int) -> Iterator[Unit]:
        specs = self.context.specs
        self._at_work.add((arm, number))
        try:
            while (found := self._next(arm, number)) is not None:
                spec, done = found
                yield self.lifecycle.unit(spec, done, rank=(float(number), float(spec.rung)))
                if specs.reached(spec) < spec.rung:
                    return  # interrupted, refused or failed
        finally:
            self._at_work.discard((arm, number))

    def _next(self, arm: Arm, number: int) -> tuple[RunSpec, int] | None:
        """Returns the next run of a training, or None if it has reached the highest rung of all steps."""
        least = self.context.plan.decisions[arm.model].least_rung
        top = max(step.rung for step in self._steps if arm.model in step.models and number < step.seeds)
        return next(self.context.specs.way_up(arm, number, least, top), None)
