"""Builds what a study declares before its first evaluation on test images.

It is stored in preregistration.json.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from study.analysis.family import CONTRASTS, rows_of
from study.analysis.interval import CONFIDENCE
from study.analysis.verdicts import (
    ALPHA,
    EQUIVALENCE_MARGIN_PP,
    GAP_BOUND_PP,
    SECONDARY_SHARE,
    TO_SECONDARY,
)
from study.networks import compared


def rules(models: Iterable[str]) -> dict[str, Any]:
    """Returns the contrasts of a study and all thresholds by which this version of the program judges.

    Args:
        models: the networks of the study.
    """
    among = compared(models)
    return {
        "measure": "test accuracy in percentage points, mean over the seeds that all arms have",
        "rung": "within a network its highest rung with three seeds of every arm, between networks the "
        "highest common one",
        "interval": "Student over seeds plus normal over test images",
        "confidence": CONFIDENCE,
        "alpha": ALPHA,
        "multiplicity": "graphical procedure (Bretz et al. 2009)",
        "secondary_share": SECONDARY_SHARE,
        "to_secondary": TO_SECONDARY,
        "equivalence_margin_pp": EQUIVALENCE_MARGIN_PP,
        "adequate_gap_pp": GAP_BOUND_PP,
        "contrasts": [
            {
                "name": contrast.name,
                "model": name,
                "family": contrast.family(name).value,
                "weights": {arm.name: weight for arm, weight in contrast.weights(group).items()},
            }
            for contrast in CONTRASTS
            for name, group in rows_of(contrast, among)
        ],
    }


def digest(registration: dict[str, Any]) -> str:
    """Returns the SHA-256 of a registration, which is independent of the formatting of its file."""
    text = json.dumps(registration, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
