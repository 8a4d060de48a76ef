"""Reports what is known of the networks: weights, pretext task, layers, drift, learning rates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from study.analysis.arms import Runs, column, number, select, summary
from study.analysis.evidence import Measured, absent, paired
from study.analysis.sources import Sources
from study.analysis.verdicts import (
    EXACT_ADAPTATION,
    PRETEXT_TIMES_CHANCE,
    Reason,
    Verdict,
)
from study.networks import ModelName
from study.spec import Arm, Init, LrPolicy, Scope

PROVENANCE = (
    "source",
    "images",
    "categories",
    "image_size",
    "samples",
    "seconds",
    "cached",
    "sha256",
    "passed",
    "fallback_reason",
    "path_name",
)


def provenance(sources: Sources, runs: Runs, model: ModelName) -> Measured:
    """Reports which weights the pretrained arms started from, and whether they passed their gate."""
    own: dict[str, Any] = sources.pretraining.get(model) or {}
    weights: dict[str, Any] = (sources.environment.get("weights") or {}).get(model) or {}
    used = {
        str(row["init_source"])
        for seeds in select(runs, model=model, init=Init.PRETRAINED).values()
        for row in seeds.values()
    }
    source = used.pop() if len(used) == 1 else own.get("source") or weights.get("source")
    if not source:
        return absent(PROVENANCE, Reason.MISSING_FILE)
    numbers = {key: own.get(key) for key in PROVENANCE}
    numbers["source"] = source
    numbers["sha256"] = own.get("sha256") or weights.get("sha256")
    numbers["path_name"] = weights.get("path_name")
    failed = own.get("passed") is False
    return Measured(
        verdict=Verdict.REFUTED if failed else Verdict.SUPPORTED,
        reason=Reason.GATE_FAILED if failed else Reason.MEASURED,
        numbers=numbers,
    )


PRETEXT = ("held_out_accuracy", "chance", "times_chance", "samples", "seconds", "points")


def pretext(sources: Sources, model: ModelName) -> Measured:
    """Decides whether the formula-driven pretext task was learnt, from held-out images."""
    own: dict[str, Any] = sources.pretraining.get(model) or {}
    if not own:
        return absent(PRETEXT, Reason.MISSING_FILE)
    if own.get("held_out_accuracy") is None or not own.get("chance"):
        return absent(PRETEXT, Reason.NOT_APPLICABLE)
    times = float(own["held_out_accuracy"]) / float(own["chance"])
    passed = times >= PRETEXT_TIMES_CHANCE
    numbers = {
        "held_out_accuracy": own["held_out_accuracy"],
        "chance": own["chance"],
        "times_chance": times,
        "samples": own.get("samples"),
        "seconds": own.get("seconds"),
        "points": len(own.get("curve") or []),
    }
    return Measured(
        verdict=Verdict.SUPPORTED if passed else Verdict.REFUTED,
        reason=Reason.MEASURED if passed else Reason.GATE_FAILED,
        numbers=numbers,
    )


ARCHITECTURE = (
    "torchvision_parameters",
    "original_parameters",
    "adapted_parameters",
    "head_parameters",
    "head_before",
    "first_before",
    "first_after",
    "folded",
    "folded_parameters",
    "adaptation_error",
    "stages",
)


def architecture(sources: Sources, model: ModelName) -> Measured:
    """Reports parameters before and after adaptation, and whether the adaptation is exact."""
    found: dict[str, Any] = sources.architecture.get(model) or {}
    if not found:
        return absent(ARCHITECTURE, Reason.MISSING_FILE)
    layers: list[dict[str, Any]] = [
        row for row in found.get("layers") or [] if row.get("parameters_before")
    ]
    numbers: dict[str, Any] = {key: found.get(key) for key in ARCHITECTURE}
    numbers["stages"] = len(found.get("stages") or []) or None
    numbers["torchvision_parameters"] = sum(row["parameters_before"] for row in layers) or None
    if layers:
        numbers["first_before"] = layers[0]["parameters_before"]
        numbers["first_after"] = layers[0].get("parameters_after")
        numbers["head_before"] = layers[-1]["parameters_before"]
    error = number(found.get("adaptation_error"))
    verdict, reason = Verdict.NOT_MEASURED, Reason.MISSING_FILE
    if not math.isnan(error):
        exact = error <= EXACT_ADAPTATION
        verdict = Verdict.SUPPORTED if exact else Verdict.REFUTED
        reason = Reason.MEASURED
    return Measured(verdict=verdict, reason=reason, numbers=numbers)


DRIFT = (
    "n_pairs",
    "first_change",
    "last_change",
    "head_change",
    "ratio",
    "ratio_low",
    "ratio_high",
    "first_stage",
    "last_stage",
    "policy",
    "stages",
)


def drift(sources: Sources, runs: Runs, model: ModelName, policy: LrPolicy) -> Measured:
    """Measures ‖Δw‖/‖w‖ per stage of pretrained full runs; ratio is last backbone / first stage.

    The head is left out of the ratio, because it starts at random in every arm.
    """
    arm = Arm(model=model, init=Init.PRETRAINED, scope=Scope.FULL, lr_policy=policy)
    rows = [str(row["run_id"]) for row in runs.get(arm, {}).values()]
    stored = [sources.drift[run_id] for run_id in rows if run_id in sources.drift]
    stored = [item for item in stored if len(item[0]) >= 3]
    if not stored:
        return absent(DRIFT, Reason.MISSING_FILE)
    logs = [
        math.log(change[-2] / change[0]) if change[0] > 0 and change[-2] > 0 else math.nan
        for _, change in stored
    ]
    found, verdict, reason = paired(logs, exponent=True)
    names = stored[0][0]
    changes = np.array([change for stages, change in stored if stages == names], dtype=np.float64)
    mean = changes.mean(axis=0)
    numbers = {
        "n_pairs": found.n,
        "first_change": mean[0],
        "last_change": mean[-2],
        "head_change": mean[-1],
        "ratio": found.mean,
        "ratio_low": found.low,
        "ratio_high": found.high,
        "first_stage": names[0],
        "last_stage": names[-2],
        "policy": policy.value,
        "stages": [{"name": name, "change": change} for name, change in zip(names, mean, strict=True)],
    }
    return Measured(
        verdict=verdict,
        reason=reason,
        numbers=numbers,
        rows=tuple(run_id for run_id in rows if run_id in sources.drift),
    )


DECAY = ("lr_decay_pretrained", "lr_decay_scratch", "lr_uniform", "lr_discriminative", "trials")


def lr_decay(sources: Sources, runs: Runs, model: ModelName) -> Measured:
    """Reports the factor between the rates of neighbouring stages of the discriminative arms.

    Without tuning trials it is the default factor, and the reason is `NOT_APPLICABLE`.
    """
    chosen = select(runs, model=model, lr_policy=LrPolicy.DISCRIMINATIVE)
    if not chosen:
        return absent(DECAY, Reason.MISSING_ARMS)
    tried = sources.trials
    tuned = 0
    if not tried.empty:
        tuned = int(
            ((tried["model"] == model) & (tried["lr_policy"] == LrPolicy.DISCRIMINATIVE.value)).sum()
        )
    pretrained = select(runs, model=model, init=Init.PRETRAINED)
    numbers = {
        f"lr_decay_{init}": summary(column(select(chosen, init=init), "lr_decay")).mean for init in Init
    } | {
        f"lr_{policy}": summary(column(select(pretrained, lr_policy=policy), "lr")).mean
        for policy in (LrPolicy.UNIFORM, LrPolicy.DISCRIMINATIVE)
    }
    return Measured(
        verdict=Verdict.INCONCLUSIVE,
        reason=Reason.MEASURED if tuned else Reason.NOT_APPLICABLE,
        numbers={**numbers, "trials": tuned},
    )
