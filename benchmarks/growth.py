"""Measures how the cost of a study grows with images, resolution, arms and seeds.

Writes benchmarks/out/growth.json and the block `growth` of docs/performance.md. Each quantity has three
values. A measurement is the wall time of whole runs, including network building, BatchNorm's statistics and
validation.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.page import replace_block
from study.data import load
from study.datasets import FASHION_MNIST
from study.matrix import arms
from study.networks import DEFAULT, GOOGLENET, VGG11, ModelName
from study.spec import Arm, Init, Precision, Purpose, RunSpec
from study.training.defaults import RECIPE, default_hyper
from study.training.run import Workshop, run
from study.training.runtime import detect

ROOT = Path(__file__).parents[1]
#: Fewer samples are used here: above a resolution of 32 VGG11 is not folded, and a step costs many times
#: more.
SAMPLES = {VGG11: 2_560, GOOGLENET: 7_680}
AT_RESOLUTION = {VGG11: 384, GOOGLENET: 1_920}


@dataclass(frozen=True)
class Point:
    """One measurement.

    Attributes:
        model: the network.
        quantity: images, resolution, arms, seeds, or warm-up.
        value: value of the quantity.
        seconds: wall time of the runs.
    """

    model: str
    quantity: str
    value: int
    seconds: float


def main() -> None:
    runtime = detect("cpu", "auto")
    fashion = load(FASHION_MNIST, offline=True)
    points: list[Point] = []

    def note(model: ModelName, quantity: str, value: int, specs: list[RunSpec]) -> None:
        with (
            TemporaryDirectory() as folder
        ):  # so that no run continues from a checkpoint of an earlier point
            shop = Workshop(images=fashion, runtime=runtime, weights={}, folder=Path(folder))
            began = time.perf_counter()
            for spec in specs:
                record = run(spec, shop).record
                if record.state.value != "finished":
                    raise SystemExit(f"{spec.run_id}: {record.reason}")
        points.append(Point(model, quantity, value, time.perf_counter() - began))
        print(points[-1], flush=True)

    for model in DEFAULT:
        scratch = [arm for arm in arms((model,)) if arm.init is Init.SCRATCH]
        full = next(arm for arm in scratch if arm.lr_policy.value == "uniform")
        base = _spec(full, SAMPLES[model], runtime.precision)
        note(model, "warm-up", 256, [replace(base, rung=256)])
        for factor in (1, 2, 4):
            note(model, "images", factor * base.rung, [replace(base, rung=factor * base.rung)])
        for resolution in (32, 64, 96):
            small = replace(base, rung=AT_RESOLUTION[model], resolution=resolution)
            note(model, "resolution", resolution, [small])
        for count in (1, 2, 3):
            note(
                model, "arms", count, [_spec(arm, base.rung, runtime.precision) for arm in scratch[:count]]
            )
        for count in (1, 2, 4):
            note(model, "seeds", count, [replace(base, seed=seed) for seed in range(count)])
    out = ROOT / "benchmarks" / "out"
    out.mkdir(exist_ok=True)
    (out / "growth.json").write_text(json.dumps([vars(point) for point in points], indent=1) + "\n")
    replace_block(ROOT / "docs" / "performance.md", "growth", table(points))


def _spec(arm: Arm, rung: int, precision: Precision) -> RunSpec:
    return RunSpec(
        arm=arm,
        purpose=Purpose.TRIAL,
        seed=1,
        hyper=default_hyper(arm),
        train_images=rung,
        rung=rung,
        batch_size=64,
        recipe=RECIPE,
        precision=precision,
        trial=0,
    )


def table(points: list[Point]) -> str:
    lines = ["| network | quantity | seconds at each value | relative to the first |", "|---|---|---|---|"]
    for model in DEFAULT:
        for quantity in ("images", "resolution", "arms", "seeds"):
            chosen = [p for p in points if (p.model, p.quantity) == (model, quantity)]
            told = ", ".join(f"{p.value:,}: {p.seconds:.1f}" for p in chosen)
            ratios = " · ".join(f"{p.seconds / chosen[0].seconds:.1f}" for p in chosen)
            lines.append(f"| {model} | {quantity} | {told} | {ratios} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
