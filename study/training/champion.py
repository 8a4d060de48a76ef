"""The clock of a champion: it trains as long as there is time, and always ends cooled down."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from study.spec import TRAIN_IMAGES, Purpose, RunSpec
from study.training.defaults import CHAMPION_BATCHES, LONG_RECIPE, RECIPE
from study.training.progress import Progress

#: Epochs from which a champion passes the images so often that they need more variety.
LONG_EPOCHS = 8.0

#: Looks at validation over a champion's course: one in so many seconds, within these bounds.
BETWEEN_LOOKS, LEAST_LOOKS, MOST_LOOKS = 25.0, 4, 16
#: The last judgement may be so much slower than a look; and what keeping the network takes.
SLOWER, _TO_KEEP = 1.25, 2.0
#: Seconds between two questions whether the cooldown has to begin.
_STRIDE_SECONDS = 1.0


def champion_spec(spec: RunSpec, rung: int) -> RunSpec:
    """How a run of the matrix goes on as a champion (docs/recipe.md); the rate grows with √batch.

    Args:
        rung: samples that it will have seen at its end, about.
    """
    size = next((batch for least, batch in CHAMPION_BATCHES if rung >= least), spec.batch_size)
    hyper = replace(spec.hyper, lr=spec.hyper.lr * math.sqrt(size / spec.batch_size))
    recipe = LONG_RECIPE if rung >= LONG_EPOCHS * TRAIN_IMAGES else RECIPE
    return replace(spec, purpose=Purpose.CHAMPION, rung=rung, recipe=recipe, batch_size=size, hyper=hyper)


def ways_on(spec: RunSpec) -> list[RunSpec]:
    """Every way in which `champion_spec` may let a run go on, that of the longest first."""
    lengths = {int(LONG_EPOCHS * TRAIN_IMAGES), *(least for least, _ in CHAMPION_BATCHES), 1}
    return [champion_spec(spec, length) for length in sorted(lengths, reverse=True)]


@dataclass(kw_only=True)
class Clock:
    """When a champion has to end, and so when its cooldown begins.

    Attributes:
        left_of_all: seconds until the last judgement has to have ended.
        judging: seconds kept for it; a look that is slower than foreseen keeps more.
        judged_images: of the last judgement.
        from_run: run_id of the training whose trunk it goes on from.
        validation_images: of each look.
    """

    left_of_all: Callable[[], float]
    from_run: str
    judging: float
    judged_images: int
    validation_images: int = 1_000
    _progress: Progress = field(init=False)
    _seen: int = field(default=0, init=False)
    _began: float = field(default=0.0, init=False)
    _whole: float = field(default=0.0, init=False)
    _looks: int = field(default=0, init=False)
    _cooldown: float = field(default=0.0, init=False)

    def left(self) -> float:
        """Seconds that training may still take, looks at validation included."""
        return self.left_of_all() - self.judging

    def looked(self, images: int, seconds: float) -> None:
        """A look passed so many images in so many seconds: the last judgement will be no faster."""
        self.judging = max(self.judging, SLOWER * seconds / images * self.judged_images + _TO_KEEP)

    def begin(self, progress: Progress) -> None:
        """Training begins, or is taken up, where `progress` says."""
        self._progress, self._seen = progress, progress.samples_seen
        self._began, self._whole = time.monotonic(), max(self.left(), 1e-6)

    def stride(self, batch_size: int) -> int:
        """Samples after which to ask again, about a second's worth."""
        speed = self._speed()
        return max(1, round(speed * _STRIDE_SECONDS / batch_size)) * batch_size

    def cooling(self, share: float) -> bool:
        """Whether what is left is no more than the last `share` of the samples at the speed so far."""
        speed = self._speed()
        coming = speed * max(0.0, self.left())
        if not speed:
            return self.left() <= 0
        return coming <= share * (self._progress.samples_seen + coming)

    def begin_cooldown(self) -> None:
        self._cooldown = max(self.left(), 1e-6)

    def factor(self) -> float:
        """Factor of the peak rate, falling to zero when the time is over."""
        return min(1.0, max(0.0, self.left() / self._cooldown))

    def over(self) -> bool:
        return self.left() <= 0

    def look_due(self) -> bool:
        """Whether the next of the looks is due; asked after every stride."""
        done = 1 - max(0.0, self.left()) / self._whole
        looks = min(MOST_LOOKS, max(LEAST_LOOKS, round(self._whole / BETWEEN_LOOKS)))
        if done * looks < self._looks + 1:
            return False
        self._looks = int(done * looks)
        return True

    def _speed(self) -> float:
        """Samples a second of wall-clock time since the training began here; 0 before there are any."""
        took = time.monotonic() - self._began
        return (self._progress.samples_seen - self._seen) / took if took > 0 else 0.0
