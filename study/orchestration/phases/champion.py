"""The champion: the best network of the matrix, trained on for a share of the budget.

It is chosen on validation among pretrained, fully trained arms, since the assignment asks for a
pre-trained network; from scratch where there are none. Its best seed's trunk goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from study.orchestration.context import StudyContext
from study.orchestration.forecast import Forecast
from study.orchestration.phases.seeds import chains
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.records import RunRecord, RunState
from study.spec import Init, Purpose, RunSpec, Scope
from study.store.tables import highest
from study.training.champion import champion_spec, ways_on
from study.training.checkpoint import trunk
from study.training.judging import judged

#: A champion is not begun for less: it would not be trained longer than the matrix.
LEAST_SECONDS = 20.0
#: Seconds that building the network and reading its trunk take beside training.
_START = 3.0


def champion(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Train it until the work is over; on spare workers further steps of the matrix go on beside it."""
    source = best_run(context)
    if source is None or context.token.asked or context.clock.work.left() < LEAST_SECONDS:
        return
    spec = planned(context, source)
    judging = _judging_seconds(context, spec)
    if context.clock.work.left() < LEAST_SECONDS + judging:
        return
    context.console.say(
        f"champion: {source.spec.arm.name}, seed {source.spec.seed}, from its {source.spec.rung:,} samples "
        f"on, {context.champion_threads} threads"
    )

    def first() -> Iterator[Unit]:
        yield lifecycle.champion(spec, from_run=source.spec.run_id, judging=judging)

    beside: list[Chain] = []
    if context.executor.capacity > context.champion_threads:
        forecast = Forecast(context)
        step = forecast.next(forecast.reached(), context.clock.work.left() - judging)
        beside = chains(context, lifecycle, step) if step is not None else []
    scheduler.run([first(), *beside])


def best_run(context: StudyContext) -> RunRecord | None:
    """The run that a champion goes on from: of the arm best on validation, its best seed.

    Arms are compared by their mean over seeds at the highest rung of each.
    """
    done = [r for r in highest(context.ledger.records())
            if r.finished and r.spec.arm.scope is Scope.FULL]  # fmt: skip
    pretrained = [record for record in done if record.spec.arm.init is Init.PRETRAINED]
    found: dict[str, list[RunRecord]] = {}
    for record in pretrained or done:
        found.setdefault(record.spec.arm.name, []).append(record)
    if not found:
        return None
    best = max(found.values(), key=lambda group: sum(r.val_accuracy or 0.0 for r in group) / len(group))
    return max(best, key=lambda record: record.val_accuracy or 0.0)


def planned(context: StudyContext, source: RunRecord) -> RunSpec:
    """What is planned: the rung is the samples that the clock will allow, about."""
    tries = [r for r in context.ledger.records() if r.spec.purpose is Purpose.CHAMPION]
    if tries and tries[-1].state is RunState.INTERRUPTED:
        return tries[-1].spec
    speed = context.plan.speeds[source.spec.arm.model.value].train * context.champion_threads**0.7
    coming = int(speed * context.clock.work.left())
    rung = source.spec.rung + max(coming, source.spec.batch_size)
    spec = champion_spec(source.spec, rung)
    ended = {record.spec.run_id for record in context.ledger.records() if record.finished}
    for other in ways_on(source.spec):
        kept = trunk(context.options.results_dir, other.run_id)
        if other.run_id not in ended and kept.samples_seen():
            return replace(other, rung=rung)  # it was killed: as another training it would begin anew
    return spec


def _judging_seconds(context: StudyContext, spec: RunSpec) -> float:
    """Seconds kept for the last judgement, with a margin: whatever they leave is lost to training."""
    speed = context.plan.speeds[spec.arm.model.value]
    images_per_second: float = speed.inference * context.champion_threads**0.7
    return _START + 1.15 * judged(spec).total / images_per_second
