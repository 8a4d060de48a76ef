"""Stores and restores the networks whose explanations are compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch

from study.datasets import DatasetDescriptor
from study.errors import WeightsError
from study.explain.untrained import fresh_network
from study.models import Network, build
from study.records import RunRecord
from study.spec import Arm, Init, LrPolicy, Scope
from study.store.files import write_atomic
from study.training.workshop import Workshop

#: File of the champion's weights, which load into torchvision's network with the channels of the images.
CHAMPION = "champion.pth"
#: The compared arms. All stages have the same learning rate, so that only initialisation and scope differ.
COMPARED = (
    (Init.SCRATCH, Scope.FULL, LrPolicy.UNIFORM),
    (Init.PRETRAINED, Scope.FROZEN, LrPolicy.NONE),
    (Init.PRETRAINED, Scope.FULL, LrPolicy.UNIFORM),
)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A finished final run and its network.

    Attributes:
        record: of the run.
        network: on the device and in evaluation mode.
    """

    record: RunRecord
    network: Network


def is_compared(arm: Arm) -> bool:
    """Returns whether the networks of an arm are stored and compared."""
    return (arm.init, arm.scope, arm.lr_policy) in COMPARED


def keep_network(network: Network, record: RunRecord, folder: Path) -> Path:
    """Writes explained-<arm>.pth with what training has changed; for a frozen network that is its head.

    Args:
        network: after training.
        record: of the run.
        folder: the folder of checkpoints.

    Returns:
        The path of the file.

    Raises:
        StoreError: the file cannot be written.
    """
    still = tuple(f"{name}." for name in network.frozen_modules)
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith(still)
    }

    def write(stream: IO[bytes]) -> None:
        torch.save(
            {
                "run_id": record.spec.run_id,
                "rung": record.spec.rung,
                "state": state,
                "resolution": record.spec.resolution,
                "fold": record.spec.fold,
            },
            stream,
        )

    path = _path(record.spec.arm, folder)
    write_atomic(path, write)
    return path


def kept_network(arm: Arm, folder: Path, data: DatasetDescriptor) -> tuple[Network, int]:
    """Returns the stored network of a fully trained arm, in evaluation mode, and its resolution.

    Args:
        arm: the arm.
        folder: the folder of checkpoints.
        data: the data set of the study.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    path = _path(arm, folder)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        resolution = int(content["resolution"])
        network = build(
            arm.model,
            weights=None,
            resolution=resolution,
            fold=bool(content["fold"]),
            seed=0,
            classes=len(data.classes),
            channels=data.channels,
        )
        network.load_state_dict(content["state"])
    except Exception as error:  # torch raises many types of errors for a damaged file
        raise WeightsError(f"{path.name} is damaged ({type(error).__name__})") from error
    return network.eval(), resolution


def kept_networks(records: Iterable[RunRecord], shop: Workshop, folder: Path) -> list[Kept]:
    """Returns the stored networks of the given runs, in the order of `COMPARED`.

    Runs whose network is not stored are skipped.

    Args:
        records: of the runs.
        shop: provides the device and pre-trained weights.
        folder: the folder of checkpoints.

    Raises:
        WeightsError: a file is damaged.
    """
    found = []
    for record in records:
        path = _path(record.spec.arm, folder)
        if not is_compared(record.spec.arm) or not path.is_file():
            continue
        network = fresh_network(record, shop)
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if (content["run_id"], content["rung"]) != record.spec.key:
                continue
            network.load_state_dict(content["state"], strict=False)
        except Exception as error:  # torch raises many types of errors for a damaged file
            raise WeightsError(f"{path.name} is damaged ({type(error).__name__})") from error
        found.append(Kept(record=record, network=network.to(shop.runtime.device).eval()))
    return sorted(found, key=lambda kept: COMPARED.index(_key(kept.record.spec.arm)))


def _key(arm: Arm) -> tuple[Init, Scope, LrPolicy]:
    return arm.init, arm.scope, arm.lr_policy


def _path(arm: Arm, folder: Path) -> Path:
    return folder / f"explained-{arm.name}.pth"
