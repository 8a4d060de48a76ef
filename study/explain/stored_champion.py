"""Loads the network that a study has trained longest, and what its file says of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from study.datasets import DatasetDescriptor
from study.errors import UsageError, WeightsError
from study.explain.snapshots import CHAMPION
from study.models import Network, load_adapted, load_checkpoint
from study.networks import ModelName, network_name
from study.spec import RESOLUTIONS


@dataclass(frozen=True, kw_only=True)
class StoredChampion:
    """A champion as its file holds it.

    Attributes:
        path: of the file.
        sha256: of the file.
        data: the data set that it was trained on.
        model: name of the network.
        network: in evaluation mode, on the CPU; VGG11's fc6 is folded where it can be.
        resolution: side of the network's input in pixels.
        run_id: of its run; empty if the file does not say it.
        rung: samples after which it was stored; 0 if the file does not say it.
    """

    path: Path
    sha256: str
    data: DatasetDescriptor
    model: ModelName
    network: Network
    resolution: int
    run_id: str
    rung: int


def stored_champion(folder: Path, data: DatasetDescriptor) -> StoredChampion | None:
    """Returns the champion of a study, or None if none is stored.

    Args:
        folder: the folder of checkpoints.
        data: the data set of the study.

    Raises:
        WeightsError: the file is damaged, altered, or does not say which network it holds.
    """
    path = folder / CHAMPION
    if not path.is_file():
        return None
    weights, meta = load_checkpoint(path)
    try:
        model, resolution = network_name(meta["model"]), int(meta["resolution"])
        run_id, rung = str(meta.get("run_id", "")), int(meta.get("rung", 0))
        if resolution not in RESOLUTIONS:
            raise ValueError
    except (KeyError, TypeError, ValueError, OverflowError, UsageError) as error:
        raise WeightsError(f"{path} does not say which network it holds") from error
    return StoredChampion(
        path=path,
        sha256=weights.sha256,
        data=data,
        model=model,
        network=load_adapted(
            model,
            weights.state,
            resolution=resolution,
            fold=True,
            classes=len(data.classes),
            channels=data.channels,
        ),
        resolution=resolution,
        run_id=run_id,
        rung=rung,
    )
