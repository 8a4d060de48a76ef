"""Measures the speeds of the networks on all workers at the same time, as runs will use them."""

from __future__ import annotations

from collections.abc import Iterator

from study.orchestration.context import StudyContext
from study.orchestration.executors.tasks import Measure
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.planning.cost import MOST_TAIL, Speed, best, typical

#: Speed of a network that could not be measured in time; with it, no run fits.
UNKNOWN = Speed(train=1.0, inference=1.0, build=60.0, head=1.0)


def require_speeds(context: StudyContext, scheduler: Scheduler) -> None:
    """Stores the speed of every network in the plan; measures only if the machine is new.

    If equal steps took unequal times, it measures again and keeps the faster result, because load can
    only slow a measurement down.
    """
    plan, models = context.plan, context.study.models
    here = f"{context.runtime.device_name}, {plan.workers} workers"
    if plan.measured_on != here:
        plan.speeds.clear()
    for model in [model for model, speed in plan.speeds.items() if speed == UNKNOWN]:
        del plan.speeds[model]  # a stop came before it was measured
    if set(plan.speeds) >= {model for model in models}:
        return
    plan.measured_on = here
    found = _measured(context, scheduler)
    if any(speed.tail >= MOST_TAIL for speed in found.values()) and context.clock.deadline.budget > 300:
        context.console.say("speeds are measured again: equal steps took unequally long")
        again = _measured(context, scheduler)
        found = {model: best(speed, again.get(model, speed)) for model, speed in found.items()}
    plan.speeds.update({model: found.get(model, UNKNOWN) for model in models})
    for model, speed in plan.speeds.items():
        context.console.say(
            f"{model}: {speed.train:.0f} images/s in training, {speed.inference:.0f} in judging, "
            f"on each of {plan.workers} workers at once"
        )


def _measured(context: StudyContext, scheduler: Scheduler) -> dict[str, Speed]:
    results: list[dict[str, Speed]] = []

    def measure() -> Iterator[Unit]:
        task = Measure(models=context.study.models)
        yield Unit(
            task=task,
            limit=context.clock.work,
            finish=lambda found: results.append(found) if found else None,
        )

    chains: list[Chain] = [measure() for _ in range(context.plan.workers)]
    scheduler.run(chains)
    if not results:
        return {}
    return {model: typical([found[model] for found in results]) for model in results[0]}
