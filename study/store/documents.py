"""Declares the structure of the JSON files of results/ and of the facts in the ledger."""

from __future__ import annotations

from typing import Any

from study.networks import NETWORKS
from study.records import RunState
from study.spec import Precision
from study.store.shapes import (
    Check,
    between,
    flag,
    items,
    mapping,
    maybe,
    measure,
    moment,
    number,
    one_of,
    positive,
    record,
    share,
    text,
    whole,
)

MODELS = tuple(NETWORKS)
_SECONDS = maybe(number)
_TEXT = maybe(text)
_WHOLE = maybe(whole)
_SPEED = record(
    {name: positive for name in ("train", "inference", "build")},
    {"head": positive, "tail": positive, "train_small": number},
)
_DECISION = {
    **dict.fromkeys(("least_rung", "trial_rung", "batch_size"), between(1, 10**9)),
    "rung": between(0, 10**9),
    "seeds": between(0, 10_000),
    "trials": between(0, 10_000),
    "needs_seconds": maybe(number),
}
#: Fields of a decision that the report reads. A `rung` of 0 means that the network does not fit into the
#: budget; `needs_seconds` is then the total budget that it needs.
_LENGTHS = {
    **dict.fromkeys(("least_rung", "rung", "trial_rung", "batch_size"), whole),
    "seeds": between(0, 10_000),
    "trials": between(0, 10_000),
    "needs_seconds": _SECONDS,
}
_LEFT_OUT = record({"what": text}, {"needs_seconds": _SECONDS})
_ROW = {
    "run_id": text,
    "rung": whole,
    "phase": text,
    "arm": text,
    "predicted_seconds": number,
    "actual_seconds": _SECONDS,
    "state": one_of(*RunState),
    "reason": text,
}
#: Further fields of a row that a resumed study needs; the report does not read them.
_KIND_OF_RUN = {
    "model": one_of(*MODELS),
    "init": text,
    "scope": text,
    "predicted_p95_seconds": number,
    "unscaled_seconds": positive,
}
_PHASE = record({"phase": text, "predicted_seconds": _SECONDS, "actual_seconds": _SECONDS})
_POINT = record({"samples": number, "accuracy": measure, "loss": measure}, {"seconds": number})
_LAYER = record(
    {
        "layer": text,
        "kind": text,
        "shape_before": text,
        "shape_after": text,
        "parameters_before": _SECONDS,
        "parameters_after": _SECONDS,
    },
    {"stage": text},
)
_STAGE = record({"name": text, "modules": items(text), "parameters": number})
_PAIR = record({name: share for name in ("pretrained", "random", "pixels")})
_COUNT_OF = {
    name: _SECONDS
    for name in ("images", "categories", "image_size", "samples", "seconds", "step_seconds", "chance")
}

EVENTS = items(record({"kind": text, "model": _TEXT, "detail": text}, {"at": number}))
_PLAN = {
    "budget_seconds": _SECONDS,
    "used_seconds": _SECONDS,
    "reserve_seconds": _SECONDS,
    "side_seconds": number,
    "champion_seconds": number,
    "grown": flag,
    "extension_seconds": number,
    "workers": between(1, 10_000),
    "step_seconds": number,
    "worker_seconds": number,
    "left_out": items(record({"what": text, "needs_seconds": maybe(number)})),
    "speeds": mapping(_SPEED, MODELS),
    "phases": items(_PHASE),
}
PLAN = record(
    {},
    {
        **{
            name: _SECONDS
            for name in (
                "budget_seconds",
                "used_seconds",
                "reserve_seconds",
                "champion_seconds",
                "extension_seconds",
                "step_seconds",
                "worker_seconds",
            )
        },
        "workers": _WHOLE,
        "phases": items(_PHASE),
        "left_out": items(_LEFT_OUT),
        "rows": items(record(_ROW, {"rung": whole})),
        "decisions": mapping(record({}, {name: maybe(check) for name, check in _LENGTHS.items()}), MODELS),
    },
)


def _finished_takes_time(value: dict[str, Any], where: str) -> None:
    """Checks a row of the plan; a finished run must have its actual seconds."""
    record({**_ROW, **_KIND_OF_RUN})(value, where)
    if value["state"] == RunState.FINISHED.value:
        number(value["actual_seconds"], f"{where}.actual_seconds")


COURSE = record(
    {},
    {
        **_PLAN,
        "rows": items(_finished_takes_time),
        "decisions": mapping(record(_DECISION, closed=True), MODELS),
    },
)
ENVIRONMENT = record(
    {},
    {
        **{
            name: _TEXT
            for name in (
                "python",
                "platform",
                "torch",
                "torchvision",
                "optuna",
                "pandas",
                "weasyprint",
                "device",
                "device_name",
                "precision",
                "commit",
                "study_version",
                "started",
                "finished",
                "preregistration",
            )
        },
        "threads": _WHOLE,
        "workers": _WHOLE,
        "memory_gb": _SECONDS,
        "seed": _WHOLE,
        "dataset": maybe(
            record(
                {},
                {
                    "source": _TEXT,
                    "sha256": _TEXT,
                    "train_images": _WHOLE,
                    "validation_images": _WHOLE,
                    "test_images": _WHOLE,
                },
            )
        ),
        "weights": maybe(
            mapping(
                record(
                    {},
                    {
                        "source": _TEXT,
                        "sha256": _TEXT,
                        "path_name": _TEXT,
                        "detail": _TEXT,
                        "channels": _WHOLE,
                    },
                ),
                MODELS,
            )
        ),
        "events": maybe(EVENTS),
    },
)
ARCHITECTURE = mapping(
    record(
        {},
        {
            **{
                name: _SECONDS
                for name in (
                    "original_parameters",
                    "adapted_parameters",
                    "head_parameters",
                    "folded_parameters",
                )
            },
            "adaptation_error": maybe(measure),
            "folded": maybe(flag),
            "layers": maybe(items(_LAYER)),
            "stages": maybe(items(_STAGE)),
        },
    ),
    MODELS,
)
PRETRAINING = mapping(
    record(
        {},
        {
            **_COUNT_OF,
            "source": _TEXT,
            "sha256": _TEXT,
            "fallback_reason": _TEXT,
            "reason": _TEXT,
            "detail": _TEXT,
            "held_out_accuracy": maybe(share),
            "passed": maybe(flag),
            "cached": maybe(flag),
            "complete": maybe(flag),
            "curve": maybe(items(_POINT)),
        },
    ),
    MODELS,
)
WITNESS = record(
    {},
    {
        **{name: _TEXT for name in ("state", "reason", "detail", "package", "version", "sha256")},
        **{
            name: _SECONDS
            for name in (
                "train_images",
                "validation_images",
                "test_images",
                "resolution",
                "features",
                "seconds",
            )
        },
        "passes": maybe(measure),
        "pairs": maybe(items(_PAIR)),
    },
)
STUDY = record(
    {
        "models": items(one_of(*MODELS)),
        "seed": whole,
        "resolution": whole,
        "device": text,
        "precision": one_of(*Precision),
        "fold": flag,
        "max_seeds": maybe(between(1, 10**9)),
        "init_checkpoint": text,
    },
    closed=True,
)
FINDINGS = record({}, {"findings": items(record({"id": text}))})

#: Checks by the name of a JSON file without ending, and by the name of a fact of the ledger.
DOCUMENTS: dict[str, Check] = {
    "plan": PLAN,
    "environment": ENVIRONMENT,
    "architecture": ARCHITECTURE,
    "pretraining": PRETRAINING,
    "witness": WITNESS,
    "findings": FINDINGS,
    "preregistration": record({"rules": record({})}),
}
FACTS: dict[str, Check] = {
    **DOCUMENTS,
    "plan": COURSE,
    "fingerprint": text,
    "study": STUDY,
    "used_seconds": number,
    "running": maybe(items(record({"name": text, "since": moment}))),
    "format": whole,
    "baselines": items(
        record(
            {
                "name": text,
                "train_images": _WHOLE,
                "test_images": whole,
                "test_accuracy": share,
                "seconds": _SECONDS,
            }
        )
    ),
}
