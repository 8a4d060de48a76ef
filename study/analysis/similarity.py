"""Measures where training changed the activations: linear CKA before and after, by stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from study.analysis.arms import Runs, summary
from study.analysis.evidence import Measured, Numbers, absent, paired
from study.analysis.sources import Sources
from study.analysis.verdicts import Reason
from study.networks import ModelName
from study.spec import Arm, Init, LrPolicy, Scope

BY_DEPTH = (
    "n_pairs",
    "first_cka",
    "last_cka",
    "difference",
    "difference_low",
    "difference_high",
    "lowest_cka",
    "lowest_stage",
    "first_stage",
    "last_stage",
    "stages",
)


def by_depth(sources: Sources, runs: Runs, model: ModelName) -> Measured:
    """Compares the CKA of the first and of the last backbone stage: pretrained, uniform rates.

    The head is left out, because it starts at random in every arm. `difference` is first minus last, and
    `lowest_stage` counts from 1 at the input.
    """
    found = _stored(sources, runs, model, LrPolicy.UNIFORM)
    if not found:
        return absent(BY_DEPTH, Reason.MISSING_FILE)
    names = next(iter(found.values())).names
    backbone = np.array([run.backbone for run in found.values()], dtype=np.float64)
    mean = [summary(column).mean for column in backbone.T]
    difference, verdict, reason = paired([float(row[0] - row[-1]) for row in backbone])
    if not difference.n:
        return absent(BY_DEPTH, Reason.MISSING_ARMS)
    lowest = int(np.nanargmin(mean))
    numbers = {
        "n_pairs": difference.n,
        "first_cka": mean[0],
        "last_cka": mean[-1],
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "lowest_cka": mean[lowest],
        "lowest_stage": lowest + 1,
        "first_stage": names[0],
        "last_stage": names[-2],
        "stages": [{"name": name, "cka": value} for name, value in zip(names[:-1], mean, strict=True)],
    }
    rows = tuple(run.run_id for run in found.values())
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows)


BY_POLICY = (
    "n_pairs",
    "uniform_cka",
    "discriminative_cka",
    "uniform_first_cka",
    "discriminative_first_cka",
    "difference",
    "difference_low",
    "difference_high",
)


def by_policy(sources: Sources, runs: Runs, model: ModelName) -> Measured:
    """Compares mean CKA over the backbone's stages, discriminative minus uniform, paired over seeds."""
    sides = {
        policy: _stored(sources, runs, model, policy)
        for policy in (LrPolicy.UNIFORM, LrPolicy.DISCRIMINATIVE)
    }
    seeds = sorted(set.intersection(*(set(side) for side in sides.values())))
    if not seeds:
        return absent(BY_POLICY, Reason.MISSING_FILE)
    stages = {
        policy: np.array([side[seed].backbone for seed in seeds], dtype=np.float64)
        for policy, side in sides.items()
    }
    first, second = stages[LrPolicy.DISCRIMINATIVE], stages[LrPolicy.UNIFORM]
    difference, verdict, reason = paired([float(gap) for gap in (first - second).mean(axis=1)])
    if not difference.n:
        return absent(BY_POLICY, Reason.MISSING_ARMS)
    numbers: Numbers = {
        "n_pairs": difference.n,
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
    }
    for policy, values in stages.items():
        numbers[f"{policy}_cka"] = summary(values.mean(axis=1)).mean
        numbers[f"{policy}_first_cka"] = summary(values[:, 0]).mean
    rows = tuple(side[seed].run_id for side in sides.values() for seed in seeds)
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows)


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """The stored similarities of one run.

    Attributes:
        run_id: the run.
        names: names of all stages, the head last.
        backbone: CKA of all stages except the head.
    """

    run_id: str
    names: list[str]
    backbone: list[float]


def _stored(sources: Sources, runs: Runs, model: ModelName, policy: LrPolicy) -> dict[int, _Stored]:
    """Returns the similarities of the pretrained full runs by seed."""
    arm = Arm(model=model, init=Init.PRETRAINED, scope=Scope.FULL, lr_policy=policy)
    found = {}
    for seed, row in sorted(runs.get(arm, {}).items()):
        names, values = sources.cka.get(str(row["run_id"]), ([], []))
        if len(names) >= 3:
            found[seed] = _Stored(run_id=str(row["run_id"]), names=names, backbone=values[:-1])
    return found
