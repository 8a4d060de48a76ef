"""Finds the nodes of a Ray cluster and refuses those whose software differs from the coordinator's."""

from __future__ import annotations

import logging
import os
import platform
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import study
from study.errors import UsageError, one_line
from study.system.memory import available_gb
from study.training.runtime import processor

OLDEST = "2.40"
#: Seconds between two queries of the nodes, and seconds to wait for the first answers.
_LOOK, _FIRST = 2.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Software and hardware of a node.

    Attributes:
        versions: of Python and the packages that must be equal on every node.
        free_gb: memory that a new process can have, in GB (10^9 bytes).
    """

    versions: dict[str, str]
    processor: str
    free_gb: float

    def differences(self, other: Facts) -> str:
        """Describes how these versions differ from those of `other`; empty if they are equal."""
        pairs = ((name, mine, other.versions[name]) for name, mine in self.versions.items())
        return ", ".join(f"{name} {mine} and not {its}" for name, mine, its in pairs if mine != its)


@dataclass(kw_only=True)
class Node:
    """A node that can be used.

    Attributes:
        id: Ray's hexadecimal id.
        name: host name.
        room: number of runs that its cores, or GPUs, allow at the same time.
        gone: whether it has left the cluster.
    """

    id: str
    name: str
    room: int
    gone: bool = False


@dataclass(kw_only=True)
class Nodes:
    """The connection to a running cluster and its nodes.

    Attributes:
        address: of the head node, or ``auto``.
        gpus: GPUs of each run; 0 gives each run one core instead.

    Raises:
        UsageError: ray is not installed, or no cluster answers at the address.
    """

    address: str
    gpus: float = 0.0
    ray: Any = field(init=False)
    _known: dict[str, Node] = field(default_factory=dict)
    _asked: dict[str, tuple[Node, Any]] = field(default_factory=dict)
    _fresh: list[Node] = field(default_factory=list)
    _refused: list[str] = field(default_factory=list)
    _looked: float = 0.0
    _here: Facts = field(default_factory=lambda: facts())

    def __post_init__(self) -> None:
        try:
            import ray
        except ImportError:
            raise UsageError(f"--ray needs Ray: pip install 'ray>={OLDEST}'") from None
        self.ray = ray
        _require_answer(self.address)
        try:
            ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                runtime_env={
                    "py_modules": [str(Path(study.__file__).parent)],
                    # Ray would derive the number of threads from the actor's resources.
                    "env_vars": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                },
            )
        except Exception as error:  # Ray raises ConnectionError, RuntimeError or ValueError
            raise UsageError(f"--ray {self.address}: {one_line(str(error))[:200]}") from error

    def wait(self) -> None:
        """Waits until the present nodes have answered."""
        until = time.monotonic() + _FIRST
        self._look()
        while self._asked and time.monotonic() < until:
            time.sleep(0.1)
            self._hear()

    def joined(self) -> list[Node]:
        """Returns usable nodes that joined since the previous call."""
        if time.monotonic() - self._looked > _LOOK:
            self._look()
        self._hear()
        fresh, self._fresh = self._fresh, []
        return fresh

    def refused(self) -> list[str]:
        """Returns, for nodes refused since the previous call, one line each with the reason."""
        told, self._refused = self._refused, []
        return told

    def notice(self) -> dict[str, Any]:
        """Marks nodes that have left, and returns the present ones by id. Any thread may call it."""
        there = {node["NodeID"]: node for node in self.ray.nodes() if node["Alive"]}
        for known in tuple(self._known.values()):
            known.gone = known.gone or known.id not in there
        return there

    def ask(self) -> list[tuple[dict[str, Any], Facts | str]]:
        """Returns every present node with its facts, or with the reason why they are missing."""
        asked = [(node, self._ask(name)) for name, node in self.notice().items()]
        self.ray.wait([answer for _, answer in asked], num_returns=len(asked), timeout=_FIRST)
        return [(node, self._answer(answer)) for node, answer in asked]

    def on(self, node_id: str) -> Any:
        """Returns the scheduling strategy that binds an actor or a task to one node."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(node_id=node_id, soft=False)

    def kill(self, node_id: str, pid: int) -> None:
        """Kills a worker process on a node. `ray.kill` asks the process itself, which may be frozen."""
        self.ray.remote(kill).options(num_cpus=0, scheduling_strategy=self.on(node_id)).remote(pid)

    def close(self) -> None:
        self.ray.shutdown()

    def _look(self) -> None:
        """Asks new nodes for their facts."""
        self._looked = time.monotonic()
        for name, found in self.notice().items():
            if name in self._known or name in self._asked:
                continue
            resources = found["Resources"]
            room = int(resources.get("GPU", 0) / self.gpus) if self.gpus else int(resources.get("CPU", 0))
            if room:
                node = Node(id=name, name=found["NodeManagerHostname"], room=room)
                self._asked[name] = (node, self._ask(name))

    def _hear(self) -> None:
        """Accepts or refuses the nodes that have answered."""
        for name, (node, answer) in tuple(self._asked.items()):
            ready, _ = self.ray.wait([answer], timeout=0)
            if not ready:
                continue
            del self._asked[name]
            self._known[name] = node
            found = self._answer(answer)
            why = found if isinstance(found, str) else found.differences(self._here)
            if why:
                self._refused.append(f"node {node.name} is not used: {why}")
            else:
                self._fresh.append(node)

    def _ask(self, node_id: str) -> Any:
        return self.ray.remote(facts).options(num_cpus=0, scheduling_strategy=self.on(node_id)).remote()

    def _answer(self, answer: Any) -> Facts | str:
        try:
            found: Facts = self.ray.get(answer, timeout=0)
            return found
        except Exception as error:  # the environment failed, the node left, or no answer came in time
            return one_line(str(error) or type(error).__name__)[:160]


def _require_answer(address: str) -> None:
    """Connects once, because Ray ends the whole process if nothing answers at an address.

    Raises:
        UsageError: nothing answers.
    """
    host, _, port = address.rpartition(":")
    if not port.isdecimal() or not host:  # auto: Ray looks for the address itself
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--ray {address}: no cluster answers ({error})") from None


def facts() -> Facts:
    """Returns the facts of the machine and environment that calls it."""
    versions = {"Python": platform.python_version(), "study": study.__version__}
    versions |= {name: version(name).split("+")[0] for name in ("torch", "torchvision", "ray")}
    return Facts(versions=versions, processor=processor(), free_gb=available_gb())


def kill(pid: int) -> None:
    """Kills a process of this machine if it is one of Ray's workers."""
    with suppress(OSError):
        if b"ray::" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


def lines(nodes: Nodes, least_gb: Callable[[float], float]) -> list[str]:
    """Returns the lines of `doctor --ray`, one for each node.

    Args:
        least_gb: returns the memory in GB that a number of runs needs.
    """
    here, told = facts(), []
    for node, found in nodes.ask():
        name = f"{node['NodeManagerHostname']} ({node['NodeID'][:6]})"
        cores = node["Resources"].get("CPU", 0)
        if isinstance(found, str):
            told.append(f"MISS  node {name}: {found}")
            continue
        wrong = list(filter(None, [found.differences(here)]))
        if found.free_gb < least_gb(cores):
            wrong.append(f"{found.free_gb:.1f} GB free, and not {least_gb(cores):.1f}")
        state = f"{cores:.0f} cores, {found.processor}, {found.free_gb:.1f} GB free"
        told.append(f"MISS  node {name}: {'; '.join(wrong)}" if wrong else f"ok    node {name}: {state}")
    return told
