"""The specifications of arms, hyperparameters, runs and the study, as frozen values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from enum import Enum
from functools import cached_property
from typing import Any

from study.datasets import DATASETS, DatasetDescriptor, DatasetName, dataset_name
from study.datasets import DEFAULT as DEFAULT_DATASET
from study.errors import UsageError
from study.field_types import Text, convert_exact
from study.networks import DEFAULT, ModelName, network_name

RESOLUTIONS = (32, 64, 96, 128, 224)
#: The shortest rung in samples; rung k has 2^k times as many.
SHORTEST_RUNG = 2_000
#: Largest seed of a study; the seeds of its runs, epochs and layers are multiples and must fit 64 bits.
MOST_SEED = 99_999_999
#: Largest number of seeds that a study may be limited to.
MOST_SEEDS = 10**9


class _Name(str, Enum):
    """Base of the enumerations whose values are written to CSV and JSON."""

    def __str__(self) -> str:
        return str(self.value)


class Init(_Name):
    PRETRAINED = "pretrained"
    SCRATCH = "scratch"


class Scope(_Name):
    FROZEN = "frozen"
    FULL = "full"


class LrPolicy(_Name):
    UNIFORM = "uniform"
    DISCRIMINATIVE = "discriminative"
    NONE = "none"


class Purpose(_Name):
    """The purpose of a run.

    Trials are evaluated on validation only, other runs also on test, once per rung. Final runs form the
    matrix. Side runs belong to side experiments, and the champion is the network that is trained longest;
    neither is mixed with final runs.
    """

    TRIAL = "trial"
    FINAL = "final"
    SIDE = "side"
    CHAMPION = "champion"


class Experiment(_Name):
    """The side experiments, the most important first.

    They measure accuracy by number of labels, by number of trained stages, and by the way in which the
    first convolution is adapted to one channel.
    """

    LABELS = "labels"
    DEPTH = "depth"
    ADAPTATION = "adaptation"


class FirstConv(_Name):
    """Alternative ways to adapt the pretrained first convolution to one channel (see `study.models`)."""

    MEAN = "mean"
    FRESH = "fresh"


class Precision(_Name):
    FP32 = "fp32"
    BF16 = "bf16"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One cell of the matrix, see `study.matrix`.

    Attributes:
        model: the network.
        init: initial values of the backbone.
        scope: whether only the output layer is trained, or all layers.
        lr_policy: learning rates of the stages; ``none`` for a frozen backbone.
    """

    model: ModelName
    init: Init
    scope: Scope
    lr_policy: LrPolicy

    def __post_init__(self) -> None:
        network_name(self.model)
        if (self.scope is Scope.FROZEN) != (self.lr_policy is LrPolicy.NONE):
            raise UsageError(
                f"arm {self.model}/{self.init}/{self.scope}/{self.lr_policy} does not exist: "
                "lr_policy is 'none' exactly where scope is 'frozen'"
            )

    @property
    def name(self) -> str:
        """For example ``vgg11-pretrained-full-uniform`` or ``googlenet-scratch-frozen``."""
        parts = [self.model, self.init.value, self.scope.value]
        if self.lr_policy is not LrPolicy.NONE:
            parts.append(self.lr_policy.value)
        return "-".join(parts)


@dataclass(frozen=True, kw_only=True)
class HyperParams:
    """The hyperparameters of a run.

    Attributes:
        lr: peak learning rate of the output layer, > 0.
        weight_decay: decoupled weight decay of AdamW, ≥ 0.
        label_smoothing: in [0, 1).
        lr_decay: factor between the rates of neighbouring stages, ≥ 1 (Howard & Ruder 2018); None if all
            stages have the same rate.
    """

    lr: float
    weight_decay: float = 0.01
    label_smoothing: float = 0.0
    lr_decay: float | None = None

    def __post_init__(self) -> None:
        if not self.lr > 0:
            raise UsageError(f"lr must be above 0, got {self.lr}")
        if self.weight_decay < 0:
            raise UsageError(f"weight_decay must not be negative, got {self.weight_decay}")
        if not 0 <= self.label_smoothing < 1:
            raise UsageError(f"label_smoothing must lie in [0, 1), got {self.label_smoothing}")
        if self.lr_decay is not None and self.lr_decay < 1:
            raise UsageError(f"lr_decay must be at least 1, got {self.lr_decay}")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How every run of a study is trained; docs/recipe.md has the measurements behind it.

    Attributes:
        warm_up: samples over which the rate rises to its peak, > 0.
        cooldown: share of a rung's samples over which the rate falls to zero, in (0, 1].
        flip: probability that an image is mirrored, in [0, 1].
        shift: greatest shift as a share of the image's side, in [0, 0.5).
        erase: probability that a square of the image is erased, in [0, 1].
    """

    warm_up: int = 1_000
    cooldown: float = 0.4
    flip: float = 0.5
    shift: float = 0.0
    erase: float = 0.0

    def __post_init__(self) -> None:
        if self.warm_up < 1:
            raise UsageError(f"warm_up must be at least 1 sample, got {self.warm_up}")
        if not 0 < self.cooldown <= 1:
            raise UsageError(f"cooldown must lie in (0, 1], got {self.cooldown}")
        for name in ("flip", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise UsageError(f"{name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 <= self.shift < 0.5:
            raise UsageError(f"shift must lie in [0, 0.5), got {self.shift}")


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """A training of an arm with one seed and one set of hyperparameters, evaluated at one rung.

    A training continues from rung to rung: specs that differ only in their rung belong to the same training
    and have the same `run_id`. The pair (run_id, rung) identifies one evaluation.

    Attributes:
        arm: the cell of the matrix.
        purpose: of the run.
        seed: of the run; it fixes split, order and initial values.
        hyper: hyperparameters.
        rung: samples (training images that pass through the network, repetitions included) after which
            the training is evaluated. A frozen run passes that many images, at most all, through its
            backbone once and `head_passes` times through the output layer.
        train_images: size of the pool that samples are drawn from, at most all training images.
        resolution: side of the images in pixels.
        batch_size: in training.
        head_passes: passes of a frozen run through the output layer.
        recipe: schedule and augmentation.
        init_source: ``imagenet1k_v1``, ``fractal``, a checkpoint's name, or ``none``.
        weights_sha256: of the file of pre-trained weights; empty for scratch.
        precision: of the arithmetic.
        fold: whether VGG11's fc6 is folded (docs/adr/0004-fc6-fold.md).
        trial: number of the tuning trial; None for other runs.
        experiment: the side experiment; None for other runs.
        unfrozen_stages: number of trained stages below the output layer; None if the scope decides.
        first_conv: alternative adaptation of the first convolution; None for the usual one.
        dataset: the data set.
    """

    arm: Arm
    purpose: Purpose
    seed: int
    hyper: HyperParams
    rung: int
    train_images: int = DATASETS[DEFAULT_DATASET].train_images
    resolution: int = 32
    batch_size: int = 64
    head_passes: int = 20
    recipe: Recipe = Recipe()
    init_source: str = "none"
    weights_sha256: str = ""
    precision: Precision = Precision.FP32
    fold: bool = True
    trial: int | None = None
    experiment: Experiment | None = None
    unfrozen_stages: int | None = None
    first_conv: FirstConv | None = None
    dataset: DatasetName = DEFAULT_DATASET

    def __post_init__(self) -> None:
        if (self.purpose is Purpose.SIDE) != (self.experiment is not None):
            raise UsageError("a side run, and no other, belongs to an experiment")
        if (self.experiment is Experiment.ADAPTATION) != (self.first_conv is not None):
            raise UsageError("a run of the adaptation experiment, and no other, has a first_conv")
        if self.first_conv is not None and self.arm.init is Init.SCRATCH:
            raise UsageError("a network trained from scratch has no first convolution to adapt")
        if self.unfrozen_stages is not None and self.unfrozen_stages < 0:
            raise UsageError(f"unfrozen_stages must not be negative, got {self.unfrozen_stages}")
        dataset_name(self.dataset)
        most = self.data.train_images
        if not 1 <= self.train_images <= most:
            raise UsageError(f"train_images must lie in 1…{most}, got {self.train_images}")
        if self.rung < 1:
            raise UsageError(f"a rung must be at least 1 sample, got {self.rung}")
        if self.batch_size < 2:
            raise UsageError(f"batch_size must be at least 2, got {self.batch_size}")
        if self.resolution not in RESOLUTIONS:
            raise UsageError(f"resolution must be one of {RESOLUTIONS}, got {self.resolution}")
        if self.seed < 0:
            raise UsageError(f"seed must not be negative, got {self.seed}")

    @cached_property
    def run_id(self) -> str:
        """A readable id that is equal in every process for specs that differ only in their rung."""
        values = self.to_dict()
        del values["rung"]
        text = json.dumps(values, sort_keys=True, ensure_ascii=False)
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        mark = f"t{self.trial}" if self.purpose is Purpose.TRIAL else f"s{self.seed}"
        kind = f"{self.experiment}-" if self.experiment else ""
        kind = "champion-" if self.purpose is Purpose.CHAMPION else kind
        return f"{self.arm.name}-{kind}{mark}-{digest}"

    @property
    def key(self) -> tuple[str, int]:
        """The key of the run in the ledger: (run_id, rung)."""
        return self.run_id, self.rung

    @property
    def name(self) -> str:
        """Run and rung for people, such as ``vgg11-scratch-frozen-s1-0a1b2c3d @ 4,000``."""
        return f"{self.run_id} @ {self.rung:,}"

    @property
    def data(self) -> DatasetDescriptor:
        return DATASETS[self.dataset]

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields; the default data set is left out, as in ledgers that knew no other.

        The `run_id` depends on the result, so that runs on different data sets have different ids.
        """
        return _unless_default(asdict(self))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunSpec:
        """Creates the spec from the result of `to_dict`.

        Raises:
            UsageError: a value is out of its range.
            Misshapen: the values are anything else.
        """
        return convert_exact(values, cls, required=("recipe", "precision"))


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """The settings of a study, which it keeps when it is resumed; only `max_seeds` may change.

    The budget is not one of them, because a study may get more time.

    Attributes:
        models: the networks.
        seed: of the study.
        resolution: side of the images in pixels.
        device: ``cpu`` or ``cuda``.
        precision: of the arithmetic.
        fold: whether VGG11's fc6 is folded.
        max_seeds: upper bound on the number of seeds; None means no bound.
        init_checkpoint: SHA-256 of the user's own weights, independent of the place of the file; or "".
        dataset: the data set; a study whose settings do not name one has the default.
    """

    models: tuple[ModelName, ...] = DEFAULT
    seed: int = 0
    resolution: int = 32
    device: Text = "cpu"
    precision: Precision = Precision.FP32
    fold: bool = True
    max_seeds: int | None = None
    init_checkpoint: Text = ""
    dataset: DatasetName = DEFAULT_DATASET

    def __post_init__(self) -> None:
        if not self.models:
            raise UsageError("a study needs at least one model")
        for model in self.models:
            network_name(model)
        dataset_name(self.dataset)
        if self.resolution not in RESOLUTIONS:
            raise UsageError(f"resolution must be one of {RESOLUTIONS}, got {self.resolution}")
        if self.max_seeds is not None and not 1 <= self.max_seeds <= MOST_SEEDS:
            raise UsageError(f"seeds must lie in 1…{MOST_SEEDS}, got {str(self.max_seeds)[:40]}")
        if not 0 <= self.seed <= MOST_SEED:
            raise UsageError(f"seed must lie in 0…{MOST_SEED}, got {str(self.seed)[:40]}")

    @property
    def data(self) -> DatasetDescriptor:
        return DATASETS[self.dataset]

    def to_dict(self) -> dict[str, Any]:
        return {name: list(value) if name == "models" else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> StudySpec:
        """Returns the settings from `to_dict`.

        Raises:
            UsageError: a value is out of its range.
            Misshapen: a value is missing, unknown or of another kind.
        """
        required = [field.name for field in fields(cls) if field.name != "dataset"]
        return convert_exact(values, cls, required=required)

    @property
    def fingerprint(self) -> str:
        """Returns a digest of all settings, which ledgers held before they held the settings."""
        text = json.dumps(_unless_default(asdict(self)), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _unless_default(values: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of a spec without the data set if it is the default one."""
    return {name: value for name, value in values.items() if (name, value) != ("dataset", DEFAULT_DATASET)}
