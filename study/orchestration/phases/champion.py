"""Trains the champion: the best network of the matrix continues for a share of the budget.

The champion is chosen among pretrained, fully trained arms, because the assignment asks for a pre-trained
network; if there are none, among arms from scratch. It is the arm that promises most on validation with the
seconds that are left: a network that is behind after few samples may be much faster. It continues the trunk
of the arm's best seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from study.orchestration.context import StudyContext
from study.orchestration.phases.seeds import Climb
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Scheduler, Unit
from study.records import RunRecord, RunState
from study.spec import Init, Purpose, RunSpec, Scope
from study.store.tables import highest
from study.training.champion import champion_spec, promised_error, ways_on
from study.training.checkpoint import trunk
from study.training.judging import judged

#: With less time to train no champion is trained. It is short on purpose: what it adds to the matrix is
#: little then, but only the champion is judged on the whole test set, saved and used by `predict`.
LEAST_SECONDS = 5.0
#: Seconds for building the network and reading its trunk.
_START = 3.0


def champion(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Trains the champion until the deadline of all work; spare workers continue the matrix meanwhile."""
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

    climb = Climb(
        context=context,
        lifecycle=lifecycle,
        beside_champion=True,
        left=lambda: context.clock.work.left() - judging,
    )
    scheduler.run([first()], climb.more)


def best_run(context: StudyContext) -> RunRecord | None:
    """Returns the run that the champion continues: the best seed of the arm that promises most.

    The promise is the mean error on validation over the arm's seeds at its highest rung, continued to the
    samples that the network can see in the time that is left.
    """
    done = [r for r in highest(context.ledger.records()) if r.finished and r.spec.arm.scope is Scope.FULL]
    pretrained = [record for record in done if record.spec.arm.init is Init.PRETRAINED]
    found: dict[str, list[RunRecord]] = {}
    for record in pretrained or done:
        found.setdefault(record.spec.arm.name, []).append(record)
    if not found:
        return None

    def promise(group: list[RunRecord]) -> float:
        error = sum(1 - (record.val_accuracy or 0.0) for record in group) / len(group)
        spec = group[0].spec
        return promised_error(error, spec.rung, _going_on(context, spec).rung)

    best = min(found.values(), key=promise)
    return max(best, key=lambda record: record.val_accuracy or 0.0)


def planned(context: StudyContext, source: RunRecord) -> RunSpec:
    """Returns the champion's spec. Its rung is an estimate of the samples that the time allows."""
    tries = [r for r in context.ledger.records() if r.spec.purpose is Purpose.CHAMPION]
    if tries and tries[-1].state is RunState.INTERRUPTED:
        return tries[-1].spec
    spec = _going_on(context, source.spec)
    ended = {record.spec.run_id for record in context.ledger.records() if record.finished}
    for other in ways_on(source.spec):
        kept = trunk(context.options.results_dir, other.run_id)
        if other.run_id not in ended and kept.samples_seen():
            return replace(other, rung=spec.rung)  # it was killed; with another spec it would start anew
    return spec


def _going_on(context: StudyContext, source: RunSpec) -> RunSpec:
    """Returns the spec with which a run goes on for the time that is left."""
    speed, seconds = context.plan.speeds[source.arm.model], context.clock.work.left()
    base = source.batch_size

    def samples(batch: int) -> int:
        per_second = speed.at_batch(batch / base) * context.champion_threads**0.7
        return source.rung + max(int(per_second * seconds), base)

    return champion_spec(source, samples)


def _judging_seconds(context: StudyContext, spec: RunSpec) -> float:
    """Returns the seconds to reserve for the final evaluation, with a small margin."""
    speed = context.plan.speeds[spec.arm.model]
    images_per_second: float = speed.inference * context.champion_threads**0.7
    return _START + 1.15 * judged(spec).total / images_per_second
