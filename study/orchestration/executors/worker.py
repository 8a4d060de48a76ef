"""The process in which trainings run: a crash, a hang or a kill there costs one run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized

from study.budget import Deadline
from study.data import load, split
from study.errors import StoreError
from study.models.weights import reload
from study.orchestration.executors.messages import (
    Broken,
    Evaluated,
    Noted,
    Picture,
    Pictured,
    Ran,
    Ready,
    Refused,
    Reply,
    Run,
)
from study.orchestration.executors.protocol import Bench
from study.orchestration.keeping import Keeper
from study.records import EvaluationPoint, RunState
from study.training.checkpoint import Checkpoints, unfinished
from study.training.loop import Pruned
from study.training.run import Workshop, run
from study.training.runtime import adopt


def serve(
    bench: Bench, wire: Connection, stop: Synchronized[int], beat: Synchronized[int]
) -> None:  # fmt: skip
    """Carry out what comes over `wire` until it closes.

    Args:
        stop: 1 where the coordinator asks for it: end the task at its next step.
        beat: raised at every step, so that a hang can be told from work.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the coordinator decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    adopt(bench.runtime)
    try:
        shop = _open(bench)
        keeper = Keeper(folder=bench.folder, shop=shop)
    except StoreError as error:
        wire.send(Refused(reason=str(error)))
        return
    except Exception as error:
        wire.send(Broken(reason=f"{type(error).__name__}: {error}"))
        return
    wire.send(Ready())
    while True:
        try:
            task = wire.recv()
        except EOFError:
            return
        limit = Deadline(budget=task.seconds, started=time.monotonic())

        def check(limit: Deadline = limit) -> bool:
            beat.value += 1
            return bool(stop.value) or limit.passed()

        if isinstance(task, Run):
            wire.send(_run(task, bench, shop, keeper, wire, check))
        elif isinstance(task, Picture):
            wire.send(_picture(task, keeper, check))


def _open(bench: Bench) -> Workshop:
    fashion = load(bench.data_dir, offline=True)  # the coordinator has put it in place
    weights = {model: reload(path, source) for model, (path, source) in bench.weights.items()}
    parts = split(fashion.train_labels, seed=bench.study.seed)
    return Workshop(fashion=fashion, split=parts, runtime=bench.runtime, weights=weights)


def _run(
    task: Run, bench: Bench, shop: Workshop, keeper: Keeper, wire: Connection,
    check: Callable[[], bool],
) -> Ran | Refused:  # fmt: skip
    """Carry a run out and keep its files.

    SIGTERM, which `timeout` and systemd send to every process of a group, ends the process after a
    checkpoint: for the coordinator a worker that is lost.
    """
    spec, terminated = task.spec, False

    def terminate(number: int, frame: object) -> None:
        nonlocal terminated
        terminated = True

    def tell(kind: str, detail: str) -> None:
        wire.send(Noted(kind=kind, detail=detail, model=spec.arm.model.value))

    def on_evaluation(point: EvaluationPoint) -> None:
        wire.send(Evaluated(point=point))
        if wire.recv() is Reply.PRUNE:
            raise Pruned

    kept = Checkpoints(folder=unfinished(bench.folder), run_id=spec.run_id,
                       every=bench.checkpoint_seconds)  # fmt: skip
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        outcome = run(spec, shop, stop=lambda: check() or terminated, on_evaluation=on_evaluation,
                      checkpoints=kept, tell=tell)  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, before)
    if terminated and outcome.record.state is RunState.INTERRUPTED:
        os.kill(os.getpid(), signal.SIGTERM)
    try:
        keeper.keep(outcome, task.finals)
    except StoreError as error:  # a full disk is no outcome of the run
        return Refused(reason=str(error))
    return Ran(record=outcome.record)


def _picture(task: Picture, keeper: Keeper, check: Callable[[], bool]) -> Pictured | Broken:
    try:
        return Pictured(events=keeper.write_pictures(task.index, task.finals, check))
    except Exception as error:  # a picture must not cost the report
        return Broken(reason=f"{type(error).__name__}: {error}")


def _end_with_parent() -> None:
    """A coordinator that was killed must not leave a worker that goes on writing."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
