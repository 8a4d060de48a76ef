"""Checks whether the analysis is right: `python -m benchmarks.validity --studies 1000`.

Simulates whole studies with a known truth (benchmarks/simulated.py), analyses each with the functions for
real ones, and counts how often intervals cover, claims are false and effects are found. Writes
benchmarks/out/validity.json, the block `validity` of docs/validity.md and the picture docs/validity.svg.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.simulated import World, simulate
from benchmarks.validity_page import publish
from study.analysis.contrasts import Estimate, detectable, estimate, table
from study.analysis.family import CONTRASTS, rows_of
from study.analysis.interval import crossed_p
from study.analysis.verdicts import ALPHA, Verdict, adjusted

ROOT = Path(__file__).parents[1]
SEEDS = (3, 5, 10)
#: Harder studies without an effect: number of seeds, and how they differ from the main ones.
HARDER = tuple(
    {"seeds": seeds, "harder": True, **other}
    for seeds in (3, 4, 5, 10)
    for other in ({"unequal": True}, {"images": 1_000}, {"images": 2_000}, {"missing": 0.1})
)
#: Noise over seeds within an arm in pp; studies take the values in turn.
NOISE_PP = (0.3, 0.45, 0.6)
#: Effects in pp that are simulated as often as no effect at five seeds, and others for the power curve.
MAIN_PP = (0.5, 1.0, 2.0)
CURVE_PP = (0.25, 1.5, 3.0)
MAIN_SEEDS = 5
#: The detectable effect is computed for every fifth study without an effect: it depends on the spread and
#: not on the effect, and its median needs few studies.
DETECTABLE_EVERY = 5
TINY = 1e-9
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Studies that share number of seeds and effect; their generators are seeded from `rng_seed`."""

    seeds: int
    effect_pp: float
    studies: int
    rng_seed: int
    images: int = 10_000
    unequal: bool = False
    missing: float = 0.0
    harder: bool = False

    def world(self, index: int) -> World:
        return World(
            seeds=self.seeds,
            effect_pp=self.effect_pp,
            noise_pp=NOISE_PP[index % len(NOISE_PP)],
            images=self.images,
            unequal=self.unequal,
            missing=self.missing,
        )


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What the analysis found for the rows of contrasts.csv; all arrays are [rows].

    Attributes:
        effect: estimated effects in percentage points.
        low: lower ends of the intervals.
        high: upper ends of the intervals.
        above: whether the verdict is "better".
        below: whether the verdict is "worse".
        equivalent: whether the verdict is "equivalent".
        seeds_only: whether a direction would be claimed by a paired t-test over seeds, which takes the test
            images as given.
        detectable: detectable effects; NaN if they were not computed.
    """

    effect: Floats
    low: Floats
    high: Floats
    above: Flags
    below: Flags
    equivalent: Flags
    seeds_only: Flags
    detectable: Floats


JUDGED = tuple(field.name for field in fields(Judged))


def judge(task: tuple[Cell, int]) -> Judged:
    """Simulates the study with this index and analyses it like a real one."""
    cell, index = task
    rng = np.random.default_rng([cell.rng_seed, cell.seeds, round(1000 * cell.effect_pp), index])
    study = simulate(cell.world(index), rng)
    estimates = estimate(study.rungs, study.predictions, study.labels)
    rows = table(estimates)
    low, high = (rows[name].to_numpy(np.float64) for name in ("ci_low_pp", "ci_high_pp"))
    verdict = rows["verdict"].to_numpy()
    wanted = cell.effect_pp == 0 and not cell.harder and index % DETECTABLE_EVERY == 0
    found = [detectable(item, estimates) if wanted else math.nan for item in estimates]
    return Judged(
        effect=rows["effect_pp"].to_numpy(np.float64),
        low=low,
        high=high,
        above=verdict == Verdict.BETTER.value,
        below=verdict == Verdict.WORSE.value,
        equivalent=verdict == Verdict.EQUIVALENT.value,
        seeds_only=_seeds_only(estimates),
        detectable=np.array(found),
    )


def _seeds_only(estimates: list[Estimate]) -> Flags:
    p_values = [crossed_p(item.per_seed, 0.0) if item.per_seed.size > 1 else math.nan for item in estimates]
    return np.array([p <= ALPHA for p in adjusted(p_values, [item.family for item in estimates])])


def summarise(cell: Cell, judged: list[Judged]) -> dict[str, Any]:
    """Returns rates over the studies of a cell; `family` counts studies, `rows` single contrasts."""
    truth = cell.world(0).truth()
    names, true = list(truth), np.array(list(truth.values()))
    stack = {key: np.stack([getattr(one, key) for one in judged]) for key in JUDGED}
    known = ~np.isnan(stack["low"])
    covered = np.where(known, (stack["low"] <= true) & (true <= stack["high"]), np.nan)
    wrong = (stack["above"] & (true < TINY)) | (stack["below"] & (true > -TINY))
    families = {(c.name, row): c.family(row).value for c in CONTRASTS for row, _ in rows_of(c)}
    right = np.where(true > 0, stack["above"], stack["below"])
    error = stack["effect"] - true
    family = {
        "false_direction": float(wrong.any(axis=1).mean()),
        "false_direction_seeds_only": (
            None if cell.effect_pp else float(stack["seeds_only"].any(axis=1).mean())
        ),
        "excludes_zero": float(((stack["low"] > 0) | (stack["high"] < 0)).mean()),
    }
    noise = {
        str(pp): float(np.nanmean(covered[i :: len(NOISE_PP)]))
        for i, pp in enumerate(NOISE_PP)
        if i < len(judged)
    }
    rows = [
        {
            "name": name,
            "model": model,
            "family": families[name, model],
            "truth_pp": float(true[i]),
            "bias_pp": float(np.nanmean(error[:, i])),
            "bias_error_pp": float(np.nanstd(error[:, i], ddof=1) / math.sqrt(len(judged))),
            "coverage": float(np.nanmean(covered[:, i])),
            "half_width_pp": float(np.nanmean((stack["high"] - stack["low"])[:, i]) / 2),
            "claimed": float(right[:, i].mean()),
            "equivalent": float(stack["equivalent"][:, i].mean()),
            "detectable_pp": None if cell.effect_pp else _median(stack["detectable"][:, i]),
        }
        for i, (name, model) in enumerate(names)
    ]
    return asdict(cell) | {"family": family, "coverage_by_noise": noise, "rows": rows}


def _median(values: Floats) -> float | None:
    """Returns the median of the known values, or None for an exploratory contrast."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if known.size else None


def cells(studies: int, rng_seed: int) -> Iterator[Cell]:
    """Yields the cells, those without an effect first; other than main ones have a fifth of the studies."""
    few = max(len(NOISE_PP), studies // 5)
    for effect in (0.0, *MAIN_PP, *CURVE_PP):
        for seeds in SEEDS:
            full = effect == 0 or (effect in MAIN_PP and seeds == MAIN_SEEDS)
            count = max(len(NOISE_PP), studies) if full else few
            yield Cell(seeds=seeds, effect_pp=effect, studies=count, rng_seed=rng_seed)
    for other in HARDER:
        yield Cell(effect_pp=0.0, studies=max(len(NOISE_PP), studies), rng_seed=rng_seed, **other)


def run(wanted: Iterable[Cell], jobs: int) -> list[dict[str, Any]]:
    """Returns the summaries of all cells; they do not depend on the number of processes."""
    result = []
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for cell in wanted:
            tasks = [(cell, index) for index in range(cell.studies)]
            result.append(summarise(cell, list(pool.imap(judge, tasks, chunksize=4))))
            print(
                f"{time.perf_counter() - began:7.0f} s  {cell.seeds:2} seeds, effect "
                f"{cell.effect_pp:4.2f} pp, {cell.studies:5} studies: mean coverage "
                f"{np.mean([row['coverage'] for row in result[-1]['rows']]):.3f}, "
                f"false direction {result[-1]['family']['false_direction']:.3f}",
                flush=True,
            )
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1_000, help="per main cell (default 1000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, default=1, help="of all generators")
    flags = parser.parse_args()
    # Each process has one thread: the arrays are small, and the processes already fill the machine.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    result = {"studies": flags.studies, "cells": run(cells(flags.studies, flags.seed), flags.jobs)}
    out = ROOT / "benchmarks" / "out"
    out.mkdir(exist_ok=True)
    (out / "validity.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    publish(result, ROOT / "docs")


if __name__ == "__main__":
    main()
