"""Carries runs out in a process beside this one, watches it, and starts it again when it is lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from study.budget import Deadline
from study.errors import StoreError, out_of_memory
from study.orchestration.executors.messages import (
    Broken,
    Evaluated,
    Noted,
    Picture,
    Pictured,
    Ran,
    Refused,
    Reply,
    Run,
)
from study.orchestration.executors.protocol import Bench
from study.orchestration.executors.worker import serve
from study.records import EvaluationPoint, Reason, RunRecord, RunState
from study.spec import RunSpec
from study.training.loop import Pruned

#: Seconds that a task may outlive its limit, or a request to stop, before its process is killed.
GRACE = 10.0
#: Seconds without a step after which a process counts as hung; and those it may take to start.
SILENCE = 120.0
START = 180.0
ATTEMPTS = 2
_POLL = 0.2


class Lost(Exception):
    """The worker's process ended or hangs; the text says how."""


class Late(Exception):
    """The task outlived its limit and was killed."""


class LocalExecutor:
    """One worker process on this machine, started at the first task; capacity 1."""

    capacity = 1

    def __init__(
        self, bench: Bench, *,
        on_event: Callable[[str, str, str | None], None] = lambda kind, detail, model: None,
        grace: float = GRACE, silence: float = SILENCE,
    ) -> None:  # fmt: skip
        """
        Args:
            on_event: told (kind, detail, model) of what happens beside a record: ``worker_lost``, after
                which the task is tried once more, and what `study.training.bookmark` tells.
            grace, silence: seconds, see GRACE and SILENCE.
        """
        self._bench, self._on_event = bench, on_event
        self._grace, self._silence = grace, silence
        self._context = multiprocessing.get_context("spawn")
        # Without locks: a process that is killed or frozen would keep one for ever.
        self._stop = self._context.Value("b", 0, lock=False)
        self._beat = self._context.Value("q", 0, lock=False)
        self._process: Any = None
        self._wire: Any = None

    @property
    def pid(self) -> int | None:
        """Process id of the worker, if one is running."""
        return self._process.pid if self._process is not None else None

    def submit(
        self, spec: RunSpec, *, finals: tuple[RunRecord, ...], limit: Deadline,
        stop: Callable[[], bool], on_evaluation: Callable[[EvaluationPoint], None],
    ) -> RunRecord:  # fmt: skip
        points: list[EvaluationPoint] = []
        began = time.monotonic()

        def judge(point: EvaluationPoint) -> Reply:
            points.append(point)
            try:
                on_evaluation(point)
            except Pruned:
                return Reply.PRUNE
            return Reply.GO_ON

        def unfinished(state: RunState, reason: str) -> RunRecord:
            return _unfinished(spec, state, reason, points, began)

        reason = ""
        for _ in range(ATTEMPTS):
            if stop() or limit.passed():
                return unfinished(RunState.INTERRUPTED, Reason.DEADLINE.value)
            points.clear()
            try:
                task = Run(spec=spec, finals=_slim(finals))
                answer = self._ask(task, limit, stop, judge)
                if isinstance(answer, Ran):
                    if answer.record.state is RunState.FAILED and _lasting(answer.record.reason):
                        self.close()
                    return answer.record
                if isinstance(answer, Refused):
                    raise StoreError(answer.reason)
                raise Lost(answer.reason)
            except Late as late:
                return unfinished(RunState.INTERRUPTED, str(late))
            except Lost as loss:
                reason = str(loss)
                if stop():  # the signal that stops the study may have reached the worker too
                    return unfinished(RunState.INTERRUPTED, Reason.DEADLINE.value)
                self._on_event("worker_lost", reason, None)
        return unfinished(RunState.FAILED, reason)

    def picture(
        self, index: int, *, finals: tuple[RunRecord, ...], limit: Deadline, stop: Callable[[], bool]
    ) -> tuple[tuple[str, str, str], ...]:
        if limit.passed() or stop():  # a worker takes seconds to start
            return (("pictures_missing", (Reason.STOPPED if stop() else Reason.DEADLINE).value, ""),)
        try:
            task = Picture(index=index, finals=_slim(finals))
            answer = self._ask(task, limit, stop, lambda point: Reply.GO_ON)
        except (Lost, Late) as loss:
            return (("pictures_missing", str(loss), ""),)
        if isinstance(answer, Pictured):
            return answer.events
        return (("pictures_missing", answer.reason, ""),)

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._wire.close()
            self._process = self._wire = None

    # ---- the worker
    def _ask(
        self, task: Run | Picture, limit: Deadline, stop: Callable[[], bool],
        judge: Callable[[EvaluationPoint], Reply],
    ) -> Any:  # fmt: skip
        """The worker's answer to a task; raises Lost or Late with the worker gone."""
        self._stop.value = 0
        try:
            if self._process is None or not self._process.is_alive():
                self._start()
                ready = self._receive(limit, stop, START)
                if isinstance(ready, (Broken, Refused)):
                    self.close()
                    return ready
            self._wire.send(replace(task, seconds=limit.left()))  # after the seconds that a start takes
            while isinstance(
                message := self._receive(limit, stop, self._silence), (Evaluated, Noted)
            ):
                if isinstance(message, Evaluated):
                    reply = judge(message.point)
                    if stop():  # known to the worker before it takes its next step
                        self._stop.value = 1
                    self._wire.send(reply)
                else:
                    self._on_event(message.kind, message.detail, message.model)
        except (EOFError, OSError):
            raise Lost(self._death()) from None
        return message

    def _start(self) -> None:
        self.close()
        self._wire, theirs = self._context.Pipe()
        self._process = self._context.Process(
            target=serve, args=(self._bench, theirs, self._stop, self._beat), daemon=True
        )
        with _safe_path():
            self._process.start()
        theirs.close()

    def _receive(self, limit: Deadline, stop: Callable[[], bool], silence: float) -> Any:
        beat, moved, asked = self._beat.value, time.monotonic(), None
        while not self._wire.poll(_POLL):
            now = time.monotonic()
            if not self._process.is_alive() and not self._wire.poll(0):
                raise EOFError
            if stop():
                self._stop.value = 1
                asked = asked or now
            if limit.left() < -self._grace or (asked and now - asked > self._grace):
                self.close()
                raise Late(Reason.DEADLINE.value)
            if beat != self._beat.value:
                beat, moved = self._beat.value, now
            if now - moved > silence:
                self.close()
                raise Lost(f"the training process did not answer for {silence:.0f} s")
        return self._wire.recv()

    def _death(self) -> str:
        """How the process ended, in words."""
        self._process.join(1)
        code = self._process.exitcode
        self.close()
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


def _lasting(reason: str) -> bool:
    """Whether a failure may outlive its run: after a CUDA error every call in that process fails."""
    return out_of_memory(reason) or "CUDA" in reason or reason.startswith("AcceleratorError")


def _slim(records: tuple[RunRecord, ...]) -> tuple[RunRecord, ...]:
    """Without their curves: hundreds of them would fill the wire to a process that does not read it."""
    return tuple(replace(record, history=()) for record in records)


def _unfinished(
    spec: RunSpec, state: RunState, reason: str, points: list[EvaluationPoint], began: float
) -> RunRecord:
    """What is known of a run whose process is gone: its evaluation points."""
    last = points[-1] if points else None
    return RunRecord(
        spec=spec,
        state=state,
        reason=reason,
        samples_seen=last.samples_seen if last else 0,
        val_accuracy=last.val_accuracy if last else None,
        train_seconds=last.seconds if last else 0.0,
        wall_seconds=time.monotonic() - began,
        history=tuple(points),
    )
