"""What a budget contains, by the planner's own rules: here from measured speeds, on a GPU by calculation.

Reads benchmarks/out/speed.json (written by `make bench`) and writes the block `budgets` of
docs/performance.md. Nothing is trained. The GPU is arithmetic on two assumptions, stated below.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from benchmarks.page import replace_block
from study.matrix import arms
from study.orchestration.forecast import FILL
from study.planning.calibration import total
from study.planning.cost import Speed, predicted_seconds
from study.planning.plan import (
    LEAST_RUNG,
    TRIALS_SHARE,
    Reached,
    Step,
    after,
    climb,
    next_step,
    run_spec,
    trials_that_fit,
)
from study.spec import ModelName, Purpose, StudySpec

ROOT = Path(__file__).parents[1]
BUDGETS = {"1 h": 3_600, "2 h": 7_200, "24 h": 86_400}
#: Seconds of a study that are not for the matrix: shares of pre-training and of the champion, the reserve,
#: set-up.
PRETRAINING, CHAMPION, RESERVE, SET_UP = 0.2, 0.25, 0.03, 15
STUDY = StudySpec(models=tuple(ModelName))
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
        # Two workers with a thread each together are as fast as one with two.
        "this machine": (2, {model: _speed(rate / 2, build=0.7) for model, rate in here.items()}),
        "a GPU, calculated": (1, {
            model: _speed(min(GPU_SHARE * GPU_FLOPS / flop, BATCH / GPU_STEP), build=1.5)
            for model, flop in flops.items()
        }),
    }  # fmt: skip
    head = "| machine | budget | VGG11: seeds, trials, highest rung | GoogLeNet |"
    lines = [head, "|---|---|---|---|"]
    for machine, (workers, speeds) in machines.items():
        for name, seconds in BUDGETS.items():
            lines.append(f"| {machine} | {name} | {' | '.join(_contents(workers, speeds, seconds))} |")
    rates = {
        machine: ", ".join(f"{model} {speed.train:,.0f}" for model, speed in speeds.items())
        for machine, (_, speeds) in machines.items()
    }
    lines += [""]
    lines += [f"Images per second of a worker in full training, {name}: {told}."
              for name, told in rates.items()]  # fmt: skip
    replace_block(ROOT / "docs" / "performance.md", "budgets", "\n".join(lines))


def _speed(rate: float, *, build: float) -> Speed:
    """Evaluation is taken as three times as fast as training, which has a backward pass."""
    return Speed(train=rate, inference=3 * rate, build=build)


def _contents(workers: int, speeds: dict[ModelName, Speed], budget: float) -> list[str]:
    """What the planner's steps reach for each network, one after the other, as a study takes them."""
    left = budget * (1 - RESERVE - PRETRAINING - CHAMPION) - SET_UP

    def trials(number: int) -> float:
        specs = [run_spec(arm, STUDY, purpose=Purpose.TRIAL, number=0, rung=LEAST_RUNG[arm.model])
                 for arm in arms()]  # fmt: skip
        return total([predicted_seconds(s, speeds[s.arm.model]) for s in specs] * number, workers)

    def cost(step: Step, reached: Reached) -> float:
        costs = []
        for arm in arms(step.models):
            rung, seeds = reached[arm.model]
            for number in range(step.seeds):
                spec = run_spec(arm, STUDY, purpose=Purpose.FINAL, number=number, rung=step.rung)
                way = climb(spec, LEAST_RUNG[arm.model], step.rung, rung if number < seeds else 0)
                costs += [predicted_seconds(each, speeds[arm.model], done) for each, done in way]
        return total(costs, workers)

    tuned = trials_that_fit(trials, TRIALS_SHARE * left)
    left -= trials(tuned)
    reached: Reached = dict.fromkeys(ModelName, (0, 0))
    while True:
        step = next_step(reached, lambda step: cost(step, reached) <= FILL * left, None)  # noqa: B023
        if step is None:
            return [f"{seeds}, {tuned}, {rung:,}" for rung, seeds in reached.values()]
        left -= cost(step, reached)
        reached = after(reached, step)


if __name__ == "__main__":
    main()
