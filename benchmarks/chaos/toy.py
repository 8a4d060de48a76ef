"""A study in small, for hundreds of kills: everything of a real one but the training and the report.

Lock, ledger, plan rows, phases, search, order of commits, tables and files are the product's. A run is
a softmax regression on the sample of FashionMNIST beside the tests, in a process of its own, and takes
milliseconds; equal specs give equal results, so a study that was killed has to end as an unbroken one.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import numpy.typing as npt
from study.orchestration.carrying import Carrier
from study.orchestration.course import Course
from study.orchestration.files import Predictions, write_results
from study.orchestration.rounds import Rounds
from study.orchestration.screen import Screen
from study.orchestration.setup import Options, open_ledger
from study.orchestration.stopping import Stop

from benchmarks.chaos.cuts import Cut, install
from study.budget import Deadline
from study.data.idx import read_idx
from study.errors import StoreError, StudyError
from study.matrix import arms
from study.orchestration.phases import Phases
from study.planning.cost import Speed
from study.planning.plan import Decision
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import ModelName, Purpose, RunSpec, StudySpec
from study.store.files import write_arrays
from study.store.ledger import Ledger
from study.store.lock import StudyLock
from study.training.defaults import default_hyper
from study.training.loop import Pruned

SAMPLE = Path(__file__).parents[2] / "tests" / "data" / "sample"
MODEL = ModelName.GOOGLENET
ARMS, TRIALS, SEEDS = arms((MODEL,))[:2], 4, 2
RUNS = len(ARMS) * (TRIALS + SEEDS)
STUDY = StudySpec(models=(MODEL,), max_seeds=SEEDS)
DECISION = Decision(
    samples=640, trial_samples=640, train_images=150, batch_size=32, seeds=SEEDS, trials=TRIALS,
    validation_images=50, resolution=32, predicted_seconds=1.0,
)  # fmt: skip
SPEED = Speed(train=1e5, inference=1e6, build=1e-3)
POINTS, STEPS = 4, 5
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Task:
    """journal: one line a committed run, written by the child after the commit; log: what it said.

    limit: bytes that no file may exceed, as on a disk that takes nothing more.
    """

    folder: Path
    journal: Path
    log: Path
    cut: Cut | None = None
    limit: int | None = None


def go(task: Task) -> None:
    """Run or resume the toy study in this process, the leader of a group of its own."""
    os.setsid()
    said = os.open(task.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    if task.limit is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.limit, task.limit))
    if task.cut is not None:
        install(task.cut)
    try:
        study(task.folder, task.journal)
    except StudyError as error:  # as `study.cli.main` does
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def study(folder: Path, journal: Path) -> None:
    lock = StudyLock(folder)
    ledger = open_ledger(STUDY, Options(results_dir=folder, report_dir=folder))
    witness(ledger, journal)
    deadline = Deadline(budget=3_600, started=time.monotonic())
    course = Course(study=STUDY, ledger=ledger, deadline=deadline, work=deadline.minus(10), reserve=10,
                    speeds={MODEL.value: SPEED})  # fmt: skip
    course.take_up()
    course.decisions[MODEL.value] = DECISION
    left_out = {arm.name: Reason.BUDGET.value for arm in arms((MODEL,)) if arm not in ARMS}
    rounds = Rounds(study=STUDY, ledger=ledger, course=course, weights={}, reasons=left_out)
    with Screen(deadline) as screen:
        stop = Stop()
        carrier = Carrier(study=STUDY, folder=folder, ledger=ledger, course=course, rounds=rounds,
                          executor=Quick(folder), screen=screen, stop=stop)  # fmt: skip
        phases = Phases(study=STUDY, course=course, rounds=rounds, carrier=carrier,
                        stop=stop, draft=lambda: None)  # fmt: skip
        carrier.settle()
        write_results(ledger, STUDY, folder, rounds.reasons)
        phases.matrix()
        phases.tuning()
        phases.finals()
    ledger.close()
    lock.release()


def witness(ledger: Ledger, journal: Path) -> None:
    """Note every run that the ledger has taken, in a file that the study does not know."""
    commit = ledger.commit

    def noted(record: RunRecord) -> None:
        commit(record)
        with journal.open("a", encoding="ascii") as stream:
            stream.write(f"{record.spec.run_id} {digest(record.to_dict())}\n")

    ledger.commit = noted  # type: ignore[method-assign]


def digest(record: object) -> str:
    return hashlib.sha256(json.dumps(record, ensure_ascii=False).encode()).hexdigest()


class Quick:
    """An executor of toy runs; one process for each."""

    capacity = 1

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = multiprocessing.get_context("fork")

    def submit(
        self, spec: RunSpec, *, finals: tuple[RunRecord, ...], limit: Deadline,
        stop: Callable[[], bool], on_evaluation: Callable[[EvaluationPoint], None],
    ) -> RunRecord:  # fmt: skip
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(spec, self._folder, theirs), daemon=True)
        process.start()
        theirs.close()
        while isinstance(answer := ours.recv(), EvaluationPoint):
            try:
                on_evaluation(answer)
                ours.send(True)
            except Pruned:
                ours.send(False)
        process.join()
        if not isinstance(answer, RunRecord):
            raise StoreError(answer)
        return answer

    def picture(
        self, index: int, *, finals: tuple[RunRecord, ...], limit: Deadline, stop: Callable[[], bool]
    ) -> tuple[tuple[str, str, str], ...]:
        return ()

    def close(self) -> None:
        """Nothing outlives a run."""


def _work(spec: RunSpec, folder: Path, wire: Connection) -> None:
    try:
        record, weights, test = fit(spec, wire)
        if record.state is RunState.FINISHED and spec.purpose is Purpose.FINAL:
            keep(record, weights, test, folder)
    except StoreError as error:
        wire.send(str(error))
    else:
        wire.send(record)


def keep(record: RunRecord, weights: Floats, test: Floats, folder: Path) -> None:
    """A finished final run leaves its predictions and its weights."""
    labels = read("t10k")[1]
    Predictions(folder / "predictions.npz").add(record.spec.run_id, test, labels)
    write_arrays(folder / "checkpoints" / f"{record.spec.run_id}.npz", {"weights": weights})


def fit(spec: RunSpec, wire: Connection) -> tuple[RunRecord, Floats, Floats]:
    """Softmax regression; the other end of the wire answers each point by whether to go on."""
    rng = np.random.default_rng(spec.seed)
    images, labels = read("train")
    weights = np.zeros((images.shape[1], 10), np.float32)
    rate = 0.05 * spec.hyper.lr / default_hyper(spec.arm).lr
    held, history, state = slice(spec.train_images, None), [], RunState.FINISHED
    for point in range(1, POINTS + 1):
        for _ in range(STEPS):
            chosen = rng.integers(0, spec.train_images, spec.batch_size)
            error = softmax(images[chosen] @ weights) - np.eye(10, dtype=np.float32)[labels[chosen]]
            gradient = images[chosen].T @ error / spec.batch_size
            weights -= rate * (gradient + spec.hyper.weight_decay * weights)
        accuracy = float((softmax(images[held] @ weights).argmax(1) == labels[held]).mean())
        seen = point * STEPS * spec.batch_size
        history.append(EvaluationPoint(samples_seen=seen, seconds=point / 1_000, train_loss=1.0,
                                       val_accuracy=accuracy, val_loss=1.0))  # fmt: skip
        wire.send(history[-1])
        if not wire.recv():
            state = RunState.PRUNED
            break
    pixels, answers = read("t10k")
    test = softmax(pixels @ weights)
    record = RunRecord(
        spec=spec, state=state, reason=Reason.PRUNED.value if state is RunState.PRUNED else "",
        samples_seen=history[-1].samples_seen, val_accuracy=history[-1].val_accuracy,
        test_accuracy=float((test.argmax(1) == answers).mean()) if spec.purpose is Purpose.FINAL else None,
        train_seconds=history[-1].seconds, history=tuple(history),
    )  # fmt: skip
    return record, weights, test


def softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float32)


def read(prefix: str) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Images as float32 [N, 784] in [0, 1] and labels of ``train`` (200) or ``t10k`` (100)."""
    count = {"train": 200, "t10k": 100}[prefix]
    found = []
    for kind, dimensions in (("images-idx3", 3), ("labels-idx1", 1)):
        path = SAMPLE / f"{prefix}-{kind}-ubyte.gz"
        with path.open("rb") as stream:
            found.append(read_idx(stream, path.name, count, dimensions))
    return found[0].reshape(count, -1).astype(np.float32) / 255, found[1].astype(np.int64)
