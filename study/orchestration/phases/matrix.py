"""Every arm once, with its default hyperparameters, at its network's least rung."""

from __future__ import annotations

from collections.abc import Iterator

from study.orchestration.context import StudyContext
from study.orchestration.phases.side import baselines
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.spec import Arm


def matrix(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Before any arm is tuned or trained longer, every arm has a result."""

    def arm_chain(arm: Arm) -> Iterator[Unit]:
        least = context.plan.decisions[arm.model.value].least_rung
        for spec, done in context.specs.way_up(arm, 0, least, least, default=True):
            yield lifecycle.unit(spec, done)

    chains: list[Chain] = [arm_chain(arm) for arm in context.specs.arms()]
    least = [context.plan.decisions[model.value].least_rung for model in context.specs.models]
    if chains:
        chains.append(baselines(context, max(least)))
    scheduler.run(chains)
