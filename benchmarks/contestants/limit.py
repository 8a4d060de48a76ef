"""Measures the machine's matrix-multiply rate and counts the operations of the trained networks."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import torch
from torch.utils.flop_counter import FlopCounterMode

from study.models import build
from study.networks import DEFAULT, ModelName
from study.training.runtime import detect

SIZE, REPEATS = 2048, 15


def rate(dtype: torch.dtype) -> float:
    """Returns the median GFLOP/s of square matrix products; a multiply-add counts as two."""
    a, b = (torch.randn(SIZE, SIZE).to(dtype) for _ in range(2))
    taken = []
    for _ in range(REPEATS + 3):
        began = time.perf_counter()
        a @ b
        taken.append(time.perf_counter() - began)
    return 2 * SIZE**3 / sorted(taken[3:])[REPEATS // 2] / 1e9


def gigaflop(model: ModelName) -> float:
    """Returns the GFLOP of one image's forward pass at 32×32, as trained here (VGG11 folded)."""
    network = build(model, weights=None, resolution=32, fold=True, seed=0).eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 1, 32, 32))
    return counter.get_total_flops() / 1e9


def main() -> None:
    detect("cpu", "fp32")
    print(
        json.dumps(
            {
                "float32": rate(torch.float32),
                "bfloat16": rate(torch.bfloat16),
                **{model: gigaflop(model) for model in DEFAULT},
            }
        )
    )


if __name__ == "__main__":
    main()
