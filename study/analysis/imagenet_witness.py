"""Measures how well ImageNet features of EfficientNet-Lite0 classify, apart from the 12 arms."""

from __future__ import annotations

from typing import Any

import numpy as np

from study.analysis.evidence import Measured, absent, paired
from study.analysis.sources import Sources
from study.analysis.verdicts import Reason

IMAGENET = "imagenet1k_v1"
WITNESS = (
    "obstacle",
    "detail",
    "n_pairs",
    "pretrained_accuracy",
    "random_accuracy",
    "pixels_accuracy",
    "effect_pp",
    "ci_low_pp",
    "ci_high_pp",
    "train_images",
    "validation_images",
    "test_images",
    "resolution",
    "features",
    "passes",
    "seconds",
    "package",
    "version",
    "sha256",
)


def witness(sources: Sources) -> Measured:
    """Compares a linear probe on ImageNet features with one on random features, paired by seed.

    The finding does not apply if every network of the study itself has torchvision's ImageNet weights. If
    the witness did not run, the number `obstacle` holds the reason in the words of `study.records.Reason`.
    """
    entry = sources.witness
    origins = [(own or {}).get("source") for own in sources.pretraining.values()]
    if origins and all(origin == IMAGENET for origin in origins):
        return absent(WITNESS, Reason.NOT_APPLICABLE)
    if not entry:
        return absent(WITNESS, Reason.MISSING_FILE)
    pairs: list[dict[str, Any]] = entry.get("pairs") or []
    if entry.get("state") != "finished" or not pairs:
        missing = absent(WITNESS, Reason.NOT_RUN)
        told = {"obstacle": entry.get("reason"), "detail": entry.get("detail")}
        return Measured(verdict=missing.verdict, reason=missing.reason, numbers={**missing.numbers, **told})
    difference, verdict, reason = paired(
        [100 * (float(pair["pretrained"]) - float(pair["random"])) for pair in pairs]
    )
    numbers = dict.fromkeys(WITNESS) | {key: entry.get(key) for key in WITNESS if key in entry}
    numbers |= {
        "detail": None,
        "n_pairs": difference.n,
        "pretrained_accuracy": float(np.mean([pair["pretrained"] for pair in pairs])),
        "random_accuracy": float(np.mean([pair["random"] for pair in pairs])),
        "pixels_accuracy": float(np.mean([pair["pixels"] for pair in pairs])),
        "effect_pp": difference.mean,
        "ci_low_pp": difference.low,
        "ci_high_pp": difference.high,
    }
    return Measured(verdict=verdict, reason=reason, numbers=numbers)
