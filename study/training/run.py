"""Carries one run out: builds the network, trains it, judges it, and returns a record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from study.data import FashionMNIST, Split, augment, to_input
from study.errors import TrainingError
from study.models import Network, Weights, build
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import Init, Purpose, RunSpec, Scope
from study.training.bookmark import Bookmark, Tell
from study.training.checkpoint import Checkpoints
from study.training.evaluate import (
    Probabilities,
    Quality,
    batches_of,
    evaluation_batch,
    probabilities,
    quality,
)
from study.training.features import FeatureCache
from study.training.loop import Pruned, Stopped, batch_sizes, fit
from study.training.param_groups import param_groups
from study.training.progress import Progress
from study.training.running_statistics import settle
from study.training.runtime import Runtime, default_generator, peak_memory_mb, reset_peak_memory

TRAIN_SAMPLE = 2_000
CURVE_IMAGES = 1_000
#: Training images over which BatchNorm's statistics are taken before each evaluation.
SETTLED = 1_024
#: Images at most on which a head's logits from cached features are compared with the whole network's.
CHECKED = 100
LOGIT_TOLERANCE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What every run of a study shares; built once."""

    fashion: FashionMNIST
    split: Split
    runtime: Runtime
    weights: dict[str, Weights]
    cache: FeatureCache = field(default_factory=FeatureCache)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A record, and for finished final runs the test probabilities and the network."""

    record: RunRecord
    test_probabilities: Probabilities | None = None
    network: Network | None = None


def run(
    spec: RunSpec,
    shop: Workshop,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_evaluation: Callable[[EvaluationPoint], None] = lambda point: None,
    checkpoints: Checkpoints | None = None,
    tell: Tell = lambda kind, detail: None,
) -> Outcome:
    """Carry a run out. Never raises for what goes wrong inside it: that is a state.

    Args:
        stop: True ends the run at the next step: state `interrupted`.
        on_evaluation: sees each point, those of earlier parts too; raising `Pruned` gives a trial up.
        checkpoints: where a run of scope `full` is taken up from and kept; removing them is left to
            whoever commits the record. A frozen run begins anew: it takes seconds.
        tell: see `Bookmark`.
    """
    progress = Progress()
    reset_peak_memory(shop.runtime.device)

    def check() -> None:
        if stop():
            raise Stopped

    job = _Job(spec=spec, shop=shop, progress=progress, check=check, on_evaluation=on_evaluation,
               checkpoints=checkpoints, tell=tell)  # fmt: skip
    state, reason = RunState.FINISHED, ""
    try:
        job.train()
        return Outcome(
            record=job.record(RunState.FINISHED, "", judged=True),
            test_probabilities=job.test,
            network=job.network,
        )
    except Stopped:
        if job.bookmark is not None:
            job.bookmark.keep()
        state, reason = RunState.INTERRUPTED, Reason.DEADLINE.value
    except Pruned:
        state, reason = RunState.PRUNED, Reason.PRUNED.value
    except Exception as error:  # one broken run must not end the study
        told = (str(error).splitlines() or [""])[0][:200]
        state, reason = RunState.FAILED, f"{type(error).__name__}: {told}"
    return Outcome(record=job.record(state, reason, judged=False))


@dataclass(kw_only=True)
class _Job:
    spec: RunSpec
    shop: Workshop
    progress: Progress
    check: Callable[[], None]
    on_evaluation: Callable[[EvaluationPoint], None]
    checkpoints: Checkpoints | None
    tell: Tell
    bookmark: Bookmark | None = None
    network: Network | None = None
    test: Probabilities | None = None
    cached_seconds: float = 0.0
    judged: dict[str, Quality] = field(default_factory=dict)

    def train(self) -> None:
        spec, shop = self.spec, self.shop
        weights = shop.weights[spec.arm.model.value] if spec.arm.init is Init.PRETRAINED else None
        network = build(
            spec.arm.model,
            weights=weights,
            resolution=spec.resolution,
            fold=spec.fold,
            seed=spec.seed,
            first_conv=spec.first_conv,
        )
        self.network = network.to(shop.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        pool = shop.split.train[: spec.train_images]
        if spec.arm.scope is Scope.FROZEN:
            self._fit_head(network, pool)
        else:
            if spec.unfrozen_stages is not None:
                network.freeze(spec.unfrozen_stages)
            self._fit_all(network, pool)
        self._judge(network, pool)

    def _fit_all(self, network: Network, pool: Tensor) -> None:
        spec, runtime = self.spec, self.shop.runtime
        images = self.shop.fashion.train_images[pool].to(runtime.device)
        generator = torch.Generator().manual_seed(spec.seed * 7_919 + 1)
        held = self.shop.split.validation[: min(CURVE_IMAGES, spec.validation_images)]
        network.train()

        def forward(chosen: Tensor) -> Tensor:
            return run_on(augment(to_input(images[chosen.to(runtime.device)], spec.resolution), generator))

        def run_on(x: Tensor) -> Tensor:
            with runtime.autocast():
                logits: Tensor = network(x.contiguous(memory_format=torch.channels_last))
            return logits

        def measure() -> tuple[float, float]:
            # A generator of its own: evaluation must not change what training sees.
            views = torch.Generator().manual_seed(spec.seed * 7_919 + 3)
            seen = images[:SETTLED]
            parts = seen.split(batch_sizes(len(seen), spec.batch_size))  # type: ignore[no-untyped-call]
            settle(network, (augment(to_input(x, spec.resolution), views) for x in parts), run_on)
            return self._measure(network, held)

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(spec.seed * 7_919 + 2)  # dropout
            if self.checkpoints is not None:
                self.bookmark = Bookmark(
                    self.checkpoints, network, self.progress,
                    {"augmentation": generator, "dropout": default_generator(runtime.device)},
                    runtime.device, self.tell,
                )  # fmt: skip
            self._fit(forward, param_groups(network, spec.hyper), pool, measure)

    def _fit_head(self, network: Network, pool: Tensor) -> None:
        spec, runtime, fashion = self.spec, self.shop.runtime, self.shop.fashion
        network.freeze()
        # Only images that will be seen are passed through the backbone.
        held = self.shop.split.validation[: min(CURVE_IMAGES, spec.validation_images)]
        both = torch.cat([pool, held])
        features = self.shop.cache.compute(
            network, fashion.train_images[both], spec.resolution, runtime, self.check,
            training=len(pool),
        )  # fmt: skip
        # The clock of a frozen run starts with the pass through the backbone, cached or not.
        self.progress.seconds = features.seconds * len(pool) / len(both)
        self.cached_seconds = self.progress.seconds if features.cached else 0.0
        values = features.values.to(runtime.device)
        train, validation = values[: len(pool)], values[len(pool) :].float()
        head = nn.Linear(network.feature_size, network.head.out_features)
        head.load_state_dict(network.head.state_dict())
        head.to(runtime.device)
        labels = fashion.train_labels[held]
        groups = [
            {"params": list(head.parameters()), "lr": spec.hyper.lr,
             "weight_decay": spec.hyper.weight_decay}
        ]  # fmt: skip

        def measure() -> tuple[float, float]:
            with torch.inference_mode():
                found = quality(head(validation).softmax(1).cpu().numpy(), labels)
            return found.accuracy, found.loss

        self._fit(lambda chosen: head(train[chosen.to(runtime.device)].float()), groups, pool,
                  measure)  # fmt: skip
        mean, std = features.mean.to(runtime.device), features.std.to(runtime.device)
        network.fold_standardisation(mean, std, head)
        # The very batch that the cache saw: of another size it may be rounded otherwise (bf16, TF32).
        batch = both[: evaluation_batch(spec.resolution)]
        self._compare(network, head, values[: len(batch)], batch)

    @torch.inference_mode()
    def _compare(self, network: Network, head: nn.Linear, cached: Tensor, images: Tensor) -> None:
        """The saved network must answer as the head on cached features did.

        Raises:
            TrainingError: a logit differs by more than `LOGIT_TOLERANCE` of the largest.
        """
        found = head(cached.float()).cpu()[:CHECKED]
        pixels = self.shop.fashion.train_images[images]
        whole = next(batches_of(network, pixels, self.spec.resolution, self.shop.runtime))[:CHECKED]
        largest = max(1.0, float(found.abs().max()))
        difference = float((found - whole).abs().max()) / largest
        if not difference <= LOGIT_TOLERANCE:
            raise TrainingError(f"cached features give other logits than the network: {difference:.1e}")

    def _fit(
        self, forward: Callable[[Tensor], Tensor], groups: list[dict[str, object]],
        pool: Tensor, measure: Callable[[], tuple[float, float]],
    ) -> None:  # fmt: skip
        fit(
            forward, groups, self.shop.fashion.train_labels[pool], self.spec, self.shop.runtime,
            progress=self.progress, stop=self.check, evaluate=measure,
            on_evaluation=self.on_evaluation, bookmark=self.bookmark,
        )  # fmt: skip

    def _measure(self, network: Network, held: Tensor) -> tuple[float, float]:
        fashion = self.shop.fashion
        found = quality(
            probabilities(network, fashion.train_images[held], self.spec.resolution,
                          self.shop.runtime, self.check),
            fashion.train_labels[held],
        )  # fmt: skip
        return found.accuracy, found.loss

    def _judge(self, network: Network, pool: Tensor) -> None:
        """Validation always; for a final run also a sample of the training images, and test once."""
        spec, fashion = self.spec, self.shop.fashion
        held = self.shop.split.validation[: spec.validation_images]
        parts = {"val": (fashion.train_images[held], fashion.train_labels[held])}
        if spec.purpose is Purpose.FINAL:
            seen = pool[:TRAIN_SAMPLE]
            parts["train"] = (fashion.train_images[seen], fashion.train_labels[seen])
        if spec.purpose is not Purpose.TRIAL:
            parts["test"] = (fashion.test_images, fashion.test_labels)
        for name, (images, labels) in parts.items():
            predicted = probabilities(
                network, images, spec.resolution, self.shop.runtime, self.check
            )
            self.judged[name] = quality(predicted, labels)
            if name == "test":
                self.test = predicted

    def record(self, state: RunState, reason: str, *, judged: bool) -> RunRecord:
        seen, network = self.progress, self.network
        last = seen.history[-1] if seen.history else None
        seconds = seen.seconds
        quality_of = self.judged if judged else {}
        val, train, test = (quality_of.get(name) for name in ("val", "train", "test"))
        return RunRecord(
            spec=self.spec,
            state=state,
            reason=reason,
            samples_seen=seen.samples_seen if judged or last is None else last.samples_seen,
            val_accuracy=val.accuracy if val else (last.val_accuracy if last else None),
            train_accuracy=train.accuracy if train else None,
            test_accuracy=test.accuracy if test else None,
            test_loss=test.loss if test else None,
            macro_f1=test.macro_f1 if test else None,
            ece=test.ece if test else None,
            train_seconds=seconds,
            cached_seconds=self.cached_seconds,
            wall_seconds=seen.wall(),
            images_per_second=seen.samples_seen / seconds if seconds > 0 else None,
            trainable_parameters=network.trainable_parameters if network else None,
            total_parameters=network.original_parameters if network else None,
            peak_memory_mb=peak_memory_mb(self.shop.runtime.device),
            history=tuple(seen.history),
        )
