"""Runs tasks inside a worker, so that a crash, a hang or a kill costs only one task."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Protocol

from study.budget import Deadline
from study.data import LabelledImages, load
from study.datasets import register
from study.errors import StoreError
from study.orchestration.executors.messages import (
    Broken,
    Done,
    Event,
    Message,
    Order,
    Point,
    Ready,
    Refused,
)
from study.orchestration.executors.protocol import Bench, Site
from study.records import EvaluationPoint
from study.store.files import never_recreate
from study.store.ledger import LEDGER
from study.system.memory import give_back, go_first
from study.system.numa import Pinning, numa_nodes
from study.training.runtime import WORKER_GB, adopt, set_threads
from study.training.workshop import Workshop


class Number(Protocol):
    """A number shared by two threads or processes."""

    value: int


def serve(
    bench: Bench, wire: Connection, stop: Number, beat: Number, place: int, environment: dict[str, str]
) -> None:
    """Runs the tasks that arrive over `wire` until it closes.

    On SIGTERM, which `timeout` and systemd send to every process of a group, the task stores a checkpoint
    and the process ends; the coordinator then treats the worker as lost.

    Args:
        bench: what the worker needs to set itself up.
        wire: connection to the coordinator.
        stop: the coordinator sets it to 1 to end the task at its next step.
        beat: grows at every step, so that a hang can be detected.
        place: number of the worker on its machine.
        environment: environment variables of this worker, such as the GPU that it sees.
    """
    os.environ.update(environment)
    for number in (signal.SIGINT, signal.SIGHUP):  # they reach the whole group; the coordinator decides
        signal.signal(number, signal.SIG_IGN)
    go_first()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    pinning = Pinning.of(place, numa_nodes())
    pinning.apply(bench.runtime.threads)
    adopt(bench.runtime)
    try:
        register(bench.data)
        # The coordinator has downloaded it if necessary.
        images = load(bench.data, bench.data_dir, offline=True)
        shop = workshop_of(bench, images)
    except Exception as error:
        wire.send(Broken(reason=f"{type(error).__name__}: {error}"))
        return
    terminated = False

    def terminate(number: int, frame: object) -> None:
        nonlocal terminated
        terminated = True

    wire.send(Ready())
    with never_recreate(bench.folder, LEDGER):
        while True:
            try:
                order: Order = wire.recv()
            except EOFError:
                return
            before = signal.signal(signal.SIGTERM, terminate)
            pinning.apply(order.task.threads or bench.runtime.threads)
            answer = carry_out(order, bench, shop, wire.send, stop, beat, lambda: terminated)
            signal.signal(signal.SIGTERM, before)
            if terminated:
                os.kill(os.getpid(), signal.SIGTERM)
            wire.send(answer)
            del answer
            give_back(WORKER_GB)


def workshop_of(bench: Bench, images: LabelledImages) -> Workshop:
    """Returns the workshop of a worker."""
    return Workshop(
        images=images,
        runtime=bench.runtime,
        weights={},
        folder=bench.folder,
        seed=bench.study.seed,
        checkpoint_seconds=bench.checkpoint_seconds,
    )


def carry_out(
    order: Order,
    bench: Bench,
    shop: Workshop,
    send: Callable[[Message], object],
    stop: Number,
    beat: Number,
    ended: Callable[[], bool] = lambda: False,
) -> Done | Refused | Broken:
    """Runs one task and returns the answer; sends curve points and events meanwhile.

    Args:
        order: the task and its time.
        bench: what the worker was set up with.
        shop: data, runtime and folder.
        send: sends a message to the coordinator.
        stop: is 1 when the task must end.
        beat: grows at every step.
        ended: returns whether the process must end.
    """
    limit = Deadline(budget=order.seconds, started=time.monotonic())

    def check() -> bool:
        beat.value += 1
        return bool(stop.value) or ended() or limit.passed()

    def tell(kind: str, detail: str, model: str) -> None:
        send(Event(kind=kind, detail=detail, model=model))

    def show(point: EvaluationPoint) -> None:
        send(Point(point=point))

    set_threads(order.task.threads or bench.runtime.threads)
    try:
        return Done(
            result=order.task.carry_out(
                Site(shop=shop, bench=bench, check=check, limit=limit, tell=tell, show=show)
            )
        )
    except StoreError as error:  # a full disk is not an outcome of the task
        return Refused(reason=str(error))
    except Exception as error:
        return Broken(reason=f"{type(error).__name__}: {error}")
    finally:
        set_threads(bench.runtime.threads)


def _end_with_parent() -> None:
    """Ends this process when the coordinator dies, so that it cannot continue to write."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
