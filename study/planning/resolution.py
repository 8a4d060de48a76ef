"""Chooses the side of the images on a GPU: the largest at which the budget still buys long trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from study.errors import out_of_memory
from study.matrix import arms
from study.networks import NETWORKS, ModelName
from study.planning.calibration import total
from study.planning.cost import SMALL, Speed, measure, predicted_seconds
from study.planning.plan import LEAST_RUNG, climb, run_spec
from study.spec import Purpose, StudySpec
from study.training.runtime import Runtime, release

#: Sides in pixels, in order of preference. Weights of ImageNet were made at 224.
CANDIDATES = (224, 128, 64)
#: What every arm must reach: 4.7 epochs in three seeds.
RUNG, SEEDS = 256_000, 3
#: Share of the budget for the matrix; pre-training, tuning, champion and report take the rest.
SHARE = 0.5
#: With a smaller budget, in seconds, nothing is measured: no card has made so many samples in it.
LEAST_BUDGET = 600.0


def largest(
    study: StudySpec, budget: float, workers: int, speeds: Callable[[int], Mapping[ModelName, Speed]]
) -> int:
    """Returns the largest resolution at which all arms fit with `RUNG` samples and `SEEDS` seeds, else 32.

    A resolution for which the device has not enough memory is passed over.

    Args:
        study: the settings; its resolution does not matter.
        budget: of the study, in seconds.
        workers: number of runs in parallel.
        speeds: measures the networks at a resolution.
    """
    for resolution in CANDIDATES if budget >= LEAST_BUDGET else ():
        tried = replace(study, resolution=resolution)
        try:
            found = speeds(resolution)
        except RuntimeError as error:  # PyTorch's lack of memory is one
            if not out_of_memory(f"{type(error).__name__}: {error}"):
                raise
            continue
        if matrix_seconds(tried, found, workers) <= SHARE * budget:
            return resolution
    return SMALL


def matrix_seconds(study: StudySpec, speeds: Mapping[ModelName, Speed], workers: int) -> float:
    """Predicts the seconds of all arms with default hyperparameters at every rung up to `RUNG`."""
    trainings = []
    for arm in arms(study.models):
        for number in range(SEEDS):
            spec = run_spec(arm, study, purpose=Purpose.FINAL, number=number, rung=RUNG)
            way = climb(spec, LEAST_RUNG[arm.model], RUNG, 0)
            trainings.append([predicted_seconds(wanted, speeds[arm.model], done) for wanted, done in way])
    return total(trainings, workers)


def measured(study: StudySpec, runtime: Runtime) -> Callable[[int], dict[ModelName, Speed]]:
    """Returns a function that measures the study's networks at a resolution, some seconds each."""

    def speeds(resolution: int) -> dict[ModelName, Speed]:
        try:
            return {
                model: measure(
                    model, resolution, NETWORKS[model].batch_size, runtime, data=study.data, fold=False
                )
                for model in study.models
            }
        finally:
            release(runtime.device)  # else this process would keep it, and the workers have less

    return speeds
