"""Executes one run: builds the network, trains it to its rung, evaluates it, and returns a record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from study.data import augment, to_input
from study.models import Network, build
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import Init, Purpose, RunSpec, Scope
from study.training.batchnorm_recalibration import settle
from study.training.champion import Clock
from study.training.checkpoint import cooldown, trunk
from study.training.evaluate import (
    Probabilities,
    Quality,
    evaluation_batch,
    probabilities,
    quality,
)
from study.training.features import require_same_logits
from study.training.judging import judged
from study.training.loop import Stopped, Trainer, batch_sizes, settling_generator, step_generator
from study.training.param_groups import param_groups
from study.training.progress import Progress
from study.training.resume_state import ResumeState, Tell
from study.training.runtime import peak_memory_mb, reset_peak_memory
from study.training.schedule import branch_point, cooldown_factor, head_factor, trunk_factor
from study.training.workshop import Workshop

#: Batch size for BatchNorm's statistics; larger batches are faster.
SETTLING_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The record of a run and, if it has finished, its network and (but for trials) test probabilities."""

    record: RunRecord
    test_probabilities: Probabilities | None = None
    network: Network | None = None


def run(
    spec: RunSpec,
    shop: Workshop,
    *,
    stop: Callable[[], bool] = lambda: False,
    on_point: Callable[[EvaluationPoint], None] = lambda point: None,
    tell: Tell = lambda kind, detail: None,
    clock: Clock | None = None,
) -> Outcome:
    """Executes a run. An error inside the run becomes the state `failed` and is not raised.

    A run of scope `full` continues from its checkpoints in the workshop's folder and leaves new ones; the
    code that commits the record removes them. A frozen run takes seconds and always starts anew.

    Args:
        spec: the run.
        shop: data, runtime, folder and weights.
        stop: returns whether the run must end at the next step, with the state `interrupted`.
        on_point: receives each point of the curve.
        tell: see `ResumeState`.
        clock: decides when a champion ends; None for other runs.
    """
    progress = Progress()
    reset_peak_memory(shop.runtime.device)

    def check() -> None:
        if stop():
            raise Stopped

    job = _Job(
        spec=spec, shop=shop, progress=progress, check=check, on_point=on_point, tell=tell, clock=clock
    )
    state, reason = RunState.FINISHED, ""
    try:
        job.train()
        return Outcome(
            record=job.record(RunState.FINISHED, ""), test_probabilities=job.test, network=job.network
        )
    except Stopped:
        if job.resume is not None:
            job.resume.keep()
        state, reason = RunState.INTERRUPTED, Reason.DEADLINE.value
    except Exception as error:  # one failing run must not end the study
        told = (str(error).splitlines() or [""])[0][:200]
        state, reason = RunState.FAILED, f"{type(error).__name__}: {told}"
    job.judged.clear()
    return Outcome(record=job.record(state, reason))


@dataclass(kw_only=True)
class _Job:
    spec: RunSpec
    shop: Workshop
    progress: Progress
    check: Callable[[], None]
    on_point: Callable[[EvaluationPoint], None]
    tell: Tell
    clock: Clock | None
    resume: ResumeState | None = None
    network: Network | None = None
    test: Probabilities | None = None
    saved_seconds: float = 0.0
    judged: dict[str, Quality] = field(default_factory=dict)

    def train(self) -> None:
        spec, shop = self.spec, self.shop
        weights = shop.weights[spec.arm.model] if spec.arm.init is Init.PRETRAINED else None
        network = build(
            spec.arm.model,
            weights=weights,
            resolution=spec.resolution,
            fold=spec.fold,
            seed=spec.seed,
            first_conv=spec.first_conv,
            classes=len(spec.data.classes),
            channels=spec.data.channels,
        )
        self.network = network.to(shop.runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        pool = shop.split_of(spec.seed).train[: spec.train_images]
        if spec.arm.scope is Scope.FROZEN:
            self._fit_head(network, pool[: spec.rung])
        else:
            if spec.unfrozen_stages is not None:
                network.freeze(spec.unfrozen_stages)
            self._fit_all(network, pool)
        with self._judging():
            self._judge(network, pool[: spec.rung])

    # ---- full runs
    def _fit_all(self, network: Network, pool: Tensor) -> None:
        spec, runtime = self.spec, self.shop.runtime
        pixels = self.shop.images.train_images[pool].to(runtime.device)
        network.train()

        def forward(chosen: Tensor, position: int) -> Tensor:
            return run_on(inputs(pixels[chosen.to(runtime.device)], step_generator(spec.seed, position)))

        def inputs(chosen: Tensor, generator: torch.Generator) -> Tensor:
            recipe = spec.recipe
            return augment(
                to_input(chosen, spec.resolution),
                generator,
                flip=recipe.flip,
                shift=recipe.shift,
                erase=recipe.erase,
            )

        def run_on(x: Tensor) -> Tensor:
            with runtime.autocast():
                logits: Tensor = network(x.contiguous(memory_format=torch.channels_last))
            return logits

        trainer = Trainer(
            forward,
            param_groups(network, spec.hyper),
            self.shop.images.train_labels[pool],
            spec,
            runtime,
            progress=self.progress,
            stop=self.check,
            between_steps=self._between_steps,
        )

        def take_statistics() -> None:
            seen = pixels[: judged(spec).settling]
            parts = seen.split(batch_sizes(len(seen), SETTLING_BATCH))  # type: ignore[no-untyped-call]
            drawn = (inputs(x, settling_generator(spec.seed, place)) for place, x in enumerate(parts))
            with torch.random.fork_rng(devices=[]):  # dropout uses the generator too
                settle(network, drawn, run_on)

        if self.clock is not None:
            self._fit_champion(network, trainer, self.clock, take_statistics)
        else:
            self._fit_rung(network, trainer)
        with self._judging():
            take_statistics()

    def _fit_rung(self, network: Network, trainer: Trainer) -> None:
        """Trains the trunk to the branching point, stores it, and cools a copy down to the rung."""
        spec = self.spec
        branch = branch_point(spec)
        self.resume = self._resume_state(network, trainer, cooling=True)
        if not self.resume.take_up(at_most=spec.rung):
            self.resume = self._resume_state(network, trainer, cooling=False)
            self.resume.take_up(at_most=branch)
            trainer.advance(branch, lambda seen: trunk_factor(spec, seen), self._show)
            self.resume.keep()
            self.resume = self._resume_state(network, trainer, cooling=True)
        trainer.advance(spec.rung, lambda seen: cooldown_factor(spec, seen), self._show)
        trainer.note_point()

    def _fit_champion(
        self, network: Network, trainer: Trainer, clock: Clock, take_statistics: Callable[[], None]
    ) -> None:
        """Continues the trunk of a run of the matrix and cools it down, both by the clock."""
        spec = self.spec
        held = self.shop.split_of(spec.seed).validation[: clock.validation_images]
        own = self._resume_state(network, trainer, cooling=False)
        if not own.take_up(at_most=1 << 60):
            from_run = trunk(self.shop.folder, clock.from_run)
            start = ResumeState(
                from_run, network, trainer, rung=spec.rung, device=self.shop.runtime.device, tell=self.tell
            )
            start.take_up(at_most=1 << 60)
            self.progress.earlier = 0.0
            self.progress.accounted = self.progress.seconds
        self.resume = own

        def look() -> None:
            began = time.monotonic()
            with self._judging():
                take_statistics()
                found = self._quality(network, held)
            clock.looked(len(held) + judged(spec).settling, time.monotonic() - began)
            trainer.note_point(found.accuracy, found.loss)
            self._show()

        clock.begin(self.progress)
        while not clock.cooling(spec.recipe.cooldown):
            trainer.advance(
                self.progress.samples_seen + clock.stride(spec.batch_size),
                lambda seen: trunk_factor(spec, seen),
                self._show,
            )
            if clock.look_due():
                look()
        own.keep()
        self.resume = None  # a cooldown by the clock cannot be resumed; it starts again from the trunk
        clock.begin_cooldown()
        while not clock.over():
            trainer.advance(
                self.progress.samples_seen + spec.batch_size, lambda seen: clock.factor(), self._show
            )
            if clock.look_due():
                look()
        if trainer.losses:
            trainer.note_point()

    def _resume_state(self, network: Network, trainer: Trainer, *, cooling: bool) -> ResumeState:
        spec, shop = self.spec, self.shop
        kept = (
            cooldown(shop.folder, spec.run_id, spec.rung, shop.checkpoint_seconds)
            if cooling
            else trunk(shop.folder, spec.run_id, shop.checkpoint_seconds)
        )
        return ResumeState(
            kept, network, trainer, rung=spec.rung, device=shop.runtime.device, tell=self.tell
        )

    def _between_steps(self) -> None:
        if self.resume is not None:
            self.resume.between_steps()

    def _show(self) -> None:
        if self.progress.history:
            self.on_point(self.progress.history[-1])

    # ---- frozen runs
    def _fit_head(self, network: Network, pool: Tensor) -> None:
        spec, runtime, images = self.spec, self.shop.runtime, self.shop.images
        network.freeze()
        features = self.shop.features.compute(
            network, images.train_images[pool], spec.resolution, runtime, self.check
        )
        # The time of a frozen run includes the pass through the backbone, cached or not.
        self.progress.seconds, self.saved_seconds = features.seconds, features.saved
        values = features.values.to(runtime.device)
        head = nn.Linear(network.feature_size, network.head.out_features)
        head.load_state_dict(network.head.state_dict())
        head.to(runtime.device)
        groups = [
            {
                "params": list(head.parameters()),
                "lr": spec.hyper.lr,
                "weight_decay": spec.hyper.weight_decay,
            }
        ]
        total = spec.head_passes * len(pool)
        trainer = Trainer(
            lambda chosen, position: head(values[chosen.to(runtime.device)].float()),
            groups,
            images.train_labels[pool],
            spec,
            runtime,
            progress=self.progress,
            stop=self.check,
        )
        trainer.advance(total, lambda seen: head_factor(seen / total), self._show)
        trainer.note_point()
        mean, std = features.mean.to(runtime.device), features.std.to(runtime.device)
        network.fold_standardisation(mean, std, head)
        # The same batch as in the cache, because another batch size may round differently (bf16, TF32).
        batch = pool[: evaluation_batch(spec.resolution)]
        with self._judging():
            pixels = images.train_images[batch]
            require_same_logits(network, head, values[: len(batch)], pixels, spec.resolution, runtime)

    # ---- judging
    @contextmanager
    def _judging(self) -> Iterator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.progress.judging += time.monotonic() - began

    def _quality(self, network: Network, held: Tensor) -> Quality:
        images = self.shop.images
        predicted = probabilities(
            network, images.train_images[held], self.spec.resolution, self.shop.runtime, self.check
        )
        return quality(predicted, images.train_labels[held])

    def _judge(self, network: Network, pool: Tensor) -> None:
        """Evaluates on validation and, except for trials, on some training images and once on test."""
        spec, images, sizes = self.spec, self.shop.images, judged(self.spec)
        held = self.shop.split_of(spec.seed).validation[: sizes.validation]
        self.judged["val"] = self._quality(network, held)
        if sizes.train:
            self.judged["train"] = self._quality(network, pool[: sizes.train])
        if spec.purpose is not Purpose.TRIAL:
            order = self.shop.test_order[: sizes.test]
            self.test = probabilities(
                network, images.test_images[order], spec.resolution, self.shop.runtime, self.check
            )
            self.judged["test"] = quality(self.test, images.test_labels[order])

    def record(self, state: RunState, reason: str) -> RunRecord:
        spec, seen, network, sizes = self.spec, self.progress, self.network, judged(self.spec)
        val, train, test = (self.judged.get(name) for name in ("val", "train", "test"))
        history = list(seen.history)
        frozen = spec.arm.scope is Scope.FROZEN
        if val and history:
            last = history[-1]
            history[-1] = EvaluationPoint(
                samples_seen=last.samples_seen,
                seconds=last.seconds,
                train_loss=last.train_loss,
                val_accuracy=val.accuracy,
                val_loss=val.loss,
            )
        samples = seen.samples_seen
        if frozen:  # samples through the network; the head alone sees them more often
            samples = min(spec.rung, spec.train_images) if state is RunState.FINISHED else 0
        return RunRecord(
            spec=self._judged_spec(state),
            state=state,
            reason=reason,
            samples_seen=samples,
            val_accuracy=val.accuracy if val else None,
            val_loss=val.loss if val else None,
            train_accuracy=train.accuracy if train else None,
            test_accuracy=test.accuracy if test else None,
            test_loss=test.loss if test else None,
            macro_f1=test.macro_f1 if test else None,
            ece=test.ece if test else None,
            train_judged=sizes.train if train else None,
            validation_images=sizes.validation if val else None,
            test_images=sizes.test if test else None,
            train_seconds=seen.seconds,
            step_seconds=max(0.0, seen.seconds - (self.saved_seconds if frozen else seen.accounted)),
            judging_seconds=seen.judging,
            cached_seconds=self.saved_seconds,
            wall_seconds=seen.wall(),
            threads=self.shop.runtime.threads,
            images_per_second=samples / seen.seconds if seen.seconds > 0 else None,
            trainable_parameters=network.trainable_parameters if network else None,
            total_parameters=network.original_parameters if network else None,
            peak_memory_mb=peak_memory_mb(self.shop.runtime.device),
            history=tuple(history),
        )

    def _judged_spec(self, state: RunState) -> RunSpec:
        """Sets the rung of a champion to the number of samples that it has reached."""
        if self.clock is None or state is not RunState.FINISHED:
            return self.spec
        return replace(self.spec, rung=self.progress.samples_seen)
