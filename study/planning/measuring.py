"""Speeds that decide a study: measured again where a busy moment may have spoilt them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from study.errors import UsageError
from study.planning.cost import MOST_TAIL, Speed, predicted_seconds
from study.planning.plan import decide
from study.pretraining import recipe_for
from study.spec import Init, ModelName, StudySpec

#: Measured anew at most so often, after a rest of so many seconds, within this share of the budget.
MOST_REPEATS = 3
REST = 4.0
SHARE = 0.03

Speeds = dict[str, Speed]


@dataclass(frozen=True, kw_only=True)
class Stakes:
    """What hangs on the speeds, in seconds for all networks together.

    runs: for the runs of the plan; pretraining: for pre-training, 0 where none is to be made.
    """

    study: StudySpec
    runs: float
    pretraining: float

    def doubts(self, speeds: Speeds) -> dict[ModelName, str]:
        """The networks whose speed should be measured again, and why."""
        found = {}
        for model in self.study.models:
            why = self._doubt(model, speeds[model.value])
            if why:
                found[model] = why
        return found

    def _doubt(self, model: ModelName, speed: Speed) -> str:
        number = len(self.study.models)
        if speed.tail >= MOST_TAIL:
            return "equal steps took unequally long"
        if self.pretraining:
            try:
                recipe_for(model, self.pretraining / number, speed.pretext)
            except UsageError:
                return "pre-training would not fit"
        cost = partial(predicted_seconds, speed=speed)
        plan = decide(model, self.study, cost, self.runs / number, tuple(Init))
        return "not every arm would fit" if plan.predicted_seconds > self.runs / number else ""


def settle(
    measure: Callable[[ModelName], Speed], stakes: Stakes, *, seconds: float,
    say: Callable[[str], None], stop: Callable[[], bool], rest: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Speeds:  # fmt: skip
    """Measure every network, and those in doubt again while `seconds` allow; the best counts.

    Args:
        measure: times one network.
        seconds: for repeats; one is begun if it would end in time at the pace of the first.
        say: told of every repeat and its reason. stop: no repeat is begun any more.
    """
    took: dict[ModelName, float] = {}

    def timed(model: ModelName) -> Speed:
        began = clock()
        speed = measure(model)
        took[model] = clock() - began
        return speed

    speeds = {model.value: timed(model) for model in stakes.study.models}
    began = clock()
    for _ in range(MOST_REPEATS):
        doubts = stakes.doubts(speeds)
        if not doubts or clock() - began + REST + sum(took[model] for model in doubts) > seconds or stop():
            break
        rest(REST)
        for model, why in doubts.items():
            if stop():
                break
            before = speeds[model.value]
            speeds[model.value] = best(before, timed(model))
            say(f"{model}: measured again ({why}): {before.train:.0f} → "
                f"{speeds[model.value].train:.0f} images/s")  # fmt: skip
    return speeds


def best(first: Speed, second: Speed) -> Speed:
    """What a busy machine can only have worsened: the better of each."""
    return Speed(
        train=max(first.train, second.train),
        train_small=max(first.train_small, second.train_small),
        inference=max(first.inference, second.inference),
        build=min(first.build, second.build),
        head=max(first.head, second.head),
        tail=min(first.tail, second.tail),
    )
