"""Runs workers on the nodes of a running Ray cluster, one for each core or GPU, while nodes join and leave.

Ray's object store brings the data set and the weights to each node once. Checkpoints travel with a task and
back while it runs. No shared file system is needed: only the coordinator writes to the results directory.
"""

from __future__ import annotations

import queue
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from study.budget import Deadline
from study.data import LabelledImages
from study.errors import StoreError, UsageError
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.messages import Message, Order
from study.orchestration.executors.protocol import Bench, Noted, Shown, Task
from study.orchestration.executors.ray_nodes import Node, Nodes
from study.orchestration.executors.scratch import read_files
from study.orchestration.executors.watching import GRACE, SILENCE, WatchedExecutor, Watcher
from study.orchestration.signals import CancelToken

#: Upper bound on the number of workers.
MOST = 4_096
#: Seconds that a worker waits for news before it answers, and seconds that its answer may take.
_EXCHANGE, _BEGIN = 1.0, 120.0


class RayExecutor(WatchedExecutor):
    """An executor whose workers are Ray actors; tasks that need the results directory run here."""

    def __init__(
        self,
        bench: Bench,
        images: LabelledImages,
        *,
        address: str,
        gpus: float = 0.0,
        grace: float = GRACE,
        silence: float = SILENCE,
    ) -> None:
        """
        Args:
            address: of the head node, or ``auto``.
            gpus: GPUs of each run; 0 gives each run one core instead.
            grace: see `GRACE`; in seconds.
            silence: see `SILENCE`; in seconds.

        Raises:
            UsageError: ray is not installed, no cluster answers, or none of its nodes can be used.
        """
        super().__init__(MOST)
        self._home = LocalExecutor(bench, grace=grace, silence=silence)
        self._nodes = Nodes(address=address, gpus=gpus)
        self._shared = _Shared(nodes=self._nodes, bench=bench, data=self._nodes.ray.put(images))
        self._grace, self._silence = grace, silence
        self._nodes.wait()
        self._take()
        if not self.capacity:
            why = "; ".join(["no node of the cluster can be used", *self._nodes.refused()])
            self.close()
            raise UsageError(f"--ray {address}: {why}")

    def submit(self, task: Task, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        if task.at_home:
            return self._home.submit(task, limit=limit, token=token)
        return super().submit(task, limit=limit, token=token)

    def news(self) -> list[Noted | Shown]:
        self._take()
        for line in self._nodes.refused():
            self._news.put(Noted(kind="node_refused", detail=line, model=None))
        return [*super().news(), *self._home.news()]

    def close(self) -> None:
        super().close()
        self._home.close()
        self._nodes.close()

    def _take(self) -> None:
        """Adds workers for nodes that have joined."""
        for node in self._nodes.joined():
            places = range(len(self._watchers), len(self._watchers) + node.room)
            self.add(
                [
                    Watcher(place, _Actor(self._shared, node), self._news, self._grace, self._silence)
                    for place in places
                ]
            )


@dataclass(kw_only=True)
class _Shared:
    """What all workers of a study have in common.

    Attributes:
        data: reference to the data set in Ray's object store.
    """

    nodes: Nodes
    bench: Bench
    data: Any
    _weights: dict[tuple[str, int], Any] = field(default_factory=dict)

    def actor(self, node: Node) -> Any:
        """Starts a worker on the node."""
        from study.orchestration.executors.ray_actor import Worker

        gpus = self.nodes.gpus
        remote = self.nodes.ray.remote(Worker).options(
            num_cpus=0 if gpus else 1,
            num_gpus=gpus,
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=self.nodes.on(node.id),
        )
        return remote.remote(self.bench, self.data)

    def sent(self, path: Path) -> Any:
        """Returns a reference to the content of a file; puts it into the object store once per version."""
        key = (str(path), path.stat().st_mtime_ns)
        if key not in self._weights:
            self._weights[key] = self.nodes.ray.put(path.read_bytes())
        return self._weights[key]


class _Actor:
    """A worker that is a Ray actor on one node."""

    def __init__(self, shared: _Shared, node: Node) -> None:
        self._shared, self._node = shared, node
        self._actor: Any = None
        self._waiting: Any = None
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stop = False
        self._death = ""
        self.beat = 0
        self.pid: int | None = None

    @property
    def left(self) -> bool:
        return self._node.gone

    def running(self) -> bool:
        return self._actor is not None

    def start(self) -> None:
        self.end()
        self._actor = self._shared.actor(self._node)

    def send(self, order: Order) -> None:
        from study.orchestration.executors.ray_actor import SentWeights

        task, results = order.task, self._shared.bench.folder
        weights = {
            model: SentWeights(source=source, name=Path(path).name, content=self._shared.sent(Path(path)))
            for model, (path, source) in task.weight_files().items()
        }
        files = read_files(results, task.reads(results))
        begun = self._actor.begin.remote(order, files, weights)
        self._result(begun, _BEGIN)

    def receive(self, seconds: float) -> Message | None:
        if not self._inbox.empty():
            return self._inbox.get()
        if self._waiting is None:
            self._waiting = self._actor.exchange.remote(self._stop, _EXCHANGE)
        ready, _ = self._shared.nodes.ray.wait([self._waiting], timeout=seconds)
        if not ready:
            return None
        waiting, self._waiting = self._waiting, None
        reply = self._result(waiting, _BEGIN)
        reply.changes.apply(self._shared.bench.folder)
        self.beat, self.pid = reply.beat, reply.pid
        for message in reply.messages:
            self._inbox.put(message)
        return None if self._inbox.empty() else self._inbox.get()

    def ask_to_stop(self, asked: bool) -> None:
        self._stop = asked

    def kill(self) -> None:
        if (actor := self._actor) is not None:
            self._shared.nodes.ray.kill(actor)

    def end(self) -> None:
        self.kill()
        if self.pid is not None and not self.left:
            self._shared.nodes.kill(self._node.id, self.pid)
        self._actor = self._waiting = self.pid = None
        self.beat, self._inbox = 0, queue.SimpleQueue()

    def death(self) -> str:
        self._shared.nodes.notice()
        told, self._death = self._death or "the worker is gone", ""
        self.end()
        return f"node {self._node.name} left the cluster" if self.left else told

    def _result(self, reference: Any, seconds: float) -> Any:
        """Returns what the actor returned. Raises EOFError if the actor, its node or the object is lost."""
        try:
            return self._shared.nodes.ray.get(reference, timeout=seconds)
        except StoreError:
            raise
        except Exception as error:  # Ray has a dozen for an actor, a node or an object that is lost
            self._death = "the training process was lost"
            raise EOFError from error
