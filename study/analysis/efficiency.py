"""Measures how much shorter the training of a pretrained network may be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from study.analysis.arms import Runs, common_seeds, number
from study.analysis.evidence import Measured, Numbers, absent, log_ratio, paired
from study.analysis.lengths import ACCURACY, IMAGES, SECONDS, Path, length_to
from study.analysis.verdicts import Reason
from study.networks import ModelName
from study.spec import Arm, Init, LrPolicy, Scope

SPEED = (
    "n_pairs",
    "target_accuracy",
    "samples_pretrained",
    "samples_scratch",
    "samples_ratio",
    "samples_ratio_low",
    "samples_ratio_high",
    "seconds_pretrained",
    "seconds_scratch",
    "seconds_ratio",
    "seconds_ratio_low",
    "seconds_ratio_high",
    "pretrained_reached",
    "scratch_reached",
    "pairs_total",
    "at_first_rung",
    "pretraining_seconds",
    "break_even",
)


def speed_to_target(
    runs: Runs, found: Mapping[str, Path], model: ModelName, pretraining: Mapping[str, Any]
) -> Measured:
    """Measures images and seconds until pretrained and scratch reach a common test accuracy.

    The target of a pair (same seed and lr_policy) is the lower of its two accuracies at the rung of the
    contrasts, so both runs reach it; shorter trainings are interpolated between their rungs. Ratios are
    scratch / pretrained, averaged per seed as logarithms. `at_first_rung` counts the pairs of which a run
    with several rungs has the target at its shortest one: the true ratio may be larger there. `break_even`
    is the number of trainings to the target that save the seconds of the study's own pre-training; None
    where there was none, or where no saving is established.

    Args:
        runs: the compared runs.
        found: rungs of each training by run_id, from `study.analysis.lengths.paths`.
        model: the network.
        pretraining: its entry in pretraining.json, empty without pre-training.
    """
    per_seed: dict[int, list[tuple[float, Path, Path, tuple[str, str]]]] = {}
    first_rung = 0
    for policy in (LrPolicy.UNIFORM, LrPolicy.DISCRIMINATIVE):
        sides = [
            Arm(model=model, init=init, scope=Scope.FULL, lr_policy=policy)
            for init in (Init.PRETRAINED, Init.SCRATCH)
        ]
        for seed in common_seeds(runs, sides):
            rows = [runs[arm][seed] for arm in sides]
            ids = (str(rows[0]["run_id"]), str(rows[1]["run_id"]))
            if not all(run_id in found for run_id in ids):
                continue
            target = min(number(row["test_accuracy"]) for row in rows)
            courses = [
                found[run_id][found[run_id][:, IMAGES] <= number(row["rung"])]
                for run_id, row in zip(ids, rows, strict=True)
            ]
            if not all(path.size for path in courses):
                continue
            reached = [
                np.array([length_to(path, target, axis) for axis in (IMAGES, SECONDS)]) for path in courses
            ]
            first_rung += any(path[0, ACCURACY] >= target for path in courses if len(path) > 1)
            per_seed.setdefault(seed, []).append((target, reached[0], reached[1], ids))
    if not per_seed:
        return absent(SPEED, Reason.MISSING_ARMS)
    everything = [item for items in per_seed.values() for item in items]
    ratios = [
        [
            float(np.mean([log_ratio(b[axis], a[axis]) for _, a, b, _ in items]))
            for items in per_seed.values()
        ]
        for axis in (IMAGES, SECONDS)
    ]
    samples, verdict, reason = paired(ratios[0], exponent=True)
    seconds, _, _ = paired(ratios[1], exponent=True)
    numbers: Numbers = {
        "n_pairs": samples.n,
        "target_accuracy": float(np.mean([target for target, *_ in everything])),
        "samples_ratio": samples.mean,
        "samples_ratio_low": samples.low,
        "samples_ratio_high": samples.high,
        "seconds_ratio": seconds.mean,
        "seconds_ratio_low": seconds.low,
        "seconds_ratio_high": seconds.high,
        "pretrained_reached": sum(bool(a[IMAGES] < b[IMAGES]) for _, a, b, _ in everything),
        "scratch_reached": sum(bool(b[IMAGES] < a[IMAGES]) for _, a, b, _ in everything),
        "pairs_total": len(everything),
        "at_first_rung": first_rung,
    }
    for axis, unit in ((IMAGES, "samples"), (SECONDS, "seconds")):
        numbers[f"{unit}_pretrained"] = float(np.mean([a[axis] for _, a, _, _ in everything]))
        numbers[f"{unit}_scratch"] = float(np.mean([b[axis] for _, _, b, _ in everything]))
    numbers["pretraining_seconds"] = spent = pretraining.get("seconds") or None
    saved = numbers["seconds_scratch"] - numbers["seconds_pretrained"]
    pays = spent is not None and saved > 0 and seconds.low > 1
    numbers["break_even"] = math.ceil(spent / saved) if pays else None
    rows_behind = tuple(run_id for *_, ids in everything for run_id in ids)
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows_behind)
