"""What fits the budget: samples, trials and seeds, equal for all arms of a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

from study.matrix import arms
from study.spec import TRAIN_IMAGES, Arm, HyperParams, Init, ModelName, Purpose, RunSpec, StudySpec
from study.training.defaults import default_hyper

#: (final seeds, trials) on offer, richest first, and how many samples a final run must still get.
_LEVELS = (
    (10, 16, 100_000),
    (10, 12, 60_000),
    (5, 8, 40_000),
    (5, 6, 30_000),
    (3, 4, 7_000),
    (3, 2, 6_000),
    (2, 0, 6_000),
    (1, 0, 1),
)
#: Predicted seconds of a run.
Cost: TypeAlias = Callable[[RunSpec], float]
MOST_SAMPLES = 540_000
LEAST_SAMPLES = 256
TRIAL_SHARE = 0.5
#: Of the seconds, where one seed is left of several: a run that does not fit leaves an arm without any.
FILLED_BY_ONE = 0.85
TUNING_SEED = 9_000


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The plan of one network. samples: of a final run; trial_samples: of a tuning trial.

    side_samples: of a run of a side experiment; 0 where there are none.
    """

    samples: int
    trial_samples: int
    train_images: int
    batch_size: int
    seeds: int
    trials: int
    validation_images: int
    resolution: int
    predicted_seconds: float
    side_samples: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def decide(
    model: ModelName, study: StudySpec, cost: Cost, seconds: float, inits: tuple[Init, ...]
) -> Decision:
    """The richest level whose final runs get enough samples in `seconds`; else one short seed."""
    for seeds, trials, least in _LEVELS:
        wanted = min(seeds, study.max_seeds or seeds)
        found = _largest(model, study, cost, seconds, inits, wanted, trials)
        if found.samples >= least and found.predicted_seconds <= seconds:
            return found
    return _largest(model, study, cost, seconds, inits, 1, 0)


def extend(
    model: ModelName, study: StudySpec, cost: Cost, seconds: float, inits: tuple[Init, ...],
    planned: Decision,
) -> Decision:  # fmt: skip
    """The plan with final runs that fill `seconds`, between half and twice the planned samples.

    Trials stay as they were; hyperparameters tuned on trials of another length are not carried
    further than this factor. Where half does not fit, because the machine has become slower, there are
    fewer seeds; and where not even one seed does, shorter runs: an arm without a final run has no result.
    """
    half = planned.samples // 2
    for seeds in range(planned.seeds, 0, -1):
        filled = FILLED_BY_ONE * seconds if 1 == seeds < planned.seeds else seconds
        found = _largest(model, study, cost, filled, inits, seeds, 0)
        if found.samples >= half and found.predicted_seconds <= filled:
            break
    samples = min(found.samples, planned.samples * 2)
    return replace(planned, seeds=seeds, samples=samples, train_images=min(TRAIN_IMAGES, samples))


def run_spec(
    arm: Arm, decision: Decision, study: StudySpec, *, purpose: Purpose, number: int,
    hyper: HyperParams | None = None, source: tuple[str, str] = ("none", ""),
) -> RunSpec:  # fmt: skip
    """The run of an arm: `number` is the trial, or the index of the final seed."""
    trial = purpose is Purpose.TRIAL
    samples = decision.trial_samples if trial else decision.samples
    return RunSpec(
        arm=arm,
        purpose=purpose,
        seed=study.seed * 100_000 + (TUNING_SEED if trial else number + 1),
        hyper=hyper or default_hyper(arm),
        train_images=min(decision.train_images, samples),
        samples=samples,
        resolution=decision.resolution,
        batch_size=decision.batch_size,
        evaluations=4 if trial or samples < 8_000 else 8,
        validation_images=decision.validation_images,
        init_source=source[0],
        weights_sha256=source[1],
        precision=study.precision,
        fold=study.fold,
        trial=number if trial else None,
    )


def _largest(
    model: ModelName, study: StudySpec, cost: Cost, seconds: float, inits: tuple[Init, ...],
    seeds: int, trials: int,
) -> Decision:  # fmt: skip
    low, high = LEAST_SAMPLES, MOST_SAMPLES
    best = _decision(model, study, cost, inits, low, seeds, trials)
    while high - low > 64:
        middle = (low + high) // 2
        found = _decision(model, study, cost, inits, middle, seeds, trials)
        if found.predicted_seconds <= seconds:
            low, best = middle, found
        else:
            high = middle
    return best


def _decision(
    model: ModelName, study: StudySpec, cost: Cost, inits: tuple[Init, ...],
    samples: int, seeds: int, trials: int,
) -> Decision:  # fmt: skip
    draft = Decision(
        samples=samples,
        trial_samples=max(LEAST_SAMPLES, round(samples * TRIAL_SHARE)),
        train_images=min(TRAIN_IMAGES, samples),
        batch_size=64 if samples < 40_000 else 128,
        seeds=seeds,
        trials=trials,
        validation_images=1_000 if samples < 10_000 else 3_000 if samples < 50_000 else 6_000,
        resolution=study.resolution,
        predicted_seconds=0.0,
    )
    total = 0.0
    for arm in arms((model,)):
        if arm.init not in inits:
            continue
        final = run_spec(arm, draft, study, purpose=Purpose.FINAL, number=0)
        trial = run_spec(arm, draft, study, purpose=Purpose.TRIAL, number=0)
        total += seeds * cost(final) + trials * cost(trial)
    return Decision(**{**draft.to_dict(), "predicted_seconds": total})
