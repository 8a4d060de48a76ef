"""Chooses the side of the images on a GPU: the largest at which the budget still buys long trainings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from study.matrix import arms
from study.networks import NETWORKS, ModelName
from study.planning.calibration import total
from study.planning.cost import SMALL, Speed, measure, predicted_seconds
from study.planning.plan import LEAST_RUNG, climb, run_spec
from study.spec import Purpose, StudySpec
from study.training.runtime import Runtime

#: Sides in pixels, in order of preference. Weights of ImageNet were made at 224.
CANDIDATES = (224, 128, 64)
#: What every arm must reach: 4.7 epochs in three seeds.
RUNG, SEEDS = 256_000, 3
#: Share of the budget for the matrix; pre-training, tuning, champion and report take the rest.
SHARE = 0.5


def largest(
    study: StudySpec, budget: float, workers: int, speeds: Callable[[int], Mapping[ModelName, Speed]]
) -> int:
    """Returns the largest resolution at which all arms fit with `RUNG` samples and `SEEDS` seeds, else 32.

    Args:
        study: the settings; its resolution does not matter.
        budget: of the study, in seconds.
        workers: number of runs in parallel.
        speeds: measures the networks at a resolution.
    """
    for resolution in CANDIDATES:
        tried = replace(study, resolution=resolution)
        if matrix_seconds(tried, speeds(resolution), workers) <= SHARE * budget:
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
    return lambda resolution: {
        model: measure(model, resolution, NETWORKS[model].batch_size, runtime, data=study.data, fold=False)
        for model in study.models
    }
