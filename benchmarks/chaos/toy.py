"""Runs a small study for hundreds of kills: all of a real one except networks and report.

Lock, ledger, plan, scheduler, phases, search, order of commits, checkpoints, tables and files are the
product's. A run is a softmax regression on the sample of FashionMNIST beside the tests, in one of
several worker processes, and takes milliseconds. As in a real study there is a trunk, which keeps its
checkpoint, and a copy of it is cooled down at each rung. Equal specs give equal results, so a killed study
must end like an undisturbed one, whatever the number of workers.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import queue
import resource
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.chance import note_chance
from benchmarks.chaos.cuts import Cut, install
from study.budget import Deadline
from study.data import LabelledImages
from study.data.idx import read_idx
from study.datasets import FASHION_MNIST
from study.errors import StoreError, StudyError
from study.matrix import arms
from study.networks import GOOGLENET, NETWORKS
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.context import StudyContext
from study.orchestration.executors.protocol import Executor, Noted, Shown
from study.orchestration.executors.protocol import Task as Work
from study.orchestration.executors.tasks import Ran
from study.orchestration.opening import open_ledger
from study.orchestration.options import Options
from study.orchestration.phases.matrix import matrix
from study.orchestration.phases.seeds import chains
from study.orchestration.phases.tuning import settle, tuning
from study.orchestration.plan_state import PlanState
from study.orchestration.results_export import write_predictions, write_results
from study.orchestration.run_lifecycle import RunLifecycle
from study.orchestration.run_specs import RunSpecs
from study.orchestration.scheduler import RUNNING, Scheduler
from study.orchestration.signals import CancelToken
from study.planning.cost import Speed
from study.planning.plan import Decision, Step
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import Init, Precision, Purpose, RunSpec, Scope, StudySpec
from study.store.files import never_recreate
from study.store.ledger import LEDGER, Ledger
from study.store.lock import StudyLock
from study.training.checkpoint import trunk
from study.training.defaults import default_hyper
from study.training.run import Workshop
from study.training.runtime import Runtime
from study.training.schedule import branch_point, cooldown_factor, trunk_factor

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "sample"
MODEL = GOOGLENET
ARMS = tuple(arm for arm in arms((MODEL,)) if arm.init is Init.SCRATCH)
TRIALS, SEEDS, LEAST = 4, 2, 640
#: Every arm is evaluated at two rungs with every seed.
STEP = Step(models=(MODEL,), seeds=SEEDS, rung=2 * LEAST)
#: Number of evaluations of a whole study: trials, and finals at both rungs. The evaluations of the matrix
#: are additional for an arm whose default hyperparameters tuning has replaced.
LEAST_RUNS = len(ARMS) * (TRIALS + 2 * SEEDS)
STUDY = StudySpec(models=(MODEL,), max_seeds=SEEDS)
DECISION = Decision(
    least_rung=LEAST,
    trial_rung=LEAST,
    batch_size=NETWORKS[MODEL].batch_size,
    rung=STEP.rung,
    seeds=SEEDS,
    trials=TRIALS,
)
SPEED = Speed(train=1e5, inference=1e6, build=1e-3)
#: Number of the sample's images that a run trains on; the others are for validation.
POOL = 150
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Task:
    """A start of the toy study.

    Attributes:
        folder: the results directory.
        journal: the witness, which gets one line for each evaluation after its commit.
        log: file of the study's output.
        workers: number of workers.
        cut: where the study is killed; None for nowhere.
        limit: bytes that no file may exceed, as on a full disk; None for no limit.
    """

    folder: Path
    journal: Path
    log: Path
    workers: int = 1
    cut: Cut | None = None
    limit: int | None = None


def go(task: Task) -> None:
    """Runs or resumes the toy study in this process, which becomes the leader of a group."""
    os.setpgid(0, 0)
    said = os.open(task.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    if task.limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.limit, task.limit))
    if task.cut is not None:
        install(task.cut)
    torch.set_num_threads(1)
    try:
        study(task.folder, task.journal, task.workers)
    except StudyError as error:  # as `study.cli.main` does
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def study(folder: Path, journal: Path, workers: int) -> None:
    executor = Quick(folder, workers)  # before there is a lock that its processes would inherit
    try:
        with StudyLock(folder):
            options = Options(results_dir=folder, report_dir=folder)
            ledger = open_ledger(STUDY, options)
            witness(ledger, journal)
            ledger.set_fact(RUNNING, None)
            note_chance(ledger, STEP.rung)
            clock = StudyClock.opened(ledger, Deadline(budget=3_600, started=time.monotonic()), str(folder))
            with Console(clock.deadline, workers) as console, never_recreate(folder, LEDGER):
                carry_out(context_of(options, ledger, clock, console, executor))
            ledger.close()
    finally:
        executor.close()


def context_of(
    options: Options,
    ledger: Ledger,
    clock: StudyClock,
    console: Console,
    executor: Executor,
    shop: Workshop | None = None,
) -> StudyContext:
    plan = PlanState(study=STUDY, clock=clock, workers=executor.capacity, speeds={MODEL: SPEED})
    plan.decisions[MODEL] = DECISION
    reasons = {arm.name: Reason.PRETRAINING_TIME.value for arm in arms((MODEL,)) if arm not in ARMS}
    runtime = Runtime(device=torch.device("cpu"), precision=Precision.FP32, threads=1, device_name="toy")
    shop = shop or Workshop(images=fashion(), runtime=runtime, weights={}, folder=options.results_dir)
    return StudyContext(
        study=STUDY,
        options=options,
        ledger=ledger,
        clock=clock,
        plan=plan,
        specs=RunSpecs(study=STUDY, ledger=ledger, reasons=reasons),
        console=console,
        token=CancelToken(),
        runtime=runtime,
        champion_threads=1,
        executor=executor,
        shop=shop,
    )


def carry_out(context: StudyContext) -> None:
    """Runs the phases that commit evaluations, on one step of rungs and seeds."""
    lifecycle = RunLifecycle(context=context)
    scheduler = Scheduler(
        executor=context.executor,
        ledger=context.ledger,
        clock=context.clock,
        console=context.console,
        token=context.token,
    )
    lifecycle.sweep()
    settle(context)
    write_results(context)
    scheduler.on_tick.append(lifecycle.tables.write_pending)
    matrix(context, lifecycle, scheduler)
    tuning(context, lifecycle, scheduler)
    scheduler.run(chains(context, lifecycle, STEP))
    write_predictions(context)
    write_results(context)


def witness(ledger: Ledger, journal: Path) -> None:
    """Records every evaluation that the ledger has taken, in a file that the study does not know."""
    commit = ledger.commit

    def noted(record: RunRecord) -> None:
        commit(record)
        with journal.open("a", encoding="ascii") as stream:
            stream.write(f"{name_of(record)} {digest(record.to_dict())}\n")

    ledger.commit = noted  # type: ignore[method-assign]


def name_of(record: RunRecord) -> str:
    return f"{record.spec.run_id}.{record.spec.rung}"


def digest(record: object) -> str:
    return hashlib.sha256(json.dumps(record, ensure_ascii=False).encode()).hexdigest()


class Quick:
    """An executor of toy runs, whose worker processes are forked when it is created."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.capacity = workers
        self._idle: queue.SimpleQueue[Connection] = queue.SimpleQueue()
        self._processes = []
        context = multiprocessing.get_context("fork")
        for _ in range(workers):
            ours, theirs = context.Pipe()
            process = context.Process(target=serve, args=(folder, theirs), daemon=True)
            process.start()
            theirs.close()
            self._processes.append(process)
            self._idle.put(ours)
        self._threads = ThreadPoolExecutor(workers)

    def submit(self, task: Work, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        return self._threads.submit(self._carry_out, task)

    def _carry_out(self, task: Work) -> Any:
        wire = self._idle.get()
        try:
            wire.send(task)
            answer = wire.recv()
        except (EOFError, OSError):
            return task.lost(RunState.FAILED, "the toy's worker broke", (), 0.0)
        finally:
            self._idle.put(wire)
        if isinstance(answer, str):
            raise StoreError(answer)
        return answer

    def news(self) -> list[Noted | Shown]:
        return []

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            process.kill()


def serve(folder: Path, wire: Connection) -> None:
    """Carries out tasks from the connection until it closes; answers a StoreError with its text."""
    while True:
        try:
            task = wire.recv()
        except EOFError:
            return
        try:
            with never_recreate(folder, LEDGER):
                wire.send(fit(task.spec, folder))
        except StoreError as error:
            wire.send(str(error))


def fit(spec: RunSpec, folder: Path) -> Ran:
    """Trains a softmax regression from its trunk's checkpoint to its rung, and evaluates it there."""
    images, labels = read("train")
    weights, seen = np.zeros((images.shape[1], 10), np.float32), 0
    rate = 0.05 * spec.hyper.lr / default_hyper(spec.arm).lr
    branch, held = branch_point(spec), slice(POOL, None)
    kept = trunk(folder, spec.run_id)
    state, _ = kept.load(at_most=branch)
    if state is not None and spec.arm.scope is Scope.FULL:
        weights, seen = state["weights"].numpy(), state["samples_seen"]
    while seen < spec.rung:
        if seen == branch and spec.arm.scope is Scope.FULL:
            kept.save(seen, {"samples_seen": seen, "weights": torch.from_numpy(weights.copy())})
        factor = trunk_factor(spec, seen) if seen < branch else cooldown_factor(spec, seen)
        chosen = np.random.default_rng([spec.seed, seen]).integers(0, POOL, spec.batch_size)
        error = softmax(images[chosen] @ weights) - np.eye(10, dtype=np.float32)[labels[chosen]]
        gradient = images[chosen].T @ error / spec.batch_size
        weights = weights - np.float32(rate * factor) * (gradient + spec.hyper.weight_decay * weights)
        seen += spec.batch_size
    accuracy = float((softmax(images[held] @ weights).argmax(1) == labels[held]).mean())
    pixels, answers = read("t10k")
    order = test_order()
    test, tested = softmax(pixels[order] @ weights), spec.purpose is Purpose.FINAL
    record = RunRecord(
        spec=spec,
        state=RunState.FINISHED,
        samples_seen=seen,
        val_accuracy=accuracy,
        val_loss=1.0,
        test_accuracy=float((test.argmax(1) == answers[order]).mean()) if tested else None,
        train_seconds=seen / 1e5,
        step_seconds=seen / 1e5,
        history=(
            EvaluationPoint(
                samples_seen=seen, seconds=seen / 1e5, train_loss=1.0, val_accuracy=accuracy, val_loss=1.0
            ),
        ),
    )
    arrays = {"class": test.argmax(1).astype(np.uint8), "probabilities": test.astype(np.float16)}
    return Ran(record=record, arrays=arrays if tested else {})


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def read(prefix: str) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Returns float32 [N, 784] images in [0, 1] and int64 [N] labels of ``train`` or ``t10k``.

    N is 200 and 100.
    """
    count = {"train": 200, "t10k": 100}[prefix]
    found = []
    for kind, dimensions in (("images-idx3", 3), ("labels-idx1", 1)):
        path = SAMPLE / f"{prefix}-{kind}-ubyte.gz"
        with path.open("rb") as stream:
            found.append(read_idx(stream, path.name, count, dimensions, FASHION_MNIST))
    return found[0].reshape(count, -1).astype(np.float32) / 255, found[1].astype(np.int64)


def fashion() -> LabelledImages:
    """Returns the sample as a data set, of which a toy study uses only the labels."""
    parts = {}
    for prefix in ("train", "t10k"):
        images, labels = read(prefix)
        pixels = torch.from_numpy((images * 255).round().astype(np.uint8).reshape(-1, 28, 28))
        parts[prefix] = (pixels, torch.from_numpy(labels))
    return LabelledImages(
        train_images=parts["train"][0],
        train_labels=parts["train"][1],
        test_images=parts["t10k"][0],
        test_labels=parts["t10k"][1],
        source="sample",
        sha256="",
        data=FASHION_MNIST,
    )


def test_order() -> npt.NDArray[np.int64]:
    """Returns the order of the test images in the study's own workshop."""
    runtime = Runtime(device=torch.device("cpu"), precision=Precision.FP32, threads=1, device_name="toy")
    shop = Workshop(images=fashion(), runtime=runtime, weights={}, folder=Path())
    return np.asarray(shop.test_order.numpy(), np.int64)
