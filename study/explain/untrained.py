"""Rebuilds networks as they were before training."""

from __future__ import annotations

from study.models import Network, build
from study.records import RunRecord
from study.spec import Init
from study.training.workshop import Workshop


def fresh_network(record: RunRecord, shop: Workshop, init: Init | None = None) -> Network:
    """Returns the network as it was before the run's first step.

    Args:
        record: of the run.
        shop: provides pre-trained weights.
        init: another initialisation; None for the run's own.
    """
    spec = record.spec
    init = init or spec.arm.init
    return build(
        spec.arm.model,
        weights=shop.weights[spec.arm.model] if init is Init.PRETRAINED else None,
        resolution=spec.resolution,
        fold=spec.fold,
        seed=spec.seed,
        classes=len(spec.data.classes),
        channels=spec.data.channels,
    )
