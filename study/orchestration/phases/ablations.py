"""Runs what accompanies the matrix: baselines, the ImageNet witness and side experiments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from study.models.weights import IMAGENET
from study.networks import ModelName
from study.orchestration.context import StudyContext
from study.orchestration.executors.run_artifacts import first_seed
from study.orchestration.executors.tasks import Attest, Baselines, Explain
from study.orchestration.results_export import BASELINES
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.planning.ablations import SEEDS, SHARE, by_importance, side_runs
from study.planning.calibration import total
from study.planning.plan import run_spec
from study.pretraining.imagenet_witness import missing_packages
from study.records import Reason, RunRecord, RunState
from study.spec import Purpose, RunSpec
from study.store.tables import highest

#: Ledger fact with the result of the witness, or the reason why there is none.
WITNESS = "witness"
#: The witness starts only with so many seconds left and if they are at most this share of the budget. It
#: takes about 20 s on one core.
_FOR_WITNESS, _WITNESS_SHARE = 60.0, 0.02
#: Explanations start only with so many seconds left.
_FOR_EXPLANATION = 30.0
#: The softmax regression takes at most so many products of images, pixels and classes: 100 s of one core,
#: since the 4.2e8 of FashionMNIST's 54,000 images took 8 s.
_MOST_PRODUCTS = 5e9


def plan_side(context: StudyContext) -> None:
    """Reserves seconds for side experiments if the whole set of at least one network fits.

    Sets `side_seconds` of the plan, to 0 if none fits.
    """
    plan = context.plan
    plan.side_seconds = 0.0
    seconds = SHARE * context.matrix_left()
    costs = sorted(_cost(context, model) for model in context.specs.models)
    fitting = 0.0
    for cost in costs:
        if cost and fitting + cost <= seconds:
            fitting += cost
    plan.side_seconds = fitting


def side(context: StudyContext, lifecycle: RunLifecycle, scheduler: Scheduler) -> None:
    """Runs baselines on the images of the longest run, explanations, witness and side experiments."""
    chains: list[Chain] = []
    longest = max((record.spec.rung for record in context.specs.finals()), default=0)
    if longest:
        chains.append(baselines(context, min(longest, context.study.data.train_images)))
    chains += [_explanation(context, model) for model in context.specs.models]
    chains += [_witness(context)]
    left = context.plan.side_seconds
    if left:  # what no whole step of the matrix can use serves too: predictions change meanwhile
        left += max(0.0, context.matrix_left())
    for model in sorted(context.specs.models, key=lambda model: _cost(context, model)):
        cost = _cost(context, model)
        if cost and cost <= left:
            left -= cost
            chains += [
                iter([lifecycle.unit(spec, rank=(float(number), float(place)))])
                for number in range(SEEDS)
                for place, spec in enumerate(by_importance(_runs(context, model, number)))
                if not context.specs.done(spec)
            ]
    scheduler.run(chains)


def baselines(context: StudyContext, images: int) -> Iterator[Unit]:
    """Yields the task that computes the baselines on `images` training images, unless they exist.

    Where pixels and classes are many, it takes fewer images.
    """
    data = context.study.data
    images = min(images, int(_MOST_PRODUCTS / (data.pixels * data.channels * len(data.classes))))
    known: list[dict[str, Any]] = context.ledger.fact(BASELINES) or []
    if any((row["train_images"] or 0) >= images for row in known):
        return

    def keep(rows: list[dict[str, Any]] | None) -> None:
        if rows:
            context.ledger.set_fact(BASELINES, rows)

    seed = run_spec(
        context.specs.arms()[0], context.study, purpose=Purpose.FINAL, number=0, rung=images
    ).seed
    yield Unit(task=Baselines(seed=seed, train_images=images), limit=context.clock.work, finish=keep)


def first_runs(context: StudyContext) -> tuple[RunRecord, ...]:
    """Returns each arm's finished run of the first seed at its highest rung, without its curve."""
    return tuple(
        replace(record, history=())
        for record in highest(context.ledger.records())
        if record.finished and first_seed(record.spec)
    )


def _explanation(context: StudyContext, model: ModelName) -> Iterator[Unit]:
    """Yields the task that computes Grad-CAM, filters and feature maps of a network."""
    runs = tuple(record for record in first_runs(context) if record.spec.arm.model == model)
    if not runs:
        return

    def note(why: str | None) -> None:
        if why != "":
            context.ledger.add_event("explanation_missing", why or Reason.ERROR.value, model)

    def admit() -> bool:
        fits = context.clock.work.left() >= _FOR_EXPLANATION
        if not fits:
            note(context.token.why.value)
        return fits

    task = Explain(
        index=context.options.object_index, model=model, runs=runs, weights=context.all_weight_files()
    )
    yield Unit(task=task, limit=context.clock.work, finish=note, admit=admit)


def _witness(context: StudyContext) -> Iterator[Unit]:
    """Yields the witness's task if a network has no ImageNet weights and the witness has no result yet."""
    ledger, work = context.ledger, context.clock.work
    done = (ledger.fact(WITNESS) or {}).get("state") == RunState.FINISHED.value
    sources = [
        weights.source if (weights := context.specs.weights.get(model)) else None
        for model in context.study.models
    ]
    if done or all(source == IMAGENET for source in sources):
        return
    if missing := missing_packages():
        ledger.set_fact(WITNESS, absent(Reason.PACKAGE, ", ".join(missing)))
        return
    short = context.clock.deadline.budget < _FOR_WITNESS / _WITNESS_SHARE
    if context.token.asked or short or work.left() < _FOR_WITNESS:
        ledger.set_fact(WITNESS, absent(context.token.why))
        return

    def keep(found: dict[str, Any] | None) -> None:
        ledger.set_fact(WITNESS, found or absent(Reason.ERROR))

    yield Unit(task=Attest(), limit=work, finish=keep)


def absent(reason: Reason, detail: str = "") -> dict[str, Any]:
    """Returns the ledger fact that stands for a missing witness."""
    return {"state": RunState.SKIPPED.value, "reason": reason.value, "detail": detail}


def _runs(context: StudyContext, model: ModelName, number: int) -> list[RunSpec]:
    specs, rung = context.specs, context.plan.decisions[model].least_rung
    return side_runs(
        model, rung, specs.inits(model), lambda arm: specs.final(arm, number, rung), specs.weights
    )


def _cost(context: StudyContext, model: ModelName) -> float:
    """Predicts the seconds of a network's remaining side runs with all seeds."""
    left = [
        spec
        for number in range(SEEDS)
        for spec in _runs(context, model, number)
        if not context.specs.done(spec)
    ]
    return total([[context.calibration.expected(spec)] for spec in left], context.plan.workers)
