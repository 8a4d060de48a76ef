"""Lists the comparisons of the recipe table, which vary one factor at a time around a base."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.recipe.settings import COSINE, Row, Setting
from study import networks
from study.spec import Init

#: A setting gets no second seed if the accuracy of its first is this much below the group's best.
HOPELESS = 0.03
#: Bases of the later measurements, chosen by the first ones.
VGG11 = Setting(model=networks.VGG11, lr=3e-4, batch=32, augmentation="none")
GOOGLENET = Setting(model=networks.GOOGLENET, lr=1e-3, batch=32, augmentation="none")
#: Bases of the first measurements.
OLD_VGG11 = replace(VGG11, lr=1.5e-4, batch=64, augmentation="flip+shift")
OLD_GOOGLENET = replace(GOOGLENET, batch=64, augmentation="flip+shift")
#: Base of the measurements for champions.
LONG_GOOGLENET = replace(GOOGLENET, lr=1.4e-3, batch=64, augmentation="flip")
PRETRAINED = replace(VGG11, init=Init.PRETRAINED)
PRETRAINED_GOOGLENET = replace(GOOGLENET, init=Init.PRETRAINED)


@dataclass(frozen=True, kw_only=True)
class Group:
    """Settings that are compared at the same rungs over the same seeds.

    Attributes:
        name: id of the group.
        title: heading of its table.
        settings: the settings, with seed 1.
        rungs: lengths in samples, ascending.
        seeds: the seeds.
    """

    name: str
    title: str
    settings: tuple[Setting, ...]
    rungs: tuple[int, ...]
    seeds: tuple[int, ...] = (1, 2)

    @property
    def rivals(self) -> set[Setting]:
        """The settings with each of the seeds."""
        return {replace(setting, seed=seed) for setting in self.settings for seed in self.seeds}

    def wanted(self, rows: Iterable[Row], seed: int) -> list[tuple[Setting, int]]:
        """Returns pairs (setting, rung) of a seed, without those that the first seed showed hopeless."""
        top = {
            replace(row.setting, seed=1): row.accuracy
            for row in rows
            if row.setting.seed == self.seeds[0] and row.samples == self.rungs[-1]
        }
        known = [top[s] for s in self.settings if s in top]
        best = max(known, default=0.0) if seed != self.seeds[0] else 0.0
        return [
            (replace(setting, seed=seed), rung)
            for setting in self.settings
            if top.get(setting, 1.0) >= best - HOPELESS
            for rung in self.rungs
        ]

    def hopeless(self, rows: Iterable[Row], row: Row) -> bool:
        """Whether another setting is better by more than `HOPELESS` at this row's rung and seed."""
        rivals = {replace(setting, seed=row.setting.seed) for setting in self.settings}
        best = max(
            other.accuracy for other in rows if other.samples == row.samples and other.setting in rivals
        )
        return row.accuracy < best - HOPELESS


def _rates(base: Setting, *rates: float) -> tuple[Setting, ...]:
    return tuple(replace(base, lr=rate) for rate in rates)


def _vary(base: Setting, name: str, *values: object) -> tuple[Setting, ...]:
    changes: list[dict[str, Any]] = [{name: value} for value in values]
    return tuple(replace(base, **change) for change in changes)


def _gate(base: Setting, *rates: float) -> tuple[Setting, ...]:
    """Returns both schedules at each rate.

    A cosine has no cooldown, and its warm-up is a share of its length.
    """
    cosine = replace(base, schedule=COSINE, share=0.0, warm_up=0)
    return tuple(replace(side, lr=rate) for rate in rates for side in (base, cosine))


GROUPS = (
    Group(
        name="rate-googlenet",
        title="GoogLeNet: peak rate of the trunk at batch 64",
        settings=_rates(OLD_GOOGLENET, 1e-3, 2e-3, 5e-4, 4e-3),
        rungs=(4_000, 16_000),
    ),
    Group(
        name="rate-vgg11",
        title="VGG11: peak rate of the trunk at batch 64",
        settings=_rates(OLD_VGG11, 1.5e-4, 3e-4, 7.5e-5, 6e-4),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="views-googlenet",
        title="GoogLeNet: augmentation at batch 64",
        settings=_vary(
            replace(OLD_GOOGLENET, lr=2e-3),
            "augmentation",
            "none",
            "flip",
            "flip+shift",
            "shift",
            "flip+shift+erase",
        ),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="pretrained-vgg11",
        title="VGG11 pre-trained on formulas (5,824 pictures): batch size, rate and length",
        settings=(
            *_rates(PRETRAINED, 1.5e-4, 3e-4),
            replace(PRETRAINED, lr=1.5e-4, batch=64),
        ),
        rungs=(4_000, 8_000, 16_000),
    ),
    Group(
        name="batch-googlenet",
        title="GoogLeNet: batch size, each at its own rates",
        settings=(
            *_rates(GOOGLENET, 1e-3, 2e-3),
            *_rates(replace(GOOGLENET, batch=16), 7e-4),
            *_rates(replace(GOOGLENET, batch=64), 1e-3, 2e-3),
        ),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="batch-vgg11",
        title="VGG11: batch size, each at its own rates",
        settings=(
            *_rates(VGG11, 3e-4, 1.5e-4),
            *_rates(replace(VGG11, batch=16), 1e-4, 2e-4),
            *_rates(replace(VGG11, batch=64), 1.5e-4, 3e-4, 6e-4),
        ),
        rungs=(2_000, 4_000, 8_000),
    ),
    Group(
        name="views-vgg11",
        title="VGG11: augmentation",
        settings=_vary(VGG11, "augmentation", "none", "flip"),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="share-googlenet",
        title="GoogLeNet: share f of the rung in which the copy is cooled down",
        settings=_vary(GOOGLENET, "share", 0.2, 0.4, 0.5),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="warm-up-googlenet",
        title="GoogLeNet: warm-up and β₂",
        settings=(*_vary(GOOGLENET, "warm_up", 1_000, 300, 2_000), replace(GOOGLENET, beta2=0.99)),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="gate-googlenet",
        title="GoogLeNet: trunk and cooldown against one cosine",
        settings=_gate(GOOGLENET, 1e-3, 2e-3),
        rungs=(4_000, 8_000, 32_000),
        seeds=(1, 2, 3),
    ),
    Group(
        name="gate-vgg11",
        title="VGG11: trunk and cooldown against one cosine",
        settings=_gate(VGG11, 3e-4, 1.5e-4),
        rungs=(4_000, 8_000),
        seeds=(1, 2, 3),
    ),
    Group(
        name="pretrained-googlenet",
        title="GoogLeNet pre-trained on formulas (16,384 pictures): peak rate",
        settings=_rates(PRETRAINED_GOOGLENET, 1e-3, 5e-4, 2e-3),
        rungs=(4_000, 8_000, 16_000),
    ),
    Group(
        name="smoothing-googlenet",
        title="GoogLeNet: label smoothing, rate of BatchNorm's biases, averaged weights",
        settings=(
            *_vary(GOOGLENET, "label_smoothing", 0.0, 0.1, 0.2),
            *_vary(GOOGLENET, "bias_factor", 4.0, 16.0),
            replace(GOOGLENET, ema=2_000),
        ),
        rungs=(8_000,),
    ),
    Group(
        name="smoothing-vgg11",
        title="VGG11: label smoothing",
        settings=_vary(VGG11, "label_smoothing", 0.0, 0.1, 0.2),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="smoothing-pretrained-vgg11",
        title="VGG11 pre-trained on formulas: label smoothing",
        settings=_vary(PRETRAINED, "label_smoothing", 0.0, 0.1, 0.2),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="smoothing-pretrained-googlenet",
        title="GoogLeNet pre-trained on formulas: label smoothing",
        settings=_vary(PRETRAINED_GOOGLENET, "label_smoothing", 0.0, 0.1, 0.2),
        rungs=(8_000, 16_000),
    ),
    Group(
        name="least-googlenet",
        title="GoogLeNet: least useful rung from scratch",
        settings=(GOOGLENET,),
        rungs=(1_000, 2_000, 4_000),
        seeds=(1, 2, 3),
    ),
    Group(
        name="least-vgg11",
        title="VGG11: least useful rung from scratch",
        settings=(VGG11,),
        rungs=(1_000, 2_000, 4_000),
        seeds=(1, 2, 3),
    ),
    Group(
        name="champion",
        title="GoogLeNet for two epochs: augmentation, smoothing, averages",
        settings=(
            *_vary(LONG_GOOGLENET, "augmentation", "flip", "flip+shift", "flip+shift+erase"),
            replace(LONG_GOOGLENET, label_smoothing=0.1),
            replace(LONG_GOOGLENET, flip_test=True),
            replace(LONG_GOOGLENET, ema=10_000),
        ),
        rungs=(100_000,),
        seeds=(1,),
    ),
    Group(
        name="champion-smoothing",
        title="GoogLeNet for two epochs at batch 128: label smoothing",
        settings=_vary(replace(LONG_GOOGLENET, lr=2e-3, batch=128), "label_smoothing", 0.1, 0.2, 0.0),
        rungs=(100_000,),
        seeds=(1, 2),
    ),
    Group(
        name="champion-batch",
        title="GoogLeNet for one to three epochs: batch and rate",
        settings=(
            *_rates(replace(LONG_GOOGLENET, batch=128), 2e-3, 3e-3, 1.4e-3),
            *_rates(LONG_GOOGLENET, 1.4e-3, 2e-3, 1e-3),
            replace(GOOGLENET, augmentation="flip"),
        ),
        rungs=(50_000, 100_000, 140_000),
        seeds=(1,),
    ),
)
