"""Runs the real scheduler with simulated runs on many workers: `python -m benchmarks.scale`, minutes.

No run is carried out: on the simulation's clock each takes its predicted seconds times a random factor,
which spreads as the errors of real predictions did. Plan, ledger, tables and their files are real, so the
seconds that the coordinator itself takes are measured. Weights count as available after the seconds that
pre-training would take. Efficiency is the share of the workers' seconds, from the first task to the last,
in which they had work.
"""

from __future__ import annotations

import argparse
import heapq
import io
import json
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chance import note_chance
from benchmarks.page import replace_block
from study.budget import Deadline
from study.data import load
from study.datasets import FASHION_MNIST
from study.matrix import arms
from study.models.weights import WeightFile
from study.orchestration import scheduler as scheduling
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.context import StudyContext
from study.orchestration.executors.protocol import Noted, Shown
from study.orchestration.executors.tasks import Ran, Train
from study.orchestration.forecast import Forecast
from study.orchestration.options import Options
from study.orchestration.phases.champion import champion
from study.orchestration.phases.matrix import matrix
from study.orchestration.phases.seeds import seeds
from study.orchestration.phases.tuning import settle, tuning
from study.orchestration.phases.weights import PRETRAINING_SHARE
from study.orchestration.plan_state import PlanState
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.run_specs import RunSpecs
from study.orchestration.scheduler import Scheduler
from study.orchestration.signals import CancelToken
from study.planning.cost import Speed, predicted_seconds
from study.records import RunRecord, RunState
from study.spec import Scope, StudySpec
from study.store.ledger import Ledger
from study.training.checkpoint import trunk, unfinished
from study.training.runtime import detect, one_thread
from study.training.schedule import branch_point
from study.training.workshop import Workshop

OUT = Path(__file__).parent / "out" / "scale.json"
PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
WORKERS = (1, 2, 4, 8, 16, 64, 256, 1_024)
BUDGET = 7_200.0
#: Speeds measured on two cores of an AMD EPYC with bfloat16, one thread a worker (docs/performance.md).
SPEEDS = {
    "vgg11": Speed(train=115, inference=620, build=0.15, head=78_000),
    "googlenet": Speed(train=385, inference=2_600, build=0.22, head=112_000),
}
#: Standard deviation of log(actual / predicted seconds) of a run. The median error of full runs in the
#: sample study was 2 to 4 %, and one in twenty was off by 6 to 15 %.
SPREAD = 0.06


class _Answer(Future[Any]):
    """A future that tells its executor when its result is taken."""

    def __init__(self, taken: Callable[[], None]) -> None:
        super().__init__()
        self._taken = taken

    def result(self, timeout: float | None = None) -> Any:
        self._taken()
        return super().result(timeout)


@dataclass(kw_only=True)
class Simulated:
    """An executor on its own clock, which advances to the next end when no result is waiting.

    Attributes:
        capacity: number of workers.
        results: folder in which empty files stand for checkpoints.
        rng: generator of the random factors.
        now: seconds on the simulation's clock.
        busy: seconds that all workers together had work.
        runs: number of submitted runs.
    """

    capacity: int
    results: Path
    rng: np.random.Generator
    now: float = 0.0
    busy: float = 0.0
    runs: int = 0
    _ends: list[tuple[float, int, _Answer, Any]] = field(default_factory=list)
    _images: dict[str, int] = field(default_factory=dict)
    _untaken: int = 0
    _number: int = 0

    def clock(self) -> float:
        return self.now

    def submit(self, task: Any, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        if not isinstance(task, Train):
            raise TypeError(f"{type(task).__name__} is not simulated")
        seconds, slots = self._seconds(task, limit), min(task.threads or 1, self.capacity)
        answer = _Answer(self._take)
        self._number += 1
        self.runs += 1
        self.busy += seconds * slots
        heapq.heappush(self._ends, (self.now + seconds, self._number, answer, self._ran(task)))
        return answer

    def news(self) -> list[Noted | Shown]:
        if self._ends and not self._untaken:
            self.now, _, answer, result = heapq.heappop(self._ends)
            self._untaken += 1
            answer.set_result(result)
        return []

    def close(self) -> None:
        """Does nothing, because nothing was started."""

    def _take(self) -> None:
        self._untaken -= 1

    def _seconds(self, task: Train, limit: Deadline) -> float:
        spec = task.spec
        if task.clock is not None:
            return max(limit.left(), 0.1)
        done = self._images.get(spec.run_id, 0)
        if spec.arm.scope is Scope.FULL:
            done = trunk(self.results, spec.run_id).samples_seen(at_most=branch_point(spec))
        self._images[spec.run_id] = spec.rung
        expected = predicted_seconds(spec, SPEEDS[spec.arm.model], done)
        return float(expected * np.exp(self.rng.normal(0, SPREAD)))

    def _ran(self, task: Train) -> Ran:
        spec = task.spec
        if spec.arm.scope is Scope.FULL:
            kept = trunk(self.results, spec.run_id)
            path = unfinished(self.results) / f"{kept.run_id}.{branch_point(spec):09d}.pt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        accuracy = float(0.9 - 0.3 * (2_000 / spec.rung) ** 0.5 + self.rng.normal(0, 0.004))
        return Ran(
            record=RunRecord(
                spec=spec,
                state=RunState.FINISHED,
                samples_seen=spec.rung,
                val_accuracy=accuracy,
                test_accuracy=accuracy,
                test_images=2_000,
                validation_images=2_000,
            )
        )


def simulated(workers: int, budget: float) -> dict[str, Any]:
    """Simulates one study; returns what it reached and what it cost this process.

    Args:
        workers: number of simulated workers.
        budget: seconds of the study.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        executor = Simulated(capacity=workers, results=folder, rng=np.random.default_rng(0))
        study, runtime = StudySpec(), one_thread(detect("cpu", "fp32"))
        ledger = Ledger(folder / "ledger.sqlite")
        note_chance(ledger)
        deadline = Deadline(budget=budget, started=0.0, clock=executor.clock)
        clock = StudyClock.opened(ledger, deadline, name)
        plan = PlanState(study=study, clock=clock, workers=workers, speeds=dict(SPEEDS))
        specs = RunSpecs(study=study, ledger=ledger)
        for model in study.models:
            given = WeightFile(source="fractal", sha256="0" * 64, path="none", channels=1)
            specs.weights[model] = given
        executor.now = PRETRAINING_SHARE * budget
        with redirect_stdout(io.StringIO()), Console(deadline, 0) as console:
            context = StudyContext(
                study=study,
                options=Options(results_dir=folder, report_dir=folder / "out"),
                ledger=ledger,
                clock=clock,
                plan=plan,
                specs=specs,
                console=console,
                token=CancelToken(),
                runtime=runtime,
                champion_threads=min(2, workers),
                executor=executor,
                shop=Workshop(
                    images=load(FASHION_MNIST, offline=True), runtime=runtime, weights={}, folder=folder
                ),
            )
            return _course(context, executor)


def _course(context: StudyContext, executor: Simulated) -> dict[str, Any]:
    """Runs the phases of a study in the order of `study.orchestration.runner`."""
    scheduler = Scheduler(
        executor=executor,
        ledger=context.ledger,
        clock=context.clock,
        console=context.console,
        token=context.token,
    )
    lifecycle = RunLifecycle(context=context)
    scheduler.on_tick.append(lifecycle.tables.write_pending)
    plan = context.plan
    began, at, commits = executor.now, time.process_time(), _Timed(context.ledger)
    plan.champion_seconds = context.options.champion_share * context.clock.deadline.budget
    Forecast(context).decide()
    settle(context)
    matrix(context, lifecycle, scheduler)
    tuning(context, lifecycle, scheduler)
    seeds(context, lifecycle, scheduler)
    matrix_ends, busy = executor.now, executor.busy
    champion(context, lifecycle, scheduler)
    took, runs = time.process_time() - at, executor.runs
    reached = {model: context.specs.reached_of(model, 4_000) for model in context.study.models}
    context.ledger.close()
    return {
        "workers": executor.capacity,
        "arms": len(arms(context.study.models)),
        "runs": runs,
        "reached": reached,
        "efficiency": executor.busy / (executor.capacity * max(executor.now - began, 1e-9)),
        "efficiency_matrix": busy / (executor.capacity * max(matrix_ends - began, 1e-9)),
        "coordinator_seconds_per_run": took / max(runs, 1),
        "commit_seconds": commits.mean(),
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
    }


class _Timed:
    """Measures the seconds of the ledger's commits."""

    def __init__(self, ledger: Ledger) -> None:
        self._taken: list[float] = []
        commit = ledger.commit

        def timed(record: RunRecord) -> None:
            began = time.perf_counter()
            commit(record)
            self._taken.append(time.perf_counter() - began)

        ledger.commit = timed  # type: ignore[method-assign]

    def mean(self) -> float:
        return sum(self._taken) / max(len(self._taken), 1)


def page(rows: list[dict[str, Any]]) -> str:
    head = (
        "| workers | runs | VGG11: samples, seeds | GoogLeNet | busy, matrix | busy, all | "
        "coordinator ms a run | commit ms | memory MB |"
    )
    lines = [head, "|---:|---:|---|---|---:|---:|---:|---:|---:|"]
    for row in rows:
        reached = [f"{rung:,}, {number}" for rung, number in row["reached"].values()]
        lines.append(
            f"| {row['workers']:,} | {row['runs']:,} | {' | '.join(reached)} | "
            f"{100 * row['efficiency_matrix']:.0f} % | {100 * row['efficiency']:.0f} % | "
            f"{1_000 * row['coordinator_seconds_per_run']:.0f} | {1_000 * row['commit_seconds']:.0f} | "
            f"{row['memory_mb']:,.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--workers", type=int, nargs="*", default=list(WORKERS))
    parser.add_argument("--budget", type=float, default=BUDGET, help="seconds of the simulated study")
    parser.add_argument("--page", action="store_true", help="write the block of docs/scale.md")
    flags = parser.parse_args()
    scheduling._TICK = 0.0  # no work goes on that the scheduler could wait for
    rows = []
    for workers in flags.workers:
        rows.append(simulated(workers, flags.budget))
        print(json.dumps(rows[-1]), flush=True)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if flags.page:
        replace_block(PAGE, "scale", page(rows))


if __name__ == "__main__":
    main()
