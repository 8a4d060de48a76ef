"""Watches workers: ends tasks that exceed their limit or hang, and retries tasks whose worker died."""

from __future__ import annotations

import queue
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from study.budget import Deadline
from study.errors import StoreError, out_of_memory
from study.orchestration.executors.messages import Broken, Done, Event, Message, Order, Point, Refused
from study.orchestration.executors.protocol import Lost, Noted, Shown, Task
from study.orchestration.signals import CancelToken
from study.records import EvaluationPoint, Reason, RunState

#: Seconds that a task may run beyond its limit, or beyond a request to stop, before its worker is killed.
GRACE = 10.0
#: Seconds without a step after which a worker counts as hung, and seconds that it may take to start.
SILENCE = 120.0
START = 180.0
#: Attempts for a task whose worker process died, and for one whose machine left the cluster.
ATTEMPTS, MOVES = 2, 5
_POLL = 0.2
#: If a watcher itself did not run for so many seconds, the whole study was suspended (Ctrl-Z, a paused
#: container), and silence of that time is no sign of a hang.
SUSPENDED = 5.0


class Link(Protocol):
    """Connects a watcher to one worker. Only the watcher's thread uses it, except for `kill`."""

    @property
    def pid(self) -> int | None:
        """Process id of the worker on its own machine; None if no worker runs."""

    @property
    def left(self) -> bool:
        """Whether the worker's machine has left, so that no worker can be started on it again."""

    @property
    def beat(self) -> int:
        """A counter that grows at every step of the task."""

    def running(self) -> bool:
        """Whether a worker exists; it may still be starting."""

    def start(self) -> None:
        """Starts a worker. Its first message is `Ready`, or names the reason why it cannot work."""

    def send(self, order: Order) -> None:
        """Sends a task to the worker. Raises OSError or EOFError if the worker has died."""

    def receive(self, seconds: float) -> Message | None:
        """Returns the next message, or None if none arrives within `seconds`.

        Raises:
            EOFError: the worker has died and all its messages have been received.
            StoreError: a file that the task produced cannot be written to the results directory.
        """

    def ask_to_stop(self, asked: bool) -> None:
        """Tells the worker whether to end its task at the next step."""

    def kill(self) -> None:
        """Kills the worker. Any thread may call it."""

    def end(self) -> None:
        """Kills the worker, if there is one, and frees all that belonged to it."""

    def death(self) -> str:
        """Describes how a dead worker ended, and frees all that belonged to it."""


class _Late(Exception):
    """The task exceeded its limit and its worker was killed."""


class Watcher:
    """Sends tasks to one worker and enforces their time limits."""

    def __init__(
        self, place: int, link: Link, news: queue.SimpleQueue[Noted | Shown], grace: float, silence: float
    ) -> None:
        self.place, self.link, self.closed = place, link, False
        self._news, self._grace, self._silence = news, grace, silence

    def attempt(
        self, task: Task, limit: Deadline, token: CancelToken, points: list[EvaluationPoint]
    ) -> Any:
        """Runs the task once and returns its result; appends the points of its curve to `points`.

        Raises:
            Lost: the worker died, or hung and was killed.
            _Late: the task exceeded its limit, or did not end after a request to stop.
            StoreError: a file that the task produced cannot be written to the results directory.
        """
        answer = self._ask(task, limit, token, points)
        if isinstance(answer, Done):
            if _lasting(answer.result):
                self.link.end()
            return answer.result
        if isinstance(answer, Refused):
            raise StoreError(answer.reason)
        raise Lost(answer.reason)

    def _ask(
        self, task: Task, limit: Deadline, token: CancelToken, points: list[EvaluationPoint]
    ) -> Done | Refused | Broken:
        """Returns the worker's answer. When it raises Lost or _Late, the worker has been killed."""
        link = self.link
        link.ask_to_stop(False)
        try:
            if not link.running():
                link.start()
                ready = self._receive(limit, token, START)
                if isinstance(ready, (Broken, Refused)):
                    link.end()
                    return ready
            link.send(Order(task=task, seconds=limit.left()))  # after the seconds that a start takes
            while isinstance(message := self._receive(limit, token, self._silence), (Point, Event)):
                if isinstance(message, Point):
                    points.append(message.point)
                    self._news.put(Shown(worker=self.place, label=task.label, point=message.point))
                else:
                    self._news.put(Noted(kind=message.kind, detail=message.detail, model=message.model))
        except (EOFError, OSError):
            raise Lost(link.death()) from None
        except StoreError:
            link.end()
            raise
        answer: Done | Refused | Broken = message
        return answer

    def _receive(self, limit: Deadline, token: CancelToken, silence: float) -> Any:
        link = self.link
        beat, moved, asked = link.beat, time.monotonic(), None
        looked = moved
        while (message := link.receive(_POLL)) is None:
            now = time.monotonic()
            if now - looked > SUSPENDED:
                moved += now - looked
            looked = now
            if self.closed:  # `close` may have run before the worker was started
                link.end()
                raise Lost("the executor was closed")
            if token.asked:
                link.ask_to_stop(True)
                asked = asked or now
            if limit.left() < -self._grace or (asked and now - asked > self._grace):
                link.end()
                raise _Late(Reason.DEADLINE.value)
            if beat != link.beat:
                beat, moved = link.beat, now
            if now - moved > silence:
                link.end()
                raise Lost(f"the training process did not answer for {silence:.0f} s")
        return message


class WatchedExecutor:
    """Base of the executors: a queue of idle workers, each with a watcher."""

    def __init__(self, most: int) -> None:
        """
        Args:
            most: upper bound on the number of workers.
        """
        self._news: queue.SimpleQueue[Noted | Shown] = queue.SimpleQueue()
        self._watchers: list[Watcher] = []
        self._idle: queue.LifoQueue[Watcher] = queue.LifoQueue()
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="worker")
        self._closed = False

    @property
    def capacity(self) -> int:
        """Number of tasks that can run at the same time: workers whose machine is available."""
        return sum(not watcher.link.left for watcher in self._watchers)

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that are running."""
        return [watcher.link.pid for watcher in self._watchers if watcher.link.pid is not None]

    def add(self, watchers: list[Watcher]) -> None:
        """Adds workers; the first of them gets the next task."""
        self._watchers += watchers
        for watcher in reversed(watchers):
            self._idle.put(watcher)

    def submit(self, task: Task, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        return self._threads.submit(self._carry_out, task, limit, token)

    def news(self) -> list[Noted | Shown]:
        found = []
        while not self._news.empty():
            found.append(self._news.get())
        return found

    def close(self) -> None:
        self._closed = True
        for watcher in self._watchers:
            watcher.closed = True
            watcher.link.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for watcher in self._watchers:
            watcher.link.end()

    def _carry_out(self, task: Task, limit: Deadline, token: CancelToken) -> Any:
        """Runs a task on any idle worker, again if its worker dies or its machine leaves."""
        points: list[EvaluationPoint] = []
        began = time.monotonic()

        def lost(state: RunState, reason: str) -> Any:
            return task.lost(state, reason, tuple(points), time.monotonic() - began)

        reason, tried, moved = "", 0, 0
        while tried < ATTEMPTS and moved < MOVES:
            watcher = self._next_idle(limit, token)
            if watcher is None:
                return lost(RunState.INTERRUPTED, Reason.DEADLINE.value)
            points.clear()
            self._news.put(Shown(worker=watcher.place, label=task.label, point=None))
            try:
                return watcher.attempt(task, limit, token, points)
            except _Late as late:
                return lost(RunState.INTERRUPTED, str(late))
            except Lost as loss:
                reason = str(loss)
                if token.asked or self._closed:  # perhaps by the signal that stops the study
                    return lost(RunState.INTERRUPTED, Reason.DEADLINE.value)
                self._news.put(Noted(kind="worker_lost", detail=reason, model=None))
                tried, moved = (tried, moved + 1) if watcher.link.left else (tried + 1, moved)
            finally:
                self._news.put(Shown(worker=watcher.place, label="", point=None))
                self._idle.put(watcher)
        return lost(RunState.FAILED, reason)

    def _next_idle(self, limit: Deadline, token: CancelToken) -> Watcher | None:
        """Waits for an idle worker; returns None if the limit passes or a stop is requested first."""
        while not (token.asked or limit.passed() or self._closed):
            try:
                watcher = self._idle.get(timeout=_POLL)
            except queue.Empty:
                continue
            if not watcher.link.left:
                return watcher
        return None


def _lasting(result: Any) -> bool:
    """Whether a failure may affect later tasks: after a CUDA error every call in that process fails."""
    record = getattr(result, "record", None)
    if record is None or record.state is not RunState.FAILED:
        return False
    reason: str = record.reason
    return out_of_memory(reason) or "CUDA" in reason or reason.startswith("AcceleratorError")
