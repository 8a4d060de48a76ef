"""Trains the champion: the best network of the matrix continues for a share of the budget.

The champion is chosen among pretrained, fully trained arms, because the assignment asks for a pre-trained
network; if there are none, among arms from scratch. It is the arm that promises most on validation with the
seconds that are left: a network that is behind after few samples may be much faster. It continues the trunk
of the arm's best seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from study.budget import format_seconds
from study.networks import NETWORKS
from study.orchestration.context import StudyContext
from study.orchestration.forecast import LEAST_CHAMPION, judging_seconds
from study.orchestration.phases.seeds import Climb
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Scheduler, Unit
from study.records import RunRecord, RunState
from study.spec import Init, Purpose, RunSpec, Scope
from study.store.tables import champion as last_champion
from study.store.tables import highest
from study.training.champion import champion_spec, promised_error, ways_on
from study.training.checkpoint import trunk


def champion(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Trains the champion until the deadline of all work; spare workers continue the matrix meanwhile."""
    source = best_run(context)
    if source is None or context.token.asked:
        return
    spec, left = planned(context, source), context.clock.work.left()
    judging = judging_seconds(context, spec)
    before = last_champion(context.ledger.records())
    if left < LEAST_CHAMPION + judging:
        if before is None:
            need = format_seconds(LEAST_CHAMPION + judging)
            context.console.say(f"champion: left out, {format_seconds(max(0.0, left))} of {need} are left")
        return
    start = before.spec if before is not None and before.spec.run_id == spec.run_id else source.spec
    context.console.say(
        f"champion: {start.arm.name}, seed {start.seed}, from its {start.rung:,} samples on, "
        f"{context.champion_threads} threads"
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
    before = last_champion(context.ledger.records())
    if before is not None and _promises_more(context, before, source, spec):
        return _longer(context, before.spec)
    ended = {record.spec.run_id for record in context.ledger.records() if record.finished}
    for other in ways_on(source.spec):
        kept = trunk(context.options.results_dir, other.run_id)
        if other.run_id not in ended and kept.samples_seen():
            return replace(other, rung=spec.rung)  # it was killed; with another spec it would start anew
    return spec


def _promises_more(context: StudyContext, before: RunRecord, source: RunRecord, spec: RunSpec) -> bool:
    """Whether an earlier champion, trained on, promises at least what a run of the matrix does.

    A champion from scratch promises nothing where there are pre-trained runs by now.

    Args:
        context: the study.
        before: the last champion.
        source: the run of the matrix.
        spec: the champion that would go on from it.
    """
    kept = trunk(context.options.results_dir, before.spec.run_id).samples_seen()
    if not (before.finished and kept and before.spec.arm.init is source.spec.arm.init):
        return False
    first, second = (1 - (record.val_accuracy or 0.0) for record in (before, source))
    own = promised_error(first, before.spec.rung, _longer(context, before.spec).rung)
    return own <= promised_error(second, source.spec.rung, spec.rung)


def _longer(context: StudyContext, spec: RunSpec) -> RunSpec:
    """Returns the spec with which a champion goes on for the time that is left."""
    return replace(spec, rung=spec.rung + _samples(context, spec, spec.batch_size))


def _going_on(context: StudyContext, source: RunSpec) -> RunSpec:
    """Returns the spec with which a run goes on as a champion for the time that is left."""
    return champion_spec(source, lambda batch: source.rung + _samples(context, source, batch))


def _samples(context: StudyContext, spec: RunSpec, batch: int) -> int:
    """Returns the samples that a champion of a run's network can see in the time that is left."""
    usual = NETWORKS[spec.arm.model].batch_size
    per_second = context.plan.speeds[spec.arm.model].at_batch(batch / usual)
    return max(int(per_second * context.champion_threads**0.7 * context.clock.work.left()), batch)
