"""Controls the length of a champion's training, so that its cooldown ends with the time."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from study.spec import Purpose, RunSpec
from study.training.defaults import CHAMPION_BATCHES, LONG_RECIPE, RECIPE, recipe_for
from study.training.progress import Progress

#: From this number of epochs on, a champion sees each image so often that it needs more augmentation.
LONG_EPOCHS = 8.0

#: A champion is evaluated on validation once in so many seconds, within these bounds on the number.
BETWEEN_LOOKS, LEAST_LOOKS, MOST_LOOKS = 25.0, 4, 16
#: The final evaluation may be slower than earlier ones by this factor; seconds for storing the network.
SLOWER, _TO_KEEP = 1.25, 2.0
#: Seconds between two checks whether the cooldown must begin.
_STRIDE_SECONDS = 1.0
#: Seconds until the speed is believed: the first steps may be much slower than the others.
_TO_SETTLE = 5.0
#: Powers of the number of samples with which errors fall, before and after so many samples.
_EARLY_FALL, _LATE_FALL, _BEND = 0.25, 0.12, 64_000


def champion_spec(spec: RunSpec, samples: Callable[[int], int]) -> RunSpec:
    """Returns the spec with which a run of the matrix continues as a champion (docs/recipe.md).

    It gets the largest batch with which it still sees enough samples. The rate grows with the square root
    of the batch size.

    Args:
        spec: the run of the matrix.
        samples: returns the estimated number of samples at the end for a batch size; larger batches are
            faster.
    """
    size = next((batch for least, batch in CHAMPION_BATCHES if samples(batch) >= least), spec.batch_size)
    rung = samples(size)
    hyper = replace(spec.hyper, lr=spec.hyper.lr * math.sqrt(size / spec.batch_size))
    usual = LONG_RECIPE if rung >= LONG_EPOCHS * spec.data.train_images else RECIPE
    recipe = recipe_for(spec.data, usual)
    return replace(spec, purpose=Purpose.CHAMPION, rung=rung, recipe=recipe, batch_size=size, hyper=hyper)


def promised_error(error: float, samples: int, more: int) -> float:
    """Returns the error on validation to be expected of a training that goes on.

    Errors fall with a power of the samples. In `docs/sample/` that of pretrained GoogLeNet fell with the
    power 0.248 from 2,000 to 64,000 samples and with 0.117 from there to the champion's 1,635,968; that of
    VGG11 with 0.24 from 4,000 to 16,000.

    Args:
        error: share of validation images that are classified wrongly after `samples`.
        samples: seen so far.
        more: seen in the end.
    """
    early = min(more, _BEND) / min(samples, _BEND)
    late = max(more, _BEND) / max(samples, _BEND)
    return float(error * early**-_EARLY_FALL * late**-_LATE_FALL)


def ways_on(spec: RunSpec) -> list[RunSpec]:
    """Returns all specs that `champion_spec` may return for a run, that of the longest training first."""

    def of_length(end: int) -> RunSpec:
        return champion_spec(spec, lambda batch: end)

    lengths = {int(LONG_EPOCHS * spec.data.train_images), *(least for least, _ in CHAMPION_BATCHES), 1}
    return [of_length(end) for end in sorted(lengths, reverse=True)]


@dataclass(kw_only=True)
class Clock:
    """Decides when a champion's cooldown begins and when its training ends.

    Attributes:
        left_of_all: returns the seconds until the final evaluation must have ended.
        from_run: run_id of the training whose trunk it continues.
        judging: seconds reserved for the final evaluation; a slow evaluation increases them.
        judged_images: number of images of the final evaluation.
        validation_images: number of images of each evaluation during training.
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
        """Returns the seconds that training may still take, with evaluations on validation."""
        return self.left_of_all() - self.judging

    def looked(self, images: int, seconds: float) -> None:
        """Updates the seconds for the final evaluation from the speed of an evaluation."""
        self.judging = max(self.judging, SLOWER * seconds / images * self.judged_images + _TO_KEEP)

    def begin(self, progress: Progress) -> None:
        """Starts the clock when training starts or continues at `progress`."""
        self._progress, self._seen = progress, progress.samples_seen
        self._began, self._whole = time.monotonic(), max(self.left(), 1e-6)

    def stride(self, batch_size: int) -> int:
        """Returns the samples until the next check, about a second's worth."""
        speed = self._speed()
        return max(1, round(speed * _STRIDE_SECONDS / batch_size)) * batch_size

    def cooling(self, share: float) -> bool:
        """Whether the cooldown must begin: at the present speed only its share of the samples is left."""
        speed = self._speed()
        coming = speed * max(0.0, self.left())
        settled = time.monotonic() - self._began >= min(_TO_SETTLE, 0.1 * self._whole)
        if not speed or not settled:
            return self.left() <= 0
        return coming <= share * (self._progress.samples_seen + coming)

    def begin_cooldown(self) -> None:
        self._cooldown = max(self.left(), 1e-6)

    def factor(self) -> float:
        """Returns the factor of the peak rate in the cooldown; it falls to zero when the time is over."""
        return min(1.0, max(0.0, self.left() / self._cooldown))

    def over(self) -> bool:
        return self.left() <= 0

    def look_due(self) -> bool:
        """Whether the next evaluation on validation is due; it is called after every stride."""
        done = 1 - max(0.0, self.left()) / self._whole
        looks = min(MOST_LOOKS, max(LEAST_LOOKS, round(self._whole / BETWEEN_LOOKS)))
        if done * looks < self._looks + 1:
            return False
        self._looks = int(done * looks)
        return True

    def _speed(self) -> float:
        """Returns the samples per second of wall-clock time since `begin`; 0 before the first sample."""
        took = time.monotonic() - self._began
        return (self._progress.samples_seen - self._seen) / took if took > 0 else 0.0
