"""Provides pre-trained weights for every network from the first source that has them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from study.budget import format_seconds
from study.errors import AlteredWeights, UsageError, WeightsError
from study.matrix import arms
from study.models import Weights, find_imagenet
from study.models.weights import IMAGENET, WeightFile, reload
from study.networks import ModelName, network_name
from study.orchestration.context import StudyContext
from study.orchestration.executors.tasks import Pretrain
from study.orchestration.scheduler import Chain, Scheduler, Unit
from study.pretraining import weight_sources
from study.pretraining.recipe import least_seconds
from study.records import Reason
from study.spec import Init

#: Share of the time for work that pre-training may take if no weights are available.
PRETRAINING_SHARE = 0.15
#: Maximum share for the smallest recipe, and the factor by which its predicted time is extended.
MOST_SHARE, MARGIN = 0.3, 1.02

Entry = dict[str, Any]


def reasons(entries: dict[str, Entry]) -> dict[str, str]:
    """Returns, by arm name, why pretrained arms without weights cannot be run."""
    return {
        arm.name: entry["reason"]
        for model, entry in entries.items()
        if not entry.get("sha256")
        for arm in arms((network_name(model),))
        if arm.init is Init.PRETRAINED
    }


def share_of(model: ModelName, left: float, speed: float, *, models: int, workers: int) -> float:
    """Returns the seconds that pre-training of a network may take.

    A network gets more than its share if its smallest recipe needs a little more, because without weights
    half of its arms are lost.

    Args:
        model: the network.
        left: seconds left for work.
        speed: images per second of pre-training.
        models: number of networks that are pre-trained on the workers.
        workers: number of workers.
    """
    abreast = 1 / math.ceil(models / workers)
    share, least = PRETRAINING_SHARE * left * abreast, MARGIN * least_seconds(model, speed)
    return least if share < least <= MOST_SHARE * left * abreast else share


@dataclass(kw_only=True)
class WeightsPhase:
    """Provides weights: the user's checkpoint, else ImageNet's file, else pre-training on fractals.

    Attributes:
        context: the study.
        scheduler: runs pre-training.
        meanwhile: returns work for workers that are idle during pre-training.
        entries: entries of pretraining.json by network.
    """

    context: StudyContext
    scheduler: Scheduler
    meanwhile: Callable[[], list[Chain]] = lambda: []
    entries: dict[str, Entry] = field(default_factory=dict)

    def run(self) -> None:
        """Provides weights, or a reason for those that are missing; stores both in the ledger.

        A resumed study keeps the weights of its earlier runs. It tries again to get missing weights if its
        budget has grown. Several networks are pre-trained in parallel.

        Raises:
            UsageError: weights that earlier runs used are no longer available.
        """
        context = self.context
        before: dict[str, Entry] = context.ledger.fact("pretraining", {})
        left = context.clock.work.left()
        missing: dict[ModelName, str] = {}
        # A download gets half of the share, so that a slow one leaves time for pre-training.
        patience = PRETRAINING_SHARE * left / len(context.study.models) / 2
        for model in context.study.models:
            entry = before.get(model, {})
            if entry.get("sha256"):
                self._got(model, self._again(model, entry), entry)
            elif entry and not (context.plan.grown or entry["reason"] == Reason.STOPPED.value):
                self._none(model, entry, told=False)
            else:
                found, made, why = self._found(model, patience)
                if found is not None:
                    self._got(model, found, made)
                else:
                    missing[model] = why
        to_make = [self._task(model, why, among=len(missing)) for model, why in missing.items()]
        offers = [self.meanwhile]  # taken once: called again, it would offer runs that are at work
        self.scheduler.run(
            (self._chain(task) for task in to_make), lambda: offers.pop()() if offers else []
        )
        for task in to_make:
            if task.model not in self.entries:  # it never started, or its task was lost
                reason = Reason.STOPPED if context.token.asked else Reason.ERROR
                self._none(
                    task.model,
                    {
                        "source": "fractal",
                        "sha256": "",
                        "passed": False,
                        "detail": "",
                        "reason": reason.value,
                    },
                )
        context.specs.reasons.update(reasons(self.entries))
        context.ledger.set_fact("pretraining", self.entries)
        self._note_weights()

    def _task(self, model: ModelName, why: str, *, among: int) -> Pretrain:
        """Returns the pre-training of one of `among` networks that have no ImageNet weights."""
        context = self.context
        speed, left = context.plan.speeds[model].pretext, context.clock.work.left()
        share = share_of(model, left, speed, models=among, workers=context.plan.workers)
        if not context.token.asked:
            context.ledger.add_event("weights_unreachable", why, model)
        context.console.say(
            f"{model}: no ImageNet weights ({why}); pre-training on formula-made fractals "
            f"instead, {format_seconds(share)}"
        )
        return Pretrain(model=model, seconds=share, speed=speed, reason=why, seed=context.study.seed)

    def _chain(self, task: Pretrain) -> Iterator[Unit]:
        limit = self.context.clock.work.within(task.seconds * 1.2)
        yield Unit(task=task, limit=limit, finish=lambda entry: self._made(task.model, entry))

    def _made(self, model: ModelName, entry: Entry | None) -> None:
        if entry is None:
            return
        path = entry.pop("path")
        if self.context.token.asked and not entry.get("complete", True):
            path = ""  # the study would keep weights of an incomplete training forever
        if path:
            if not entry["cached"]:
                self.context.plan.step_seconds += entry["step_seconds"]
            self._got(model, reload(self.context.options.results_dir / path, entry["source"]), entry)
        else:
            self._none(model, entry)

    def _got(self, model: ModelName, weights: Weights, entry: Entry) -> None:
        self._keep(model, entry)
        self.context.specs.weights[model] = WeightFile.of(weights)

    def _none(self, model: ModelName, entry: Entry, *, told: bool = True) -> None:
        if self.context.token.asked:  # the next start tries again
            entry |= {"reason": Reason.STOPPED.value, "detail": "", "sha256": "", "passed": False}
        elif told:
            self.context.ledger.add_event("pretext_failed", entry["detail"], model)
        self._keep(model, entry)
        detail = f" ({entry['detail']})" if entry.get("detail") else ""
        self.context.console.say(f"{model}: {entry['reason']}{detail}")

    def _keep(self, model: ModelName, entry: Entry) -> None:
        """Stores the entry of a network at once: a kill loses no finished pre-training."""
        self.entries[model] = entry
        known = self.context.ledger.fact("pretraining", {})
        self.context.ledger.set_fact("pretraining", known | {model: entry})

    def _again(self, model: ModelName, entry: Entry) -> Weights:
        context, options = self.context, self.context.options
        source, digest = entry["source"], entry["sha256"]
        kept = (options.results_dir / "checkpoints").glob("*.sha256")
        made = next(
            (
                path.with_suffix(".pth")
                for path in kept
                if path.is_file() and path.read_text(encoding="ascii", errors="replace") == digest
            ),
            None,
        )
        try:
            if source == IMAGENET:
                weights = find_imagenet(
                    model, weights_dir=options.weights_dir, offline=options.offline, stop=self._asked
                )
            elif path := made or options.init_checkpoint:
                weights = reload(path, source)
            else:
                raise WeightsError(f"no file with the SHA-256 {digest[:8]}…")
            if weights.sha256 != digest:
                raise WeightsError(f"{weights.path} has other content")
        except WeightsError as error:
            raise UsageError(
                f"the study goes on only with the {model} weights that it began with ({error}); put them "
                "back, give --init-checkpoint or --weights-dir as before, or begin anew with --fresh"
            ) from None
        context.clock.note_used()
        return weights

    def _found(self, model: ModelName, patience: float) -> tuple[Weights | None, Entry, str]:
        """Returns existing weights and their entry, or the reason why there are none.

        Args:
            model: the network.
            patience: maximum seconds of a download.
        """
        context, options = self.context, self.context.options
        if options.init_checkpoint is not None:
            own = weight_sources.checkpoint(model, options.init_checkpoint)
            if own is not None and own[0] is not None:
                if removed := own[0].unwrapped:
                    name = options.init_checkpoint.name
                    context.console.say(f"{model}: {name}: removed {', '.join(removed)}")
                return own[0], own[1], ""
        limit = context.clock.work.within(patience)

        def enough() -> bool:
            return self._asked() or limit.passed()

        try:
            weights, entry = weight_sources.imagenet(model, options.weights_dir, options.offline, enough)
            return weights, entry, ""
        except AlteredWeights as error:
            if options.weights_dir is not None:
                raise
            return None, {}, str(error)
        except WeightsError as error:
            return None, {}, str(error)

    def _asked(self) -> bool:
        self.context.clock.note_used()
        return self.context.token.asked

    def _note_weights(self) -> None:
        facts = self.context.ledger.fact("environment")
        facts["weights"] = {
            model: {
                "source": weights.source,
                "sha256": weights.sha256,
                "path_name": weights.path.rsplit("/", 1)[-1],
                "detail": "",
                "channels": weights.channels,
            }
            for model, weights in self.context.specs.weights.items()
        }
        self.context.ledger.set_fact("environment", facts)
