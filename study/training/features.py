"""Features of frozen backbones, computed once and shared by all trials and heads that need them."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from study.models import Network
from study.training.evaluate import batches_of
from study.training.runtime import Runtime, memory_gb

#: Entries kept: one for each frozen arm, because trials go round over the arms. With 54,000 images an
#: entry of VGG11 takes 0.44 GB and one of GoogLeNet 0.11 GB, all four 1.1 GB.
KEPT = 4
#: What the entries together may take of the memory.
MEMORY_SHARE = 0.25
#: Mean and standard deviation are taken over this many training images at most.
STATISTICS = 4_000
_LARGEST_HALF = 6e4


@dataclass(frozen=True, kw_only=True)
class Features:
    """Standardised features and what undoes it.

    values: float16 [N, F], (feature − mean)/std; mean, std: float32 [F]; seconds: what computing
    them took, also if they were cached.
    """

    values: Tensor
    mean: Tensor
    std: Tensor
    seconds: float
    cached: bool


class FeatureCache:
    """Features by (backbone weights, images, resolution); no augmentation.

    Half precision holds them only because they are standardised first: an untrained GoogLeNet in
    evaluation mode has features near 1e-11, which float16 turns into zeros. An entry larger than
    its part of MEMORY_SHARE lies in an unnamed temporary file.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Features] = {}

    def compute(
        self, network: Network, images: Tensor, resolution: int, runtime: Runtime,
        stop: Callable[[], None], *, training: int,
    ) -> Features:  # fmt: skip
        """Features of uint8 images [N, 28, 28] under the frozen network.

        Args:
            training: the first so many images are training images; statistics come from them.
        """
        key = self._key(network, images, resolution, training)
        found = self._kept.pop(key, None)
        if found is None:
            began = time.monotonic()
            network.eval()
            parts = batches_of(network.features, images, resolution, runtime, stop)
            values, mean, std = _standardised(parts, len(images), training)
            found = Features(values=values, mean=mean, std=std,
                             seconds=time.monotonic() - began, cached=False)  # fmt: skip
        self._kept[key] = replace(found, cached=True)
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    @staticmethod
    def _key(network: Network, images: Tensor, resolution: int, training: int) -> str:
        digest = hashlib.sha256(f"{resolution} {training}".encode())
        for name, tensor in network.state_dict().items():
            if not name.startswith("head."):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        digest.update(images.numpy().tobytes())
        return digest.hexdigest()


def _standardised(
    parts: Iterator[Tensor], count: int, training: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Values float16 [count, F], mean and std float32 [F] from float32 batches [·, F]."""
    first: list[Tensor] = []
    while sum(map(len, first)) < min(training, STATISTICS):
        first.append(next(parts))
    head = torch.cat(first)
    known = head[: min(training, STATISTICS)]
    mean, std = known.mean(0), known.std(0, correction=0)
    std = torch.where(std > 0, std, 1.0)
    values = _room(count, head.shape[1])
    filled = 0
    for part in (head, *parts):
        scaled = ((part - mean) / std).clamp_(-_LARGEST_HALF, _LARGEST_HALF)
        values[filled : filled + len(part)] = scaled.half()
        filled += len(part)
    return values, mean, std


def _room(count: int, size: int) -> Tensor:
    if 2 * count * size <= memory_gb() * 1e9 * MEMORY_SHARE / KEPT:
        return torch.empty(count, size, dtype=torch.float16)
    with tempfile.TemporaryFile() as file:  # lives on in the mapping
        return torch.from_numpy(np.memmap(file, np.float16, "w+", shape=(count, size)))
