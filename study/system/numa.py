"""Keeps a worker on the cores of one NUMA node, so that its memory is near them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

_NODES = Path("/sys/devices/system/node")


def numa_nodes(folder: Path = _NODES) -> list[set[int]]:
    """Returns the cores of each NUMA node that this process may use, without nodes that have none.

    Args:
        folder: where the kernel lists the nodes.
    """
    if sys.platform != "linux":
        return []
    usable = os.sched_getaffinity(0)
    paths = sorted(folder.glob("node[0-9]*/cpulist"), key=lambda path: int(path.parent.name[4:]))
    found = [usable & _cores(path.read_text(encoding="ascii")) for path in paths]
    return [cores for cores in found if cores]


def _cores(text: str) -> set[int]:
    """Parses a list such as ``0-3,8``."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


@dataclass(frozen=True)
class Pinning:
    """The cores of one worker.

    Attributes:
        own: cores of its NUMA node; empty if the machine has one node only.
        usable: cores that the process may use.
    """

    own: frozenset[int] = frozenset()
    usable: frozenset[int] = frozenset()

    @classmethod
    def of(cls, place: int, nodes: list[set[int]]) -> Pinning:
        """Returns the pinning of the worker with this number; neighbours go to different nodes."""
        if len(nodes) < 2:
            return cls()
        return cls(frozenset(nodes[place % len(nodes)]), frozenset(set.union(*nodes)))

    def apply(self, threads: int) -> None:
        """Pins the calling thread to its node, or to all cores if the node has too few for `threads`."""
        if self.own:
            os.sched_setaffinity(0, self.own if threads <= len(self.own) else self.usable)
