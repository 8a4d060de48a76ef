"""How much sooner a pretrained network gets there."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from study.analysis.arms import Runs, common_seeds
from study.analysis.evidence import Curve, Measured, Numbers, absent, log_ratio, paired
from study.analysis.verdicts import Reason
from study.spec import Arm, Init, LrPolicy, ModelName, Scope

SPEED = (
    "n_pairs", "target_accuracy", "samples_pretrained", "samples_scratch", "samples_ratio",
    "samples_ratio_low", "samples_ratio_high", "seconds_pretrained", "seconds_scratch",
    "seconds_ratio", "seconds_ratio_low", "seconds_ratio_high", "pretrained_reached",
    "scratch_reached", "pairs_total",
)  # fmt: skip


def speed_to_target(runs: Runs, curve: Mapping[str, Curve], model: ModelName) -> Measured:
    """Samples and seconds of full training until a pair's common target is first seen.

    The target of a pair (same seed, same lr_policy) is the lower of its two final validation
    accuracies, so both reach it; ratios are scratch / pretrained, averaged per seed as logs.
    """
    per_seed: dict[int, list[tuple[float, Curve, Curve, tuple[str, str]]]] = {}
    for policy in (LrPolicy.UNIFORM, LrPolicy.DISCRIMINATIVE):
        sides = [
            Arm(model=model, init=init, scope=Scope.FULL, lr_policy=policy)
            for init in (Init.PRETRAINED, Init.SCRATCH)
        ]
        for seed in common_seeds(runs, sides):
            ids = (str(runs[sides[0]][seed]["run_id"]), str(runs[sides[1]][seed]["run_id"]))
            if not all(run_id in curve for run_id in ids):
                continue
            first, second = curve[ids[0]], curve[ids[1]]
            target = min(first[-1, 2], second[-1, 2])
            reached = [c[int(np.argmax(c[:, 2] >= target))] for c in (first, second)]
            per_seed.setdefault(seed, []).append((target, reached[0], reached[1], ids))
    if not per_seed:
        return absent(SPEED, Reason.MISSING_ARMS)
    everything = [item for items in per_seed.values() for item in items]
    ratios = [
        [
            float(np.mean([log_ratio(b[axis], a[axis]) for _, a, b, _ in items]))
            for items in per_seed.values()
        ]
        for axis in (0, 1)
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
        "pretrained_reached": sum(bool(a[0] < b[0]) for _, a, b, _ in everything),
        "scratch_reached": sum(bool(b[0] < a[0]) for _, a, b, _ in everything),
        "pairs_total": len(everything),
    }
    for axis, unit in ((0, "samples"), (1, "seconds")):
        numbers[f"{unit}_pretrained"] = float(np.mean([a[axis] for _, a, _, _ in everything]))
        numbers[f"{unit}_scratch"] = float(np.mean([b[axis] for _, _, b, _ in everything]))
    rows = tuple(run_id for *_, ids in everything for run_id in ids)
    return Measured(verdict=verdict, reason=reason, numbers=numbers, rows=rows)
