"""The tasks that a study sends to its workers.

Modules that only one kind of task needs are imported when it runs, because every worker pays for imports.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from study.errors import WeightsError
from study.models.weights import reload
from study.networks import NETWORKS, ModelName
from study.orchestration.executors.protocol import Lost, Site, Task, WeightFiles
from study.orchestration.executors.run_artifacts import Arrays, artifacts_of, keep_weights
from study.planning.cost import Speed, measure
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import Init, RunSpec, Scope
from study.training.champion import Clock
from study.training.checkpoint import cooldown, trunk
from study.training.judging import judged
from study.training.loop import Stopped
from study.training.run import run
from study.training.workshop import Workshop


@dataclass(frozen=True, kw_only=True)
class Ran:
    """The record of a run and the arrays that belong to it, see `run_artifacts`."""

    record: RunRecord
    arrays: Arrays = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ChampionClock:
    """When a champion has to end.

    Attributes:
        from_run: run_id of the training that it continues.
        judging: seconds reserved for its final evaluation.
    """

    from_run: str
    judging: float


class _Task:
    """Defaults that most tasks share."""

    threads: int | None = None

    @property
    def at_home(self) -> bool:
        return False

    def weight_files(self) -> WeightFiles:
        return {}

    def with_weights(self, weights: WeightFiles) -> Task:
        return cast(Task, self)

    def reads(self, results: Path) -> list[Path]:
        return []


@dataclass(frozen=True, kw_only=True)
class Train(_Task):
    """Trains and evaluates a run; the result is `Ran`."""

    spec: RunSpec
    weights: WeightFiles
    clock: ChampionClock | None = None
    threads: int | None = None

    @property
    def label(self) -> str:
        return self.spec.name if self.clock is None else f"champion {self.spec.arm.name}"

    @property
    def at_home(self) -> bool:
        """A champion with several threads runs at home, because a distant worker has one core."""
        return (self.threads or 1) > 1

    def weight_files(self) -> WeightFiles:
        return self.weights

    def with_weights(self, weights: WeightFiles) -> Train:
        return replace(self, weights=weights)

    def reads(self, results: Path) -> list[Path]:
        spec = self.spec
        kept = [trunk(results, spec.run_id), cooldown(results, spec.run_id, spec.rung)]
        if self.clock is not None:
            kept.append(trunk(results, self.clock.from_run))
        return [path for checkpoints in kept for path in checkpoints.files()]

    def carry_out(self, site: Site) -> Ran:
        shop = equipped(site.shop, self.weights)
        if self.threads:
            shop = replace(shop, runtime=replace(shop.runtime, threads=self.threads))
        clock = None
        if (given := self.clock) is not None:
            clock = Clock(
                left_of_all=site.limit.left,
                from_run=given.from_run,
                judging=given.judging,
                judged_images=judged(self.spec).total,
            )
        model = self.spec.arm.model
        outcome = run(
            self.spec,
            shop,
            stop=site.check,
            on_point=site.show,
            clock=clock,
            tell=lambda kind, detail: site.tell(kind, detail, model),
        )
        began = time.monotonic()
        arrays = artifacts_of(outcome, shop, site.bench.object_index)
        record = outcome.record
        judging = record.judging_seconds + time.monotonic() - began
        kept = keep_weights(outcome, shop.folder)
        wall = record.wall_seconds + time.monotonic() - began
        record = replace(record, judging_seconds=judging, wall_seconds=wall, checkpoint=kept)
        return Ran(record=record, arrays=arrays)

    def lost(
        self, state: RunState, reason: str, points: tuple[EvaluationPoint, ...], seconds: float
    ) -> Ran:
        last = points[-1] if points else None
        return Ran(
            record=RunRecord(
                spec=self.spec,
                state=state,
                reason=reason,
                samples_seen=last.samples_seen if last else 0,
                train_seconds=last.seconds if last else 0.0,
                wall_seconds=seconds,
                history=points,
            )
        )


class _Whole(_Task):
    """A task without a record. If it is lost, the study continues without its result."""

    def lost(
        self, state: RunState, reason: str, points: tuple[EvaluationPoint, ...], seconds: float
    ) -> Any:
        raise Lost(reason)


class _AtHome(_Whole):
    """A task that needs the whole results directory."""

    @property
    def at_home(self) -> bool:
        return True


@dataclass(frozen=True, kw_only=True)
class Measure(_Whole):
    """Measures the networks' speeds while other workers measure too; the result is dict[str, Speed]."""

    models: tuple[ModelName, ...]

    @property
    def label(self) -> str:
        return "measuring speeds"

    def carry_out(self, site: Site) -> dict[str, Speed]:
        study, found = site.bench.study, dict[str, Speed]()
        for model in self.models:
            found[model] = measure(
                model,
                study.resolution,
                NETWORKS[model].batch_size,
                site.shop.runtime,
                data=study.data,
                fold=study.fold,
                stop=site.check,
            )
        return found


@dataclass(frozen=True, kw_only=True)
class Pretrain(_Whole):
    """Pre-trains a network on formula-made fractals.

    The result is an entry of pretraining.json with ``path``: the weights file relative to the results
    directory, or "" without weights.
    """

    model: ModelName
    seconds: float
    speed: float
    reason: str
    seed: int

    @property
    def label(self) -> str:
        return f"pre-training {self.model}"

    def carry_out(self, site: Site) -> dict[str, Any]:
        from study.pretraining import weight_sources

        def show(samples: int, seconds: float, loss: float | None, accuracy: float) -> None:
            site.show(
                EvaluationPoint(
                    samples_seen=samples, seconds=seconds, train_loss=loss or 0.0, val_accuracy=accuracy
                )
            )

        weights, entry = weight_sources.fractal(
            self.model,
            self.seconds,
            self.speed,
            self.reason,
            cache_dir=site.shop.folder / "checkpoints",
            seed=self.seed,
            runtime=site.shop.runtime,
            stop=site.check,
            on_progress=lambda p: show(p.samples, p.seconds, p.loss, p.accuracy),
        )
        made = Path(weights.path).relative_to(site.shop.folder).as_posix() if weights is not None else ""
        return {**entry, "path": made}


@dataclass(frozen=True, kw_only=True)
class Attest(_AtHome):
    """Runs the ImageNet witness; the result is its ledger fact."""

    @property
    def label(self) -> str:
        return "ImageNet witness"

    def carry_out(self, site: Site) -> dict[str, Any]:
        from study.pretraining.imagenet_witness import witness

        try:
            return {
                "state": RunState.FINISHED.value,
                "reason": "",
                "detail": "",
                **witness(site.shop, stop=site.check).to_dict(),
            }
        except Stopped:
            return _absent(Reason.DEADLINE)
        except WeightsError as error:
            return _absent(Reason.WEIGHTS_FILE, str(error))
        except Exception as error:  # no error of the witness may end the study
            return _absent(Reason.ERROR, f"{type(error).__name__}: {error}"[:200])


@dataclass(frozen=True, kw_only=True)
class Baselines(_Whole):
    """Computes chance and a softmax regression on pixels; the result is the rows of baselines.csv."""

    seed: int
    train_images: int

    @property
    def label(self) -> str:
        return "softmax regression on pixels"

    def carry_out(self, site: Site) -> list[dict[str, Any]]:
        from study.training.baselines import pixel_baseline

        shop = site.shop
        pool = shop.split_of(self.seed).train[: self.train_images]
        found: list[dict[str, Any]] = pixel_baseline(shop.images, pool, shop.test_order, site.check)
        return found


@dataclass(frozen=True, kw_only=True)
class Picture(_AtHome):
    """Writes the arrays behind the figures of the chosen object and of errors; it has no result.

    Attributes:
        index: the chosen test object.
        runs: evaluated runs of one seed, each arm once, at its highest rung.
        champion: the champion, if there is one.
    """

    index: int
    runs: tuple[RunRecord, ...]
    champion: RunRecord | None

    @property
    def label(self) -> str:
        return "pictures"

    def carry_out(self, site: Site) -> None:
        from study.explain.artifacts import write_errors, write_object

        shop = site.shop
        folder = shop.folder / "artifacts"
        shown = [*filter(None, [self.champion]), *self.runs]
        stored = {record.spec.run_id: run_arrays(shop.folder, record.spec) for record in shown}
        answers = {name: arrays["object"] for name, arrays in stored.items() if "object" in arrays}
        if answers:
            write_object(shop, answers, folder, self.index)
        best = self.champion or max(self.runs, key=lambda r: r.val_accuracy or 0.0, default=None)
        if best is not None and "probabilities" in stored[best.spec.run_id]:
            write_errors(shop, stored[best.spec.run_id]["probabilities"].astype(np.float32), folder)


@dataclass(frozen=True, kw_only=True)
class Explain(_AtHome):
    """Writes Grad-CAM, filters and feature maps of a network; the result is "" or why some are missing.

    Attributes:
        index: the chosen test object.
        model: the network.
        runs: evaluated runs of one seed, each arm once, at its highest rung.
        weights: files of pre-trained weights.
    """

    index: int
    model: ModelName
    runs: tuple[RunRecord, ...]
    weights: WeightFiles

    @property
    def label(self) -> str:
        return f"explanation of {self.model}"

    def carry_out(self, site: Site) -> str:
        def check() -> None:
            if site.check():
                raise Stopped

        try:
            self._explain(equipped(site.shop, self.weights), check)
        except Stopped:
            return Reason.DEADLINE.value
        except WeightsError as error:
            return str(error)
        return ""

    def _explain(self, shop: Workshop, check: Callable[[], None]) -> None:
        from study.explain.artifacts import write_filters
        from study.explain.feature_plane import write_featuremap
        from study.explain.gradcam import write_gradcam
        from study.explain.snapshots import kept_networks

        folder = shop.folder / "artifacts"
        kept = kept_networks(self.runs, shop, shop.folder / "checkpoints")
        for one in kept:
            arm = one.record.spec.arm
            if (arm.init, arm.scope) == (Init.PRETRAINED, Scope.FULL):
                write_filters(one.network.cpu(), one.record, shop, folder)
                one.network.to(shop.runtime.device)
        if len(kept) > 1:
            predicted = [run_arrays(shop.folder, one.record.spec)["probabilities"] for one in kept]
            least = min(map(len, predicted))
            write_gradcam(
                kept, [p[:least].astype(np.float32) for p in predicted], shop, folder, self.index, check
            )
        if self.runs and self.model in shop.weights:
            write_featuremap(self.runs[0], shop, folder, check)


def equipped(shop: Workshop, weights: WeightFiles) -> Workshop:
    """Adds pre-trained weights to the workshop; each process reads a file once."""
    for model, (path, source) in weights.items():
        known = shop.weights.get(model)
        if known is None or (known.path, known.source) != (path, source):
            shop.weights[model] = reload(Path(path), source)
    return shop


def arrays_path(results: Path, spec: RunSpec) -> Path:
    """Returns the file with the arrays of a run at its rung."""
    return results / "artifacts" / "runs" / f"{spec.run_id}.{spec.rung}.npz"


def run_arrays(results: Path, spec: RunSpec) -> dict[str, npt.NDArray[Any]]:
    """Returns the arrays of a run at its rung; none if the file is missing or damaged."""
    try:
        with np.load(arrays_path(results, spec), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception:  # numpy and zipfile raise many types for a damaged file
        return {}


def _absent(reason: Reason, detail: str = "") -> dict[str, Any]:
    return {"state": RunState.SKIPPED.value, "reason": reason.value, "detail": detail}
