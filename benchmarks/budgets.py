"""Plans studies of several budgets by the planner's own rules, from measured and calculated speeds.

Reads benchmarks/out/speed.json (written by `make bench`) and writes the block `budgets` of
docs/performance.md. Nothing is trained. The speeds of the GPU are calculated from two assumptions, see
`GPU_FLOPS`.
"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median

from benchmarks.page import replace_block
from study.matrix import arms
from study.networks import DEFAULT, ModelName
from study.orchestration.clock import reserve_of
from study.orchestration.forecast import FILL
from study.orchestration.options import Options
from study.orchestration.phases.weights import share_of
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
from study.spec import Purpose, StudySpec

ROOT = Path(__file__).parents[1]
BUDGETS = {"1 h": 3_600, "2 h": 7_200, "24 h": 86_400}
#: Seconds of set-up, in which nothing is trained.
SET_UP = 15
#: Number of runs side by side, on two cores and on one GPU.
WORKERS = {"this machine": 2, "a GPU, calculated": 1}
STUDY = StudySpec()
#: The GPU has 65 TFLOP/s in half precision (NVIDIA's data sheet of the T4) and reaches a fifth of it. A
#: training step of a batch takes at least 6 ms, which are about 600 kernel launches of 10 µs.
GPU_FLOPS, GPU_SHARE, GPU_STEP, BATCH = 65e12, 0.2, 0.006, 128


def main() -> None:
    measured = json.loads((ROOT / "benchmarks" / "out" / "speed.json").read_text(encoding="utf-8"))
    rows = {
        ModelName(row["model"]): row
        for row in measured["rows"]
        if (row["contestant"], row["scope"]) == ("study", "full")
    }
    here = {model: median(row["images_per_second"]) for model, row in rows.items()}
    # Floating-point operations of a training image; the backward pass takes two thirds of them.
    flops = {model: row["gflops"] * 1e9 / here[model] for model, row in rows.items()}
    machines = {
        "this machine": {
            # Measured with a thread on each core, of which every worker has one.
            model: _speed(rate / WORKERS["this machine"], build=0.7)
            for model, rate in here.items()
        },
        "a GPU, calculated": {
            model: _speed(min(GPU_SHARE * GPU_FLOPS / flop, BATCH / GPU_STEP), build=1.5)
            for model, flop in flops.items()
        },
    }
    head = "| machine | workers | budget | trials of each arm | VGG11: seeds, highest rung | GoogLeNet |"
    lines = [head, "|---|---:|---|---:|---|---|"]
    for machine, speeds in machines.items():
        workers = WORKERS[machine]
        for name, seconds in BUDGETS.items():
            trials, reached = _plan(speeds, seconds, workers)
            cells = [f"{seeds}, {rung:,}" for rung, seeds in (reached.get(m, (0, 0)) for m in DEFAULT)]
            lines.append(f"| {machine} | {workers} | {name} | {trials} | {' | '.join(cells)} |")
    rates = {
        machine: ", ".join(f"{model} {speed.train:,.0f}" for model, speed in speeds.items())
        for machine, speeds in machines.items()
    }
    lines += [""]
    lines += [
        f"Images per second of a worker in full training, {name}: {told}." for name, told in rates.items()
    ]
    replace_block(ROOT / "docs" / "performance.md", "budgets", "\n".join(lines))


def _speed(rate: float, *, build: float) -> Speed:
    """Assumes that evaluation is three times as fast as training, which has a backward pass."""
    return Speed(train=rate, inference=3 * rate, build=build)


def _plan(speeds: dict[ModelName, Speed], budget: float, workers: int) -> tuple[int, Reached]:
    """Returns the trials of every arm, and the rung and the number of seeds that each network reaches.

    Args:
        speeds: speeds of the networks.
        budget: seconds of the study; the shortest rung of all arms must fit.
        workers: number of runs side by side.
    """
    work = budget - reserve_of(budget) - SET_UP
    shares = (
        share_of(model, work, speed.pretext, models=len(speeds), workers=workers)
        for model, speed in speeds.items()
    )
    left = work - sum(shares) / min(len(speeds), workers)
    left -= Options(results_dir=ROOT, report_dir=ROOT).champion_share * budget

    def cost(step: Step, reached: Reached) -> float:
        trainings = []
        for model in step.models:
            have, seeds = reached.get(model, (0, 0))
            for arm in arms((model,)):
                for number in range(step.seeds):
                    spec = run_spec(arm, STUDY, purpose=Purpose.FINAL, number=number, rung=step.rung)
                    way = climb(spec, LEAST_RUNG[model], step.rung, have if number < seeds else 0)
                    trainings.append(
                        [predicted_seconds(wanted, speeds[model], done) for wanted, done in way]
                    )
        return total(trainings, workers)

    def trials_cost(number: int) -> float:
        specs = [
            run_spec(arm, STUDY, purpose=Purpose.TRIAL, number=0, rung=LEAST_RUNG[arm.model])
            for arm in arms(DEFAULT)
        ]
        seconds = [predicted_seconds(spec, speeds[spec.arm.model]) for spec in specs]
        return total([[each] * number for each in seconds], workers)

    least = {model: cost(Step(models=(model,), seeds=1, rung=LEAST_RUNG[model]), {}) for model in DEFAULT}
    left -= sum(least.values())
    trials = trials_that_fit(trials_cost, TRIALS_SHARE * left)
    left -= trials_cost(trials) if trials else 0.0
    reached: Reached = dict.fromkeys(DEFAULT, (0, 0))

    def price(step: Step) -> float:
        return cost(step, reached)

    def fits(step: Step) -> bool:
        return price(step) <= FILL * left

    while (step := next_step(reached, fits, None, cost=price)) is not None:
        left -= cost(step, reached)
        reached = after(reached, step)
    return trials, reached


if __name__ == "__main__":
    main()
