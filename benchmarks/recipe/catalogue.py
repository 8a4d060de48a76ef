"""The comparisons of the recipe table: one factor at a time around a base."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from benchmarks.recipe.settings import Row, Setting
from study.spec import Init, ModelName

#: A setting whose first seed is worse than the group's best by more gets no second seed.
HOPELESS = 0.03
VGG11 = Setting(model=ModelName.VGG11, lr=1.5e-4)
GOOGLENET = Setting(model=ModelName.GOOGLENET, lr=1e-3)
PRETRAINED = replace(VGG11, init=Init.PRETRAINED, augmentation="none")


@dataclass(frozen=True, kw_only=True)
class Group:
    """Settings (of seed 1) that are compared at the same rungs over the same seeds."""

    name: str
    title: str
    settings: tuple[Setting, ...]
    rungs: tuple[int, ...]
    seeds: tuple[int, ...] = (1, 2)

    def wanted(self, rows: Iterable[Row], seed: int) -> list[tuple[Setting, int]]:
        """Pairs (setting, rung) of a seed, without those that an earlier seed showed hopeless."""
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
        """Whether another setting of the group is better by more at this rung and seed."""
        rivals = {replace(setting, seed=row.setting.seed) for setting in self.settings}
        best = max(
            other.accuracy for other in rows if other.samples == row.samples and other.setting in rivals
        )
        return row.accuracy < best - HOPELESS


def _views(base: Setting, *names: str) -> tuple[Setting, ...]:
    return tuple(replace(base, augmentation=name) for name in names)


def _rates(base: Setting, *rates: float) -> tuple[Setting, ...]:
    return tuple(replace(base, lr=rate) for rate in rates)


GROUPS = (
    Group(
        name="rate-googlenet", title="GoogLeNet: peak rate of the trunk",
        settings=_rates(GOOGLENET, 1e-3, 2e-3, 4e-3, 5e-4), rungs=(4_000, 8_000),
    ),
    Group(
        name="rate-vgg11", title="VGG11: peak rate of the trunk",
        settings=_rates(VGG11, 1.5e-4, 3e-4, 7.5e-5), rungs=(4_000,),
    ),
    Group(
        name="views-googlenet", title="GoogLeNet: augmentation",
        settings=_views(replace(GOOGLENET, lr=2e-3), "none", "flip", "flip+shift", "shift"),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="pretrained-vgg11", title="VGG11 pre-trained on formulas: peak rate",
        settings=(
            *_rates(replace(PRETRAINED, batch=64), 1.5e-4),
            *_rates(replace(PRETRAINED, batch=32), 1.5e-4, 3e-4, 7.5e-5),
            *_rates(replace(PRETRAINED, batch=16), 1e-4),
        ),
        rungs=(4_000,),
    ),
    Group(
        name="batch-googlenet", title="GoogLeNet: batch size",
        settings=(
            *_rates(replace(GOOGLENET, batch=32, augmentation="none"), 1e-3, 2e-3),
            *_rates(replace(GOOGLENET, batch=16, augmentation="none"), 7e-4),
            replace(GOOGLENET, batch=64, augmentation="none", lr=2e-3),
        ),
        rungs=(4_000, 8_000),
    ),
    Group(
        name="share-googlenet", title="GoogLeNet: share of the rung that is cooled down in",
        settings=tuple(
            replace(GOOGLENET, lr=1e-3, augmentation="none", share=share) for share in (0.4, 0.2, 0.5)
        ),
        rungs=(8_000,),
    ),
)  # fmt: skip
