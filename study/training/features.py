"""Features of frozen backbones, computed once and shared by all trials and heads that need them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from study.models import Network
from study.training.evaluate import batched
from study.training.runtime import Runtime

#: Entries kept; an entry of VGG11 with 54,000 images takes 0.88 GB.
KEPT = 2


@dataclass(frozen=True, kw_only=True)
class Features:
    """float32 [N, F] and the seconds that computing them took (also if they were cached)."""

    values: Tensor
    seconds: float
    cached: bool


class FeatureCache:
    """Features by (backbone weights, images, resolution); no augmentation.

    float32, not float16: an untrained GoogLeNet in evaluation mode has features near 1e-11,
    which half precision turns into zeros.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Features] = {}

    def compute(
        self, network: Network, images: Tensor, resolution: int, runtime: Runtime,
        stop: Callable[[], None],
    ) -> Features:  # fmt: skip
        """Features of uint8 images [N, 28, 28] under the frozen network."""
        key = self._key(network, images, resolution)
        found = self._kept.pop(key, None)
        if found is None:
            began = time.monotonic()
            network.eval()
            values = batched(network.features, images, resolution, runtime, stop)
            found = Features(values=values, seconds=time.monotonic() - began, cached=False)
        self._kept[key] = Features(values=found.values, seconds=found.seconds, cached=True)
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    @staticmethod
    def _key(network: Network, images: Tensor, resolution: int) -> str:
        digest = hashlib.sha256(str(resolution).encode())
        for name, tensor in network.state_dict().items():
            if not name.startswith("head."):
                digest.update(name.encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        digest.update(images.numpy().tobytes())
        return digest.hexdigest()
