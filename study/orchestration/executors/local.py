"""A pool of processes beside this one: each is watched, and started again when it is lost."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from study.budget import Deadline
from study.errors import StoreError, out_of_memory
from study.orchestration.executors.messages import Broken, Done, Event, Order, Point, Refused
from study.orchestration.executors.protocol import Bench, Lost, Noted, Shown, Task
from study.orchestration.executors.worker import serve
from study.orchestration.signals import CancelToken
from study.records import EvaluationPoint, Reason, RunState

#: Seconds that a task may outlive its limit, or a request to stop, before its process is killed.
GRACE = 10.0
#: Seconds without a step after which a process counts as hung; and those it may take to start.
SILENCE = 120.0
START = 180.0
ATTEMPTS = 2
_POLL = 0.2
_STARTING = threading.Lock()


class _Late(Exception):
    """The task outlived its limit and was killed."""


class LocalExecutor:
    """Worker processes on this machine, each started at its first task."""

    def __init__(
        self, bench: Bench, *, workers: int = 1, grace: float = GRACE, silence: float = SILENCE
    ) -> None:
        """
        Args:
            workers: processes at most; `capacity`.
            grace, silence: seconds, see GRACE and SILENCE.
        """
        self.capacity = workers
        self._news: queue.SimpleQueue[Noted | Shown] = queue.SimpleQueue()
        self._workers = [_Worker(place, bench, self._news, grace, silence) for place in range(workers)]
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in reversed(self._workers):
            self._idle.put(worker)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="worker")

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are running."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    def submit(self, task: Task, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        return self._threads.submit(self._carry_out, task, limit, token)

    def news(self) -> list[Noted | Shown]:
        found = []
        while not self._news.empty():
            found.append(self._news.get())
        return found

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._workers:
            worker.bury()

    def _carry_out(self, task: Task, limit: Deadline, token: CancelToken) -> Any:
        worker = self._idle.get()
        try:
            return worker.carry_out(task, limit, token)
        finally:
            self._news.put(Shown(worker=worker.place, label="", point=None))
            self._idle.put(worker)


class _Worker:
    """One process and the thread of the coordinator that watches it."""

    def __init__(
        self, place: int, bench: Bench, news: queue.SimpleQueue[Noted | Shown], grace: float, silence: float
    ) -> None:
        self.place = place
        self._bench, self._news = bench, news
        self._grace, self._silence = grace, silence
        self._context = multiprocessing.get_context("spawn")
        # Without locks: a process that is killed or frozen would keep one for ever.
        self._stop = self._context.Value("b", 0, lock=False)
        self._beat = self._context.Value("q", 0, lock=False)
        self._process: Any = None
        self._wire: Any = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def carry_out(self, task: Task, limit: Deadline, token: CancelToken) -> Any:
        """The result of a task, tried twice."""
        points: list[EvaluationPoint] = []
        began = time.monotonic()

        def lost(state: RunState, reason: str) -> Any:
            return task.lost(state, reason, tuple(points), time.monotonic() - began)

        self._news.put(Shown(worker=self.place, label=task.label, point=None))
        reason = ""
        for _ in range(ATTEMPTS):
            if token.asked or limit.passed() or self._closed:
                return lost(RunState.INTERRUPTED, Reason.DEADLINE.value)
            points.clear()
            try:
                answer = self._ask(task, limit, token, points)
                if isinstance(answer, Done):
                    if _lasting(answer.result):
                        self._end()
                    return answer.result
                if isinstance(answer, Refused):
                    raise StoreError(answer.reason)
                raise Lost(answer.reason)
            except _Late as late:
                return lost(RunState.INTERRUPTED, str(late))
            except Lost as loss:
                reason = str(loss)
                if token.asked or self._closed:  # the signal that stops the study may have reached it too
                    return lost(RunState.INTERRUPTED, Reason.DEADLINE.value)
                self._news.put(Noted(kind="worker_lost", detail=reason, model=None))
        return lost(RunState.FAILED, reason)

    def close(self) -> None:
        """End the process; called by another thread than the one that watches it."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()

    def bury(self) -> None:
        """Leave no trace of the process; called when nobody watches it any more."""
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._wire.close()
            self._process = self._wire = None

    def _ask(
        self, task: Task, limit: Deadline, token: CancelToken, points: list[EvaluationPoint]
    ) -> Done | Refused | Broken:
        """The worker's answer to a task; raises Lost or _Late with the process gone."""
        self._stop.value = 0
        try:
            if self._process is None or not self._process.is_alive():
                self._start()
                ready = self._receive(limit, token, START)
                if isinstance(ready, (Broken, Refused)):
                    self._end()
                    return ready
            self._wire.send(Order(task=task, seconds=limit.left()))  # after the seconds that a start takes
            while isinstance(message := self._receive(limit, token, self._silence), (Point, Event)):
                if isinstance(message, Point):
                    points.append(message.point)
                    self._news.put(Shown(worker=self.place, label=task.label, point=message.point))
                else:
                    self._news.put(Noted(kind=message.kind, detail=message.detail, model=message.model))
        except (EOFError, OSError):
            raise Lost(self._death()) from None
        answer: Done | Refused | Broken = message
        return answer

    def _start(self) -> None:
        self._end()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve, args=(self._bench, theirs, self._stop, self._beat), daemon=True
        )
        with _STARTING, _safe_path():
            process.start()
        theirs.close()
        # Shown to `close` once it can be killed; where `close` came before that, `_receive` ends it.
        self._wire, self._process = ours, process

    def _receive(self, limit: Deadline, token: CancelToken, silence: float) -> Any:
        beat, moved, asked = self._beat.value, time.monotonic(), None
        while not self._wire.poll(_POLL):
            now = time.monotonic()
            if self._closed:  # the process may have been started after `close` looked for it
                self._end()
                raise Lost("the executor was closed")
            if not self._process.is_alive() and not self._wire.poll(0):
                raise EOFError
            if token.asked:
                self._stop.value = 1
                asked = asked or now
            if limit.left() < -self._grace or (asked and now - asked > self._grace):
                self._end()
                raise _Late(Reason.DEADLINE.value)
            if beat != self._beat.value:
                beat, moved = self._beat.value, now
            if now - moved > silence:
                self._end()
                raise Lost(f"the training process did not answer for {silence:.0f} s")
        return self._wire.recv()

    def _death(self) -> str:
        """How the process ended, in words."""
        self._process.join(1)
        code = self._process.exitcode
        self._end()
        if code is not None and code < 0:
            return f"the training process was ended by {signal.Signals(-code).name}"
        return f"the training process ended with exit code {code}"


@contextmanager
def _safe_path() -> Iterator[None]:
    """A Python that starts meanwhile does not look for modules in the working directory (from 3.11 on)."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before


def _lasting(result: Any) -> bool:
    """Whether a failure may outlive its task: after a CUDA error every call in that process fails."""
    record = getattr(result, "record", None)
    if record is None or record.state is not RunState.FAILED:
        return False
    reason: str = record.reason
    return out_of_memory(reason) or "CUDA" in reason or reason.startswith("AcceleratorError")


