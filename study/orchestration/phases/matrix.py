"""Runs every arm once at the shortest rung of its network, with default hyperparameters."""

from __future__ import annotations

from collections.abc import Iterator

from study.orchestration.context import StudyContext
from study.orchestration.forecast import Forecast
from study.orchestration.phases.ablations import baselines
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.planning.plan import blank
from study.spec import Arm, Init

#: Arms from scratch start during pre-training if the matrix takes at most this share of the time left.
_EARLY_SHARE = 0.4


def matrix(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Gives every arm a result before any arm is tuned or trained longer."""
    chains: list[Chain] = [_first_look(context, lifecycle, arm) for arm in context.specs.arms()]
    least = [context.plan.decisions[model].least_rung for model in context.specs.models]
    if chains:
        chains.append(baselines(context, max(least)))
    scheduler.run(chains)


def scratch_matrix(context: StudyContext, lifecycle: RunLifecycle) -> list[Chain]:
    """Returns chains for the arms from scratch, for workers that are idle during pre-training.

    Returns none if the whole matrix might not fit, because then the networks to study are not decided yet.
    """
    for model in context.study.models:
        context.plan.decisions.setdefault(model, blank(model))
    cost = Forecast(context).matrix(context.specs.models)
    if cost > _EARLY_SHARE * context.clock.work.left():
        return []
    scratch = (arm for arm in context.specs.arms() if arm.init is Init.SCRATCH)
    return [_first_look(context, lifecycle, arm) for arm in scratch]


def _first_look(context: StudyContext, lifecycle: RunLifecycle, arm: Arm) -> Iterator[Unit]:
    least = context.plan.decisions[arm.model].least_rung
    for spec, done in context.specs.way_up(arm, 0, least, least, default=True):
        yield lifecycle.unit(spec, done)
