"""What a checkpoint of a run costs: `python -m benchmarks.checkpoints [FOLDER]`, on FOLDER's disk."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from study.training.bookmark import Bookmark

from study.models import build
from study.records import EvaluationPoint
from study.spec import HyperParams, ModelName
from study.training.checkpoint import Checkpoints
from study.training.param_groups import param_groups
from study.training.progress import Progress
from study.training.runtime import detect

TIMES = 5


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir())
    device = detect("cpu").device
    print("| network | size, MB | write, s (median of 5, greatest) | read, s |\n|---|---:|---:|---:|")
    for model in ModelName:
        network = build(model, weights=None, resolution=32, fold=True, seed=0)
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimizer = torch.optim.AdamW(param_groups(network, HyperParams(lr=1e-3)), fused=True)
        network(torch.randn(8, 1, 32, 32)).sum().backward()
        optimizer.step()
        with tempfile.TemporaryDirectory(dir=folder) as place:
            kept, progress = Checkpoints(folder=Path(place), run_id="run"), Progress()
            point = EvaluationPoint(samples_seen=1, seconds=1, train_loss=1, val_accuracy=1, val_loss=1)
            bookmark = Bookmark(kept, network, progress, {"dropout": torch.default_generator}, device,
                                lambda kind, detail: print(kind, detail))  # fmt: skip
            bookmark.begin(optimizer, [])
            taken = []
            for _ in range(TIMES):
                progress.samples_seen += 64
                progress.history.append(point)
                began = time.monotonic()
                bookmark.keep()
                taken.append(time.monotonic() - began)
            size = max(path.stat().st_size for path in Path(place).iterdir())
            began = time.monotonic()
            kept.load()
            read = time.monotonic() - began
        print(f"| {model} | {size / 1e6:.0f} | {np.median(taken):.2f}, {max(taken):.2f} | {read:.2f} |")


if __name__ == "__main__":
    main()
