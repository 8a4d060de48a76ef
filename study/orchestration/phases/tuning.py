"""Tunes every arm: first a ladder of rates, then Optuna's proposals, one trial of an arm at a time."""

from __future__ import annotations

from collections.abc import Iterator

from study.orchestration.context import StudyContext
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Scheduler, Unit
from study.records import RunRecord, RunState
from study.spec import Arm
from study.tuning import Search, edge


def tuning(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Runs the planned trials that do not exist yet."""
    rebuilt: list[str] = []
    scheduler.run(_chain(context, lifecycle, arm, rebuilt) for arm in context.specs.arms())
    if rebuilt:  # only now: while trials run, they would look like trials of a killed study
        settle(context)
    if not context.token.asked and any(plan.trials for plan in context.plan.decisions.values()):
        for arm in context.specs.arms():
            _tell_edge(context, arm)
        lifecycle.sweep()


def settle(context: StudyContext) -> None:
    """Brings Optuna's storage into agreement with the ledger for every arm."""
    for _ in range(2):
        rebuilt: list[str] = []
        for arm in context.specs.arms():
            if context.specs.trials(arm):
                _search(context, arm, rebuilt)
        if not rebuilt:
            return


def _chain(context: StudyContext, lifecycle: RunLifecycle, arm: Arm, rebuilt: list[str]) -> Iterator[Unit]:
    decision, specs = context.plan.decisions[arm.model], context.specs
    for number in range(decision.trials):
        if specs.tuned(arm, number):
            continue
        search = _search(context, arm, rebuilt)
        hyper = search.ask(number, specs.begun(arm, number))

        def tell(record: RunRecord, search: Search = search) -> None:
            if record.state is not RunState.INTERRUPTED:
                search.tell(record)

        yield lifecycle.unit(
            specs.trial(arm, number, decision.trial_rung, hyper), tell=tell, rank=(float(number),)
        )
        if not specs.tuned(arm, number):
            return


def _search(context: StudyContext, arm: Arm, rebuilt: list[str]) -> Search:
    """Opens the arm's search; if its file is damaged, the reason is printed and added to `rebuilt`.

    Raises:
        StoreError: the ledger was deleted, so that a search would make a new file beside nothing.
    """
    context.ledger.require_there()

    def on_rebuilt(told: str) -> None:
        rebuilt.append(told)
        context.ledger.add_event("storage_rebuilt", told)
        context.console.say(f"the search was rebuilt from the ledger: {told}")

    return Search(
        context.options.results_dir / "optuna.db",
        arm,
        seed=context.study.seed,
        known=context.specs.trials(arm),
        on_rebuilt=on_rebuilt,
        on_memory=lambda told: context.note_once("search_in_memory", told),
    )


def _tell_edge(context: StudyContext, arm: Arm) -> None:
    """Adds an event if the best rate is the lowest or highest one tried."""
    known = context.specs.trials(arm)
    side, chosen = edge(known), context.specs.chosen(arm)
    if side and chosen is not None:
        where = "lowest" if side < 0 else "highest"
        context.note(
            "tuning_edge",
            f"{arm.name}: the best rate, {chosen.lr:.2g}, is the {where} of {len(known)} tried",
            arm.model,
        )
