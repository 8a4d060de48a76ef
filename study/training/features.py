"""Computes features of frozen backbones once and shares them among trials, rungs and workers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from study.errors import TrainingError
from study.models import Network
from study.store.files import write_arrays
from study.training.evaluate import batches_of, evaluation_batch
from study.training.runtime import Runtime

#: Maximum number of training images for mean and standard deviation.
STATISTICS = 2_000
#: Maximum number of images on which the head's logits from cached features are compared with the network's.
CHECKED = 100
LOGIT_TOLERANCE = 1e-3
#: Standardised features are clipped to this magnitude, because larger values do not fit float16.
_LARGEST_HALF = 6e4


@dataclass(frozen=True, kw_only=True)
class Features:
    """Standardised features and the statistics that undo the standardisation.

    Attributes:
        values: float16 [N, F], (feature − mean) / std.
        mean: float32 [F].
        std: float32 [F].
        seconds: time that computing all features takes.
        saved: seconds of it that cached features saved.
    """

    values: Tensor
    mean: Tensor
    std: Tensor
    seconds: float
    saved: float


class FeatureCache:
    """Stores features of images in a fixed order, block by block, in files that all workers share.

    A block is an evaluation batch, so that a feature is always computed in the same batch and is the same
    to the last bit. Half precision suffices only because the values are standardised first: an untrained
    GoogLeNet in evaluation mode has features near 1e-11, which float16 turns into zeros. Images are not
    augmented.
    """

    def __init__(self, folder: Path) -> None:
        """Uses the files in `folder`, which need not exist and may be removed between two runs."""
        self._folder = folder

    def compute(
        self,
        network: Network,
        images: Tensor,
        resolution: int,
        runtime: Runtime,
        stop: Callable[[], None],
    ) -> Features:
        """Returns features of training images, uint8 [N, side, side], under the frozen network.

        A longer prefix of the same order reuses the features of a shorter one of at least STATISTICS
        images, which determine the statistics.
        """
        network.eval()
        size = evaluation_batch(resolution)
        folder = self._folder / _key(network, images[:STATISTICS], resolution)
        seconds = saved = 0.0

        def raw(start: int) -> Tensor:
            part = images[start : start + size]
            return next(batches_of(network.features, part, resolution, runtime, stop))

        statistics = _read(folder / "statistics.npz")
        if statistics is None:
            first = torch.cat([raw(start) for start in range(0, min(STATISTICS, len(images)), size)])
            known = first[:STATISTICS]
            mean, std = known.mean(0), known.std(0, correction=0)
            statistics = {"mean": mean.numpy(), "std": torch.where(std > 0, std, 1.0).numpy()}
            _write(folder / "statistics.npz", statistics)
        mean, std = torch.from_numpy(statistics["mean"]), torch.from_numpy(statistics["std"])
        blocks = []
        for start in range(0, len(images), size):
            path = folder / f"{start:06d}-{len(images[start : start + size]):05d}.npz"
            stored = _read(path)
            if stored is None:
                began = time.monotonic()
                scaled = ((raw(start) - mean) / std).clamp_(-_LARGEST_HALF, _LARGEST_HALF)
                values = scaled.half().numpy()
                took = time.monotonic() - began
                stored = {"values": values, "seconds": np.array(took)}
                _write(path, stored)
            else:
                saved += float(stored["seconds"])
            seconds += float(stored["seconds"])
            blocks.append(torch.from_numpy(stored["values"]))
        return Features(values=torch.cat(blocks), mean=mean, std=std, seconds=seconds, saved=saved)


def _key(network: Network, images: Tensor, resolution: int) -> str:
    digest = hashlib.sha256(str(resolution).encode())
    for name, tensor in network.state_dict().items():
        if not name.startswith("head."):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(images.numpy().tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Reads a file; returns None if it is missing or damaged, so that it is computed again."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except Exception:  # numpy and zipfile raise many types for a damaged file
        return None


def _write(path: Path, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Writes a file; if the disk is full, only the cache is lost."""
    try:
        write_arrays(path, arrays)
    except Exception:
        return


@torch.inference_mode()
def require_same_logits(
    network: Network, head: nn.Linear, cached: Tensor, pixels: Tensor, resolution: int, runtime: Runtime
) -> None:
    """Checks that a network gives the same logits as its head on cached features.

    Args:
        network: with the head folded into its output layer.
        head: as it was trained on cached features.
        cached: float16 [n, F], standardised features of the images.
        pixels: uint8 [n, side, side], at most one evaluation batch.
        resolution: side of the network's input.
        runtime: of the run.

    Raises:
        TrainingError: a logit differs by more than `LOGIT_TOLERANCE` of the largest.
    """
    found = head(cached.float()).cpu()[:CHECKED]
    whole = next(batches_of(network, pixels, resolution, runtime))[:CHECKED]
    largest = max(1.0, float(found.abs().max()))
    difference = float((found - whole).abs().max()) / largest
    if not difference <= LOGIT_TOLERANCE:
        raise TrainingError(f"cached features give other logits than the network: {difference:.1e}")
