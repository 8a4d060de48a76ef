"""Runs workers as processes of this machine, which start at their first task and restart if they die.

They are forks of a server process that has imported PyTorch once and computes nothing itself, so that a
start takes a tenth of a second instead of three (docs/adr/0022-fork-server.md).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import study
from study.orchestration.executors.messages import Message, Order
from study.orchestration.executors.protocol import Bench
from study.orchestration.executors.watching import GRACE, SILENCE, WatchedExecutor, Watcher
from study.orchestration.executors.worker import serve
from study.training.runtime import VISIBLE_GPUS, visible_gpus

_STARTING = threading.Lock()
_PRELOADED = ("study.orchestration.executors.worker",)
#: Of the server and so of all workers. Python started with PYTHONSAFEPATH does not import modules of the
#: working directory (3.11 on). NumPy would otherwise start threads, and threads do not survive a fork.
_ENVIRONMENT = {"PYTHONSAFEPATH": "1", "OPENBLAS_NUM_THREADS": "1"}


class LocalExecutor(WatchedExecutor):
    """An executor whose workers are processes of this machine."""

    def __init__(
        self, bench: Bench, *, workers: int = 1, grace: float = GRACE, silence: float = SILENCE
    ) -> None:
        """
        Args:
            workers: number of processes, the `capacity`.
            grace: see `GRACE`; in seconds.
            silence: see `SILENCE`; in seconds.
        """
        super().__init__(workers)
        gpus = visible_gpus() if bench.runtime.device.type == "cuda" else []
        self.add(
            [
                Watcher(place, _Process(bench, place, _gpu(gpus, place)), self._news, grace, silence)
                for place in range(workers)
            ]
        )


class _Process:
    """A worker process and the pipe to it."""

    left = False

    def __init__(self, bench: Bench, place: int, environment: dict[str, str]) -> None:
        self._bench, self._place, self.environment = bench, place, environment
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(_PRELOADED))
        # No locks: a killed or frozen process would hold one forever.
        self._stop = self._context.Value("b", 0, lock=False)
        self._beat = self._context.Value("q", 0, lock=False)
        self._process: Any = None
        self._wire: Any = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def beat(self) -> int:
        return int(self._beat.value)

    def running(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def start(self) -> None:
        self.end()
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=serve,
            args=(self._bench, theirs, self._stop, self._beat, self._place, self.environment),
            daemon=True,
        )
        with _STARTING, _set(_server_environment()):
            process.start()
        theirs.close()
        # Assigned only now, so that `kill` never sees an unstarted process. If `close` ran before, the
        # watcher kills the process.
        self._wire, self._process = ours, process

    def send(self, order: Order) -> None:
        self._wire.send(order)

    def receive(self, seconds: float) -> Message | None:
        if not self._wire.poll(seconds):
            if self._process.is_alive() or self._wire.poll(0):
                return None
            raise EOFError
        message: Message = self._wire.recv()
        return message

    def ask_to_stop(self, asked: bool) -> None:
        self._stop.value = int(asked)

    def kill(self) -> None:
        if (process := self._process) is not None:
            process.kill()

    def end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._wire.close()
            self._process = self._wire = None

    def death(self) -> str:
        self._process.join(1)
        code = self._process.exitcode
        self.end()
        if code is not None and code < 0:
            return f"the training process was ended by {signal.Signals(-code).name}"
        return f"the training process ended with exit code {code}"


def _server_environment() -> dict[str, str]:
    """Returns the environment in which the server finds this package, wherever it was imported from."""
    folders = [str(Path(study.__file__).resolve().parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**_ENVIRONMENT, "PYTHONPATH": os.pathsep.join(filter(None, folders))}


def _gpu(gpus: list[str], place: int) -> dict[str, str]:
    """Returns the environment that shows a worker one GPU; several workers may share one."""
    return {VISIBLE_GPUS: gpus[place % len(gpus)]} if gpus else {}


@contextmanager
def _set(values: dict[str, str]) -> Iterator[None]:
    """Sets environment variables, for processes that start in this context."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
