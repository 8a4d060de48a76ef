"""Workers of a machine with several NUMA nodes stay on one of them each."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from study.system.numa import Pinning, _cores, numa_nodes

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="affinities are Linux's")


@pytest.mark.parametrize(
    ("text", "cores"), [("0-3,8\n", {0, 1, 2, 3, 8}), ("5", {5}), ("\n", set()), ("0-0", {0})]
)
def test_lists_of_cores(text: str, cores: set[int]) -> None:
    assert _cores(text) == cores


def test_nodes_have_the_cores_that_this_process_may_use(tmp_path: Path) -> None:
    usable = sorted(os.sched_getaffinity(0))
    nodes = {"node0": usable[0], "node1": "", "node10": "9000-9007", "node2": usable[-1]}
    for name, cores in nodes.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "cpulist").write_text(f"{cores}\n")
    assert numa_nodes(tmp_path) == [{usable[0]}, {usable[-1]}]
    assert numa_nodes(tmp_path / "nowhere") == []
    assert set.union(*numa_nodes()) == set(usable), "the machine's own"


def _affinity_after(act: Callable[[], None]) -> set[int]:
    """The cores of a thread that did it; those of this thread stay as they are."""
    found: list[set[int]] = []
    thread = threading.Thread(target=lambda: (act(), found.append(os.sched_getaffinity(0))))
    thread.start()
    thread.join()
    return found[0]


def test_a_worker_stays_on_its_node_unless_it_needs_more_threads() -> None:
    usable = os.sched_getaffinity(0)
    if len(usable) < 2:
        pytest.skip("one core")
    first, *others = sorted(usable)
    nodes = [{first}, set(others)]
    assert Pinning.of(3, nodes).own == set(others), "neighbours go to different nodes"
    pinning = Pinning.of(2, nodes)
    assert _affinity_after(lambda: pinning.apply(1)) == {first}
    assert _affinity_after(lambda: pinning.apply(2)) == usable, "the champion"
    assert _affinity_after(lambda: Pinning.of(0, [usable]).apply(1)) == usable, "one node: as it was"
