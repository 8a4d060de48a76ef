"""The phase that gets pre-trained weights for every network of a study, by the order of sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.budget import Deadline, format_seconds
from study.errors import UsageError, WeightsError
from study.matrix import arms
from study.models import Weights, find_imagenet
from study.models.weights import IMAGENET, reload
from study.orchestration import sources
from study.orchestration.course import Course
from study.orchestration.screen import Screen
from study.orchestration.setup import Options
from study.orchestration.status import at_work
from study.records import Reason
from study.spec import Init, ModelName
from study.store.ledger import Ledger
from study.training.runtime import Runtime


def reasons(entries: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Why an arm cannot be run, by its name: those whose network got no pre-trained weights."""
    return {
        arm.name: entry["reason"]
        for model, entry in entries.items() if not entry.get("sha256")
        for arm in arms((ModelName(model),)) if arm.init is Init.PRETRAINED
    }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Obtained:
    """weights by network; entries for pretraining.json."""

    weights: dict[str, Weights] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def reasons(self) -> dict[str, str]:
        """Of arms that stay without any."""
        return reasons(self.entries)


@dataclass(frozen=True, kw_only=True)
class Obtainer:
    """A checkpoint of the user's, else ImageNet's file, else pre-training on formula-made fractals."""

    options: Options
    ledger: Ledger
    course: Course
    screen: Screen
    runtime: Runtime
    folder: Path
    seed: int
    stopped: Callable[[], bool]

    def obtain(self, models: tuple[ModelName, ...], seconds: float) -> Obtained:
        """At most `seconds` for all networks together; what is missing has its reason.

        A study that goes on keeps the weights that its runs had; what it went without is tried again
        when its budget has grown.

        Raises:
            UsageError: the weights that the study began with cannot be had.
        """
        obtained = Obtained()
        before: dict[str, dict[str, Any]] = self.ledger.fact("pretraining", {})
        for model in models:
            entry = before.get(model.value, {})
            if entry.get("sha256"):
                obtained.entries[model.value] = entry
                obtained.weights[model.value] = self._again(model, entry)
                continue
            if entry and not (self.course.grown or entry["reason"] == Reason.STOPPED.value):
                found: Weights | None = None
            else:
                with at_work(self.ledger, f"weights of {model}"):
                    found, entry = self._source_of(model, seconds / len(models))
                if self.stopped() and not entry.get("complete", True):
                    found = None  # half-made weights would be those of the study for good
            obtained.entries[model.value] = entry
            if found is not None:
                obtained.weights[model.value] = found
                continue
            if self.stopped():  # tried again when the study goes on
                entry |= {"reason": Reason.STOPPED.value, "detail": "", "sha256": "", "passed": False}
            else:
                self.ledger.add_event("pretext_failed", entry["detail"], model.value)
            detail = f" ({entry['detail']})" if entry["detail"] else ""
            self.screen.say(f"{model}: {entry['reason']}{detail}")
        return obtained

    def _again(self, model: ModelName, entry: dict[str, Any]) -> Weights:
        options, source, digest = self.options, entry["source"], entry["sha256"]
        kept = (self.folder / "checkpoints").glob("*.sha256")
        made = next((path.with_suffix(".pth") for path in kept if path.is_file()
                     and path.read_text(encoding="ascii", errors="replace") == digest), None)  # fmt: skip
        try:
            if source == IMAGENET:
                weights = find_imagenet(model, weights_dir=options.weights_dir, offline=options.offline,
                                        stop=self.course.noting(self.stopped))  # fmt: skip
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
        return weights

    def _source_of(self, model: ModelName, share: float) -> sources.Found:
        options = self.options
        if options.init_checkpoint is not None:
            own = sources.checkpoint(model, options.init_checkpoint)
            if own is not None:
                return own
        # Half of the share: a network too slow for the file must leave time to make weights instead.
        whole, half = self.course.work.within(share), self.course.work.within(share / 2)
        enough = self.course.noting(lambda: self.stopped() or half.passed())
        try:
            return sources.imagenet(model, options.weights_dir, options.offline, enough)
        except WeightsError as error:
            reason = str(error)
            if options.weights_dir is not None and "altered" in reason:
                raise
        share = whole.left()
        if not self.stopped():
            self.ledger.add_event("weights_unreachable", reason, model.value)
        self.screen.say(
            f"{model}: no ImageNet weights ({reason}); pre-training on formula-made fractals "
            f"instead, {format_seconds(share)}"
        )
        limit: Deadline = self.course.work.within(share * 1.2)
        return sources.fractal(
            model, share, self.course.speeds[model.value].pretext, reason,
            cache_dir=self.folder / "checkpoints", seed=self.seed,
            runtime=self.runtime,
            stop=self.course.noting(lambda: self.stopped() or limit.passed()),
            on_progress=lambda point: self.screen.tick(
                f"pre-training {model}: pretext accuracy {point.accuracy:.3f}"),
        )  # fmt: skip
