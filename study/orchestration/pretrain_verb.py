"""The verb `pretrain`: makes weights from formulas alone, to be used by later studies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from study.budget import Deadline, format_seconds
from study.errors import TrainingError
from study.networks import ModelName
from study.planning.cost import PRETEXT_BATCH, SMALL, measure
from study.pretraining import weight_sources
from study.training.runtime import Runtime


def pretrain_only(
    models: tuple[ModelName, ...],
    folder: Path,
    *,
    deadline: Deadline,
    seed: int,
    runtime: Runtime,
    say: Callable[[str], None],
) -> None:
    """Pre-train each network in an equal share of the time and keep what passes its gate.

    Raises:
        TrainingError: no network got usable weights.
    """
    made = 0
    for place, model in enumerate(models):
        speed = measure(model, SMALL, PRETEXT_BATCH, runtime)
        share = deadline.left() / (len(models) - place)
        say(f"{model}: {speed.train:.0f} images/s, {format_seconds(share)}")
        limit = deadline.within(share)
        weights, entry = weight_sources.fractal(
            model,
            share,
            speed.train,
            "",
            cache_dir=folder,
            seed=seed,
            runtime=runtime,
            stop=limit.passed,
            on_progress=lambda point: say(
                f"  {point.samples:,} samples: held-out pretext accuracy {point.accuracy:.3f}"
            ),
        )
        if weights is None:
            say(f"{model}: {entry['reason']} ({entry['detail']})")
        else:
            made += 1
            say(f"{model}: {weights.path}{' (was there)' if entry['cached'] else ''}")
    if not made:
        raise TrainingError("no network got usable weights; give more time")
