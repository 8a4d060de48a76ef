"""Compares two workers of one thread with one run on two: `python -m benchmarks.workers`, 7 minutes.

Each trains with 64 images a batch for the same seconds, as a study's runs do, on an idle machine and
beside one process that computes without end. Rounds alternate; the table of docs/performance.md has
medians over rounds of the images per second of all processes together.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.contention import busy_beside
from benchmarks.contest import processor
from benchmarks.page import replace_block
from study.system.openmp import SPINS

ROOT = Path(__file__).parents[1]
OUT, PAGE = Path(__file__).parent / "out" / "workers.json", ROOT / "docs" / "performance.md"
MODELS, BATCH, SECONDS = ("googlenet", "vgg11"), 64, 12.0
#: Number of threads of each process, by name of the layout.
LAYOUTS = {"two workers": (1, 1), "two threads": (2,)}
#: Seconds from the start of the processes to the moment at which all begin to count.
_TO_START = 12.0
Row = dict[str, Any]
_TRAIN = """
import sys, time
from dataclasses import replace
import torch
import torch.nn.functional as F
from study.data import augment, to_input
from study.matrix import arms
from study.models import build
from study.networks import ModelName
from study.spec import Scope
from study.training.defaults import default_hyper
from study.training.param_groups import param_groups
from study.training.runtime import adopt, detect

model, precision, threads, batch, start, seconds = sys.argv[1:]
model, batch, start, seconds = ModelName(model), int(batch), float(start), float(seconds)
runtime = replace(detect("cpu", precision), threads=int(threads))
adopt(runtime)
arm = next(arm for arm in arms((model,)) if arm.scope is Scope.FULL)
network = build(model, weights=None, resolution=32, fold=True, seed=0)
network.to(memory_format=torch.channels_last).train()
optimizer = torch.optim.AdamW(param_groups(network, default_hyper(arm)), fused=True)
pixels = torch.randint(0, 256, (1_024, 28, 28), dtype=torch.uint8)
labels = torch.randint(0, 10, (1_024,))
generator = torch.Generator().manual_seed(0)

def step():
    chosen = torch.randint(0, 1_024, (batch,))
    x = augment(to_input(pixels[chosen], 32), generator, shift=0.0, erase=0.0)
    with runtime.autocast():
        logits = network(x.contiguous(memory_format=torch.channels_last))
    loss = F.cross_entropy(logits.float(), labels[chosen])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()

for _ in range(3):
    step()
if time.time() > start:
    sys.exit("it came too late to the start")
while time.time() < start:
    time.sleep(0.01)
steps = 0
while time.time() < start + seconds:
    step()
    steps += 1
print(steps * batch / (time.time() - start), runtime.precision.value)
"""


def measured(model: str, precision: str, layout: tuple[int, ...], busy: int) -> tuple[float, str]:
    """Returns the images per second of all processes together, and their precision."""
    environment = {"GOMP_SPINCOUNT": SPINS, **os.environ}
    with busy_beside(busy):
        start = time.time() + _TO_START
        processes = [
            subprocess.Popen(
                [
                    sys.executable,
                    "-c",
                    _TRAIN,
                    model,
                    precision,
                    str(threads),
                    str(BATCH),
                    str(start),
                    str(SECONDS),
                ],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                text=True,
            )
            for threads in layout
        ]
        told = [process.communicate()[0].split() for process in processes]
    return sum(float(speed) for speed, _ in told), told[0][1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--precision", nargs="+", default=["auto"], choices=("auto", "fp32", "bf16"))
    parser.add_argument("--page", action="store_true", help="write docs/performance.md, measure nothing")
    flags = parser.parse_args()
    if not flags.page:
        rows = list(rounds(flags.rounds, flags.precision))
        OUT.write_text(json.dumps({"machine": processor(), "batch": BATCH, "rows": rows}, indent=1) + "\n")
    replace_block(PAGE, "workers", table(json.loads(OUT.read_text())))


def rounds(count: int, precisions: list[str]) -> Iterator[Row]:
    """Yields a row for every measurement and prints it."""
    for _, precision, model, busy, name in product(range(count), precisions, MODELS, (0, 1), LAYOUTS):
        load = os.getloadavg()[0]
        speed, used = measured(model, precision, LAYOUTS[name], busy)
        print(f"{model}, {used}, {busy} busy, {name}: {speed:.0f} images/s", flush=True)
        yield {
            "model": model,
            "precision": used,
            "busy": busy,
            "layout": name,
            "images_per_second": speed,
            "load_average": load,
        }


def table(found: dict[str, Any]) -> str:
    """Returns a table with a line for each network, precision and load: medians over the rounds."""
    speeds: dict[tuple[str, str, int], dict[str, list[float]]] = {}
    for row in found["rows"]:
        case = speeds.setdefault((row["model"], row["precision"], row["busy"]), {})
        case.setdefault(row["layout"], []).append(row["images_per_second"])
    count = len(next(iter(speeds.values()))["two workers"])
    lines = [
        f"Medians of {count} round(s), images per second at {found['batch']} images a batch; "
        f"{found['machine']}, two cores.",
        "",
        "| network | precision | busy processes beside | two workers | one run on two threads | ratio |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for (model, precision, busy), case in sorted(speeds.items()):
        workers, threads = (statistics.median(case[name]) for name in LAYOUTS)
        ratio = workers / threads
        lines.append(f"| {model} | {precision} | {busy} | {workers:.0f} | {threads:.0f} | {ratio:.2f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
