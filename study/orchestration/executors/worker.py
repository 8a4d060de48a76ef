"""The process in which tasks are carried out: a crash, a hang or a kill there costs one task."""

from __future__ import annotations

import os
import signal
import threading
import time
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized

from study.budget import Deadline
from study.data import load
from study.errors import StoreError
from study.orchestration.executors.messages import Broken, Done, Event, Order, Point, Ready, Refused
from study.orchestration.executors.protocol import Bench, Site
from study.records import EvaluationPoint
from study.training.runtime import adopt, set_threads
from study.training.workshop import Workshop


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
        fashion = load(bench.data_dir, offline=True)  # the coordinator has put it in place
        shop = Workshop(fashion=fashion, runtime=bench.runtime, weights={}, folder=bench.folder,
                        seed=bench.study.seed, checkpoint_seconds=bench.checkpoint_seconds)  # fmt: skip
    except Exception as error:
        wire.send(Broken(reason=f"{type(error).__name__}: {error}"))
        return
    wire.send(Ready())
    while True:
        try:
            order: Order = wire.recv()
        except EOFError:
            return
        wire.send(_carry_out(order, bench, shop, wire, stop, beat))


def _carry_out(
    order: Order, bench: Bench, shop: Workshop, wire: Connection, stop: Synchronized[int],
    beat: Synchronized[int],
) -> Done | Refused | Broken:  # fmt: skip
    """SIGTERM, which `timeout` and systemd send to every process of a group, ends the process after the
    task has kept what it has: for the coordinator a worker that is lost."""
    limit = Deadline(budget=order.seconds, started=time.monotonic())
    terminated = False

    def terminate(number: int, frame: object) -> None:
        nonlocal terminated
        terminated = True

    def check() -> bool:
        beat.value += 1
        return bool(stop.value) or terminated or limit.passed()

    def tell(kind: str, detail: str, model: str) -> None:
        wire.send(Event(kind=kind, detail=detail, model=model))

    def show(point: EvaluationPoint) -> None:
        wire.send(Point(point=point))

    threads = order.task.threads or bench.runtime.threads
    set_threads(threads)
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        result = order.task.carry_out(
            Site(shop=shop, bench=bench, check=check, limit=limit, tell=tell, show=show)
        )
    except StoreError as error:  # a full disk is no outcome of the task
        return Refused(reason=str(error))
    except Exception as error:
        return Broken(reason=f"{type(error).__name__}: {error}")
    finally:
        signal.signal(signal.SIGTERM, before)
        set_threads(bench.runtime.threads)
    if terminated:
        os.kill(os.getpid(), signal.SIGTERM)
    return Done(result=result)


def _end_with_parent() -> None:
    """A coordinator that was killed must not leave a worker that goes on writing."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
