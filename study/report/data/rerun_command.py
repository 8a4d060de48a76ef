"""Reconstructs the command that repeats a study from its results."""

from __future__ import annotations

import shlex
from typing import Any

from study.analysis.imagenet_witness import IMAGENET
from study.budget import DEFAULT_BUDGET, parse_budget
from study.datasets import DEFAULT as DEFAULT_DATASET
from study.datasets import is_own
from study.networks import DEFAULT, VGG11
from study.report.data.report_data import ReportData
from study.spec import Precision

#: The only resolution at which VGG11's fc6 can be folded.
_FOLDS_AT = 32


def repeat_flags(data: ReportData) -> str:
    """Returns the flags of `run` with which the study was made, as one line.

    Flags that no file of the results contains are absent: --seeds, which only bounds the plan, and the
    folders. Of the user's own weights and images only the name is known, not the folder above it.
    """
    facts = data.environment
    flags = [
        f"--budget {int(data.plan.get('budget_seconds') or parse_budget(DEFAULT_BUDGET))}",
        f"--seed {facts.get('seed') or 0}",
    ]
    if is_own(data.dataset.name):
        flips = "yes" if data.dataset.flips else "no"
        flags.append(f"--data {shlex.quote(data.dataset.title)} --flips {flips}")
    elif data.dataset.name != DEFAULT_DATASET:
        flags.append(f"--dataset {data.dataset.name}")
    if data.models and tuple(data.models) != DEFAULT:
        flags.append(f"--models {','.join(data.models)}")
    if data.resolution:
        flags.append(f"--resolution {data.resolution}")
    if facts.get("precision") in tuple(kind.value for kind in Precision):
        flags.append(f"--precision {facts['precision']}")
    vgg11: dict[str, Any] = data.architecture.get(VGG11) or {}
    if data.resolution == _FOLDS_AT and vgg11.get("folded") is False:
        flags.append("--no-fold")
    if own := _own_weights(data):
        flags.append(f"--init-checkpoint {shlex.quote(own)}")
    return " ".join(flags)


def _own_weights(data: ReportData) -> str:
    """Returns the file name of the user's own weights, or "" without them.

    They are neither ImageNet's nor a replacement for them.
    """
    for model, weights in (data.environment.get("weights") or {}).items():
        entry: dict[str, Any] = data.pretraining.get(model) or {}
        if weights.get("source") != IMAGENET and entry.get("fallback_reason") == "":
            return str(weights.get("path_name") or "")
    return ""
