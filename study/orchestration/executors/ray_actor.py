"""A worker in a Ray cluster: receives data and files as bytes and returns the files that it writes."""

from __future__ import annotations

import os
import queue
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray

from study.data import LabelledImages
from study.datasets import register
from study.orchestration.executors.messages import Broken, Message, Order, Ready
from study.orchestration.executors.protocol import Bench
from study.orchestration.executors.scratch import Changes, Files, Scratch
from study.orchestration.executors.worker import carry_out, workshop_of
from study.training.runtime import adopt

_PREFIX = "pretraining-study-"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A worker's news since the previous exchange.

    Attributes:
        beat: see `study.orchestration.executors.watching.Link`.
        changes: of files; the files of a result arrive together with it.
        pid: process id on its machine.
    """

    beat: int
    pid: int
    messages: list[Message]
    changes: Changes


@dataclass(frozen=True, kw_only=True)
class SentWeights:
    """A file of pre-trained weights.

    Attributes:
        source: see `study.models.Weights`.
        content: reference to the bytes in Ray's object store, which keeps one copy on each node.
    """

    source: str
    name: str
    content: Any


@dataclass(kw_only=True)
class _Number:
    value: int = 0


class Worker:
    """Runs tasks in a separate thread, so that the actor can always answer."""

    def __init__(self, bench: Bench, images: LabelledImages) -> None:
        self._stop, self._beat = _Number(), _Number()
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._scratch = Scratch(folder=_own_folder())
        register(bench.data)
        bench = replace(bench, folder=self._scratch.folder)
        threading.Thread(target=self._work, args=(bench, images), daemon=True).start()

    def begin(self, order: Order, files: Files, weights: dict[str, SentWeights]) -> None:
        """Begins a task.

        Args:
            files: files of the results directory that the task continues from.
            weights: pre-trained weights by network.
        """
        self._scratch.begin(files)
        if weights:
            here = {
                model: (str(self._weights_file(model, sent)), sent.source)
                for model, sent in weights.items()
            }
            order = replace(order, task=order.task.with_weights(here))
        self._orders.put(order)

    def exchange(self, stop: bool, seconds: float) -> Reply:
        """Returns the worker's news; waits up to `seconds` if there are none.

        Args:
            stop: whether the task is to end at its next step.
        """
        self._stop.value = int(stop)
        messages: list[Message] = []
        with suppress(queue.Empty):
            messages.append(self._messages.get(timeout=seconds))
            while True:
                messages.append(self._messages.get_nowait())
        return Reply(
            beat=self._beat.value, pid=os.getpid(), messages=messages, changes=self._scratch.changes()
        )

    def _work(self, bench: Bench, images: LabelledImages) -> None:
        # The number of threads and the flushing of denormals are settings of the calling thread.
        adopt(bench.runtime)
        try:
            shop = workshop_of(bench, images)
        except Exception as error:
            self._messages.put(Broken(reason=f"{type(error).__name__}: {error}"))
            return
        self._messages.put(Ready())
        while True:
            order = self._orders.get()
            self._messages.put(carry_out(order, bench, shop, self._messages.put, self._stop, self._beat))

    def _weights_file(self, model: str, sent: SentWeights) -> Path:
        """Returns the local path of the file and fetches it at its first use."""
        path = self._scratch.folder / "weights" / model / sent.name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(ray.get(sent.content))
        return path


def _own_folder() -> Path:
    """Creates a folder for this process and removes the folders of dead processes of this machine."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = path.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
            Scratch(folder=path).remove()
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
