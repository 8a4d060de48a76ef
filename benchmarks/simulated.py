"""Simulates whole studies with a known truth, in which seeds and test images are both random.

The accuracy of a run on infinitely many images is

    base + planted effect of the arm + effect of the seed + noise of the seed in this arm.

Arms share the seed's effect, as they share its order and splits. A run is right on an image if

    difficulty + what this arm finds hard + what this run finds hard < quantile of that accuracy.

Difficulty is Student's t with three degrees of freedom (a few images are very hard, many very easy); the
other two are normal. The quantile is that of the sum of the three, so the accuracy on infinitely many
images is exact, and the effect of every contrast over infinitely many seeds and images is the planted one.
With the spreads below two runs of one arm differ on 7 % and two arms on 13 % of the images; in the sample
study of docs/sample the answers differ on 2–25 % and 2–24 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from study.analysis.family import CONTRASTS, rows_of
from study.matrix import arms
from study.networks import GOOGLENET
from study.spec import Arm, Init, LrPolicy, Scope

BASE_PP = 78.0
#: Standard deviation of the seed's effect, the same in all arms of a study.
SEED_PP = 0.5
DIFFICULTY_DF = 3
RUNG = 64_000
#: Standard deviations of what an arm and what a run finds hard.
ARM_SPREAD = 0.45
RUN_SPREAD = 0.3
#: Least and largest standard deviation over seeds within an arm that real studies had, in pp.
UNEQUAL_PP = (0.07, 3.3)
#: Name and model of a row of contrasts.csv.
Row = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class World:
    """The truth of simulated studies.

    Attributes:
        seeds: number of seeds.
        effect_pp: true effect of pretrained − scratch (frozen), full − frozen and discriminative − uniform
            (scratch), googlenet − vgg11, and of both interactions, in percentage points; init@full,
            scope@pretrained and lr_policy@pretrained are twice as large.
        noise_pp: standard deviation of accuracy over seeds within an arm, in addition to the shared effect
            of the seed.
        images: number of test images.
        unequal: whether each arm has its own noise instead, between the ends of `UNEQUAL_PP`.
        missing: share of runs that are lost.
    """

    seeds: int
    effect_pp: float
    noise_pp: float
    images: int = 10_000
    unequal: bool = False
    missing: float = 0.0

    def accuracy_pp(self, arm: Arm) -> float:
        """Returns the accuracy of an arm over infinitely many seeds and images, in per cent."""
        times = 0.0
        pretrained = arm.init is Init.PRETRAINED
        times += pretrained + (arm.model == GOOGLENET)
        if arm.scope is Scope.FULL:
            times += (2 if arm.lr_policy is LrPolicy.DISCRIMINATIVE else 1) * (1 + pretrained)
        return BASE_PP + self.effect_pp * times

    def truth(self) -> dict[Row, float]:
        """Returns the true effects in percentage points, in the order of contrasts.csv."""
        return {
            (contrast.name, name): sum(
                weight * self.accuracy_pp(arm) for arm, weight in contrast.weights(models).items()
            )
            for contrast in CONTRASTS
            for name, models in rows_of(contrast)
        }


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """The arguments of `study.analysis.contrasts.estimate` for one simulated study.

    Attributes:
        rungs: columns of rungs.csv.
        predictions: maps the key of an evaluation to uint8 [n], 0 for a right answer and 1 for a wrong one.
        labels: uint8 [n], all 0.
    """

    rungs: pd.DataFrame
    predictions: dict[str, npt.NDArray[np.uint8]]
    labels: npt.NDArray[np.uint8]


def simulate(world: World, rng: np.random.Generator) -> Simulated:
    """Simulates one study."""
    difficulty = rng.standard_t(DIFFICULTY_DF, world.images).astype(np.float32)
    seeds = rng.normal(0, SEED_PP, world.seeds)
    rows, predictions = [], {}
    for arm in arms():
        own = rng.standard_normal(world.images, dtype=np.float32) * np.float32(ARM_SPREAD)
        spread = np.exp(rng.uniform(*np.log(UNEQUAL_PP))) if world.unequal else world.noise_pp
        noise = rng.normal(0, spread, world.seeds)
        for seed, wanted in enumerate(world.accuracy_pp(arm) + seeds + noise):
            if world.missing and rng.random() < world.missing:
                continue
            run = rng.standard_normal(world.images, dtype=np.float32) * np.float32(RUN_SPREAD)
            wrong = difficulty + own + run >= quantile(wanted / 100)
            run_id = f"{arm.name}-s{seed}"
            predictions[f"{run_id}.{RUNG}"] = wrong.view(np.uint8)
            rows.append(
                {
                    "run_id": run_id,
                    "role": "matrix",
                    "model": arm.model,
                    "init": arm.init.value,
                    "scope": arm.scope.value,
                    "lr_policy": arm.lr_policy.value,
                    "seed": seed,
                    "state": "finished",
                    "rung": RUNG,
                    "test_accuracy": 1 - float(wrong.mean()),
                }
            )
    labels = np.zeros(world.images, dtype=np.uint8)
    return Simulated(rungs=pd.DataFrame(rows), predictions=predictions, labels=labels)


def quantile(accuracy: float) -> float:
    """Returns the value below which the sum of the three parts lies with probability `accuracy`."""
    grid, probability = _distribution()
    return float(np.interp(accuracy, probability, grid))


@cache
def _distribution() -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Returns the distribution function of the sum: float64 [K] values and their probabilities.

    It is the normal distribution function averaged over the quantiles of difficulty.
    """
    spread = np.hypot(ARM_SPREAD, RUN_SPREAD)
    difficulty = stats.t.ppf((np.arange(20_000) + 0.5) / 20_000, DIFFICULTY_DF)
    grid = np.linspace(-1, 8, 1_801)
    probability = np.array([stats.norm.cdf((x - difficulty) / spread).mean() for x in grid])
    return grid, probability
