"""Defines what the recipe table varies, and stores the measured rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from study.networks import ModelName
from study.spec import Init

OUT = Path(__file__).parents[1] / "out" / "recipe.json"
TRUNK, COSINE = "trunk", "cosine"
#: Arguments of `study.data.augment` by name of the augmentation; None leaves the images unchanged.
AUGMENTATIONS: dict[str, dict[str, float] | None] = {
    "none": None,
    "flip": {"flip": 0.5, "shift": 0.0, "erase": 0.0},
    "shift": {"flip": 0.0, "erase": 0.0},
    "flip+shift": {"flip": 0.5, "erase": 0.0},
    "flip+shift+erase": {"flip": 0.5},
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One way to train one network with one seed.

    Attributes:
        model: the network.
        seed: of split, order and initial values.
        init: initial values of the backbone.
        schedule: `TRUNK` or `COSINE`.
        lr: peak rate.
        batch: batch size.
        warm_up: samples of a trunk's warm-up; that of a cosine is the share that `study.training.schedule`
            gives it.
        share: share of a rung's samples in which a trunk is cooled down; 0 for a cosine.
        beta2: β₂ of AdamW.
        augmentation: key of `AUGMENTATIONS`.
        label_smoothing: in [0, 1).
        weight_decay: decoupled weight decay.
        lr_decay: factor between the rates of neighbouring stages.
        bias_factor: factor of the rate of BatchNorm's biases.
        ema: time constant in samples of averaged weights, which are evaluated instead of the last ones; 0
            for none.
        flip_test: whether the answers to an image and to its mirror image are averaged.
        resolution: side of the images in pixels.
    """

    model: ModelName
    seed: int = 1
    init: Init = Init.SCRATCH
    schedule: str = TRUNK
    lr: float = 1e-3
    batch: int = 64
    warm_up: int = 1_000
    share: float = 0.4
    beta2: float = 0.999
    augmentation: str = "flip+shift"
    label_smoothing: float = 0.0
    weight_decay: float = 0.01
    lr_decay: float = 1.0
    bias_factor: float = 1.0
    ema: int = 0
    flip_test: bool = False
    resolution: int = 32

    @property
    def trunk(self) -> tuple[Any, ...]:
        """What determines the trunk: settings that differ only in cooldown or evaluation share one."""
        values = asdict(self)
        for name in ("share", "ema", "flip_test"):
            del values[name]
        return tuple(values.values())


@dataclass(frozen=True, kw_only=True)
class Row:
    """The result of one cooled copy.

    Attributes:
        setting: how it was trained.
        samples: its rung.
        accuracy: validation accuracy in [0, 1].
        loss: validation loss.
        validation_images: number of validation images.
        seconds: wall time of its part of the trunk and of its cooldown.
        images_per_second: speed of training.
        load: the machine's load average over the last minute at the evaluation.
        cpu_seconds: processor time of the one thread; None in the oldest rows.
    """

    setting: Setting
    samples: int
    accuracy: float
    loss: float
    validation_images: int
    seconds: float
    images_per_second: float
    load: float
    cpu_seconds: float | None = None


def key(setting: Setting, samples: int) -> str:
    """Returns a text that is equal for equal settings and rungs in every process."""
    return json.dumps({**asdict(setting), "samples": samples}, sort_keys=True)


def append(row: Row, path: Path = OUT) -> None:
    """Appends a row as one line by one write, so that two processes can share the file."""
    line = json.dumps({**asdict(row), "setting": asdict(row.setting)}) + "\n"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line)


def read(path: Path = OUT) -> list[Row]:
    """Returns all rows, the oldest first; a field that a stored setting lacks gets its default."""
    if not path.exists():
        return []
    return [_row(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def done(rows: Iterable[Row]) -> set[str]:
    """Returns the keys of the rows."""
    return {key(row.setting, row.samples) for row in rows}


def _row(values: dict[str, Any]) -> Row:
    known = {field.name for field in fields(Setting)}
    raw = {name: value for name, value in values["setting"].items() if name in known}
    setting = Setting(**{**raw, "model": ModelName(raw["model"]), "init": Init(raw["init"])})
    return Row(**{**values, "setting": setting})
