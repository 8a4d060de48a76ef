"""What is varied in the recipe table, and the rows that measurements leave behind."""

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
#: Arguments of `study.data.augment` by name; None leaves the images as they are.
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

    lr is the peak rate; warm_up is in samples, for a trunk; `share` is the part of a rung's samples
    that a trunk is cooled down in, and 0 for a cosine, whose warm-up is the share that
    `study.training.schedule` gives it. bias_factor multiplies the rate of BatchNorm's biases. ema is the
    time constant in samples of averaged weights, which are judged instead of the last ones; 0 is none.
    flip_test averages the answers to an image and its mirror image.
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
        """Equal where one trunk serves both: what only concerns the cooldown is left out."""
        values = asdict(self)
        for name in ("share", "ema", "flip_test"):
            del values[name]
        return tuple(values.values())


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one cooled copy came to. samples is its rung; seconds those of its trunk's part and of itself.

    accuracy and loss are of `validation_images`; load is the machine's mean load of the last minute
    when the copy was judged. cpu_seconds: of the one thread; the first rows were made without.
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
    """Equal for equal settings at equal rungs, in every process."""
    return json.dumps({**asdict(setting), "samples": samples}, sort_keys=True)


def append(row: Row, path: Path = OUT) -> None:
    """One line in one write: two processes may fill one file."""
    line = json.dumps({**asdict(row), "setting": asdict(row.setting)}) + "\n"
    with path.open("a", encoding="utf-8") as stream:
        stream.write(line)


def read(path: Path = OUT) -> list[Row]:
    """All rows, the oldest first; a setting that lacks a younger field has its default."""
    if not path.exists():
        return []
    return [_row(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line]


def done(rows: Iterable[Row]) -> set[str]:
    return {key(row.setting, row.samples) for row in rows}


def _row(values: dict[str, Any]) -> Row:
    known = {field.name for field in fields(Setting)}
    raw = {name: value for name, value in values["setting"].items() if name in known}
    setting = Setting(**{**raw, "model": ModelName(raw["model"]), "init": Init(raw["init"])})
    return Row(**{**values, "setting": setting})
