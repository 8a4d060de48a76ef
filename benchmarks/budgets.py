"""What a budget contains, by the planner's own rules: here from measured speeds, on a GPU by calculation.

Reads benchmarks/out/speed.json (written by `make bench`) and writes the block `budgets` of
docs/performance.md. Nothing is trained. The GPU is arithmetic on two assumptions, stated below.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from statistics import median

from study.orchestration.course import FILL

from benchmarks.page import replace_block
from study.planning.cost import Speed, predicted_seconds
from study.planning.plan import Decision, decide
from study.spec import Init, ModelName, StudySpec

ROOT = Path(__file__).parents[1]
BUDGETS = {"1 h": 3_600, "2 h": 7_200, "24 h": 86_400}
#: Seconds of a study that are not training: pre-training's share, the reserve, set-up.
PRETRAINING, RESERVE, SET_UP = 0.2, 0.03, 15
#: A card of 65 TFLOP/s in half precision (NVIDIA's data sheet of the T4) that reaches a fifth of it,
#: and at best makes a training step in 6 ms, about 600 kernel launches of 10 µs.
GPU_FLOPS, GPU_SHARE, GPU_STEP, BATCH = 65e12, 0.2, 0.006, 128


def main() -> None:
    measured = json.loads((ROOT / "benchmarks" / "out" / "speed.json").read_text(encoding="utf-8"))
    rows = {
        ModelName(row["model"]): row for row in measured["rows"]
        if (row["contestant"], row["scope"]) == ("study", "full")
    }  # fmt: skip
    here = {model: median(row["images_per_second"]) for model, row in rows.items()}
    #: floating-point operations of a training image: forward once, backward twice
    flops = {model: row["gflops"] * 1e9 / here[model] for model, row in rows.items()}
    machines = {
        "this machine": {model: _speed(rate, build=0.7) for model, rate in here.items()},
        "a GPU, calculated": {
            model: _speed(min(GPU_SHARE * GPU_FLOPS / flop, BATCH / GPU_STEP), build=1.5)
            for model, flop in flops.items()
        },
    }
    head = "| machine | budget | VGG11: seeds, trials, samples per final run | GoogLeNet |"
    lines = [head, "|---|---|---|---|"]
    for machine, speeds in machines.items():
        for name, seconds in BUDGETS.items():
            cells = [_told(decision) for decision in _decisions(speeds, seconds)]
            lines.append(f"| {machine} | {name} | {' | '.join(cells)} |")
    rates = {
        machine: ", ".join(f"{model} {speed.train:,.0f}" for model, speed in speeds.items())
        for machine, speeds in machines.items()
    }
    lines += [""]
    lines += [f"Images per second in full training, {name}: {told}." for name, told in rates.items()]
    replace_block(ROOT / "docs" / "performance.md", "budgets", "\n".join(lines))


def _speed(rate: float, *, build: float) -> Speed:
    """Evaluation is taken as three times as fast as training, which has a backward pass."""
    return Speed(train=rate, inference=3 * rate, build=build)


def _decisions(speeds: dict[ModelName, Speed], budget: float) -> list[Decision]:
    study = StudySpec(models=tuple(ModelName))
    work = budget * (1 - RESERVE) - SET_UP
    share = FILL * work * (1 - PRETRAINING) / len(ModelName)
    return [
        decide(model, study, partial(predicted_seconds, speed=speeds[model]), share, tuple(Init))
        for model in ModelName
    ]


def _told(decision: Decision) -> str:
    return f"{decision.seeds}, {decision.trials}, {decision.samples:,}"


if __name__ == "__main__":
    main()
