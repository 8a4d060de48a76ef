"""Seed by seed all arms go up their rungs, as far as the seconds allow."""

from __future__ import annotations

from collections.abc import Iterator

from study.orchestration.context import StudyContext
from study.orchestration.forecast import Forecast
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.planning.plan import Step
from study.spec import Arm


def seeds(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Carry out one step after another until none fits that is whole."""
    while not context.token.asked:
        forecast = Forecast(context)
        step = forecast.next(forecast.reached(), context.matrix_left())
        if step is None:
            return
        forecast.note_decision(step)
        before = len(context.plan.rows)
        scheduler.run(chains(context, lifecycle, step))
        if all(row["actual_seconds"] is None for row in context.plan.rows[before:]):
            return  # refused: their p95 did not fit


def chains(context: StudyContext, lifecycle: RunLifecycle, step: Step) -> list[Chain]:
    """The trainings of a step, those of a lower seed first."""

    def training(arm: Arm, number: int) -> Iterator[Unit]:
        least = context.plan.decisions[arm.model.value].least_rung
        for spec, done in context.specs.way_up(arm, number, least, step.rung):
            yield lifecycle.unit(spec, done, rank=(float(number), float(spec.rung)))
            if context.specs.reached(spec) < spec.rung:
                return  # interrupted, refused or failed

    arms = context.specs.arms(step.models)
    return [training(arm, number) for number in range(step.seeds) for arm in arms]
