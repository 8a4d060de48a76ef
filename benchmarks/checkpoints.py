"""Measures what a checkpoint costs: `python -m benchmarks.checkpoints [FOLDER]`, on FOLDER's disk."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from study.matrix import arms
from study.models import build
from study.networks import DEFAULT
from study.records import EvaluationPoint
from study.spec import HyperParams, Purpose, RunSpec, Scope
from study.training.checkpoint import Checkpoints
from study.training.loop import Trainer
from study.training.param_groups import param_groups
from study.training.progress import Progress
from study.training.resume_state import ResumeState
from study.training.runtime import detect

TIMES = 5


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.gettempdir())
    runtime = detect("cpu")
    print("| network | size, MB | write, s (median of 5, greatest) | read, s |\n|---|---:|---:|---:|")
    for model in DEFAULT:
        network = build(model, weights=None, resolution=32, fold=True, seed=0)
        network.to(runtime.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        arm = next(arm for arm in arms((model,)) if arm.scope is Scope.FULL)
        spec = RunSpec(arm=arm, purpose=Purpose.FINAL, seed=1, hyper=HyperParams(lr=1e-3), rung=2_000)
        with tempfile.TemporaryDirectory(dir=folder) as place:
            kept, progress = Checkpoints(folder=Path(place), run_id="run"), Progress()
            point = EvaluationPoint(samples_seen=1, seconds=1, train_loss=1, val_accuracy=1, val_loss=1)
            trainer = Trainer(
                lambda chosen, position, network=network: network(torch.randn(len(chosen), 1, 32, 32)),
                param_groups(network, spec.hyper),
                torch.zeros(64, dtype=torch.int64),
                spec,
                runtime,
                progress=progress,
                stop=lambda: None,
            )
            trainer.advance(64, lambda seen: 1.0)
            state = ResumeState(kept, network, trainer, rung=spec.rung, device=runtime.device, tell=print)
            taken = []
            for _ in range(TIMES):
                progress.samples_seen += 64
                progress.history.append(point)
                began = time.monotonic()
                state.keep()
                taken.append(time.monotonic() - began)
            size = max(path.stat().st_size for path in Path(place).iterdir())
            began = time.monotonic()
            kept.load()
            read = time.monotonic() - began
        print(f"| {model} | {size / 1e6:.0f} | {np.median(taken):.2f}, {max(taken):.2f} | {read:.2f} |")


if __name__ == "__main__":
    main()
