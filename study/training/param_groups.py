"""Assigns learning rates to stages; every trainable parameter is in exactly one group."""

from __future__ import annotations

from typing import Any

from study.models import Network
from study.spec import HyperParams


# [listing: param-groups]
def param_groups(network: Network, hyper: HyperParams) -> list[dict[str, Any]]:
    """Returns optimizer groups with ``lr``, ``weight_decay`` and ``params``.

    Stage k counted from the head gets ``lr / lr_decay^k`` (Howard & Ruder 2018, section 3.2); without
    lr_decay all stages get lr. The network's `multipliers` (for the folded fc6) apply in addition.
    """
    depth = len(network.stages) - 1
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        distance = depth - network.stage_of(name)
        lr_factor, decay_factor = network.multipliers.get(name, (1.0, 1.0))
        lr = hyper.lr * lr_factor / (hyper.lr_decay or 1.0) ** distance
        groups.setdefault((lr, hyper.weight_decay * decay_factor), []).append(parameter)
    return [
        {"params": parameters, "lr": lr, "weight_decay": decay}
        for (lr, decay), parameters in groups.items()
    ]


# [/listing]
