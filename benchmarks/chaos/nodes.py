"""Kills nodes of a Ray cluster at random moments during a study of real trainings."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.chance import note_chance
from benchmarks.chaos.toy import STUDY, carry_out, context_of, witness
from study.budget import Deadline
from study.data import LabelledImages, load
from study.datasets import FASHION_MNIST
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.executors.local import LocalExecutor
from study.orchestration.executors.protocol import Bench, Executor
from study.orchestration.opening import open_ledger
from study.orchestration.options import Options
from study.store.lock import StudyLock
from study.training.runtime import Runtime, detect, one_thread
from study.training.workshop import Workshop

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

NODES = 3
#: Least and greatest seconds between two kills, and until a new node replaces a killed one.
BETWEEN, AGAIN = (2.0, 8.0), (0.5, 4.0)
STORE = {"object_store_memory": 300 * 2**20}
#: Values of each evaluation that do not depend on a clock, by name of the evaluation.
Outcome = dict[str, tuple[Any, ...]]


@contextmanager
def ray_cluster(nodes: int) -> Iterator[Cluster]:
    """Runs a cluster on this machine: a head without cores, and nodes of one core each."""
    import ray
    from ray.cluster_utils import Cluster

    # At Ray's niceness of 15, beside two busy processes of ours, a worker needs minutes for its imports.
    system = {"worker_niceness": 0}
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": system, **STORE}
    made = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes):
            made.add_node(num_cpus=1, **STORE)
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def node_kills(folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Checks that studies on clusters whose nodes are killed end like a local study, bit for bit."""
    from study.orchestration.executors.ray import RayExecutor

    rng, fashion, runtime = (
        random.Random(seed),
        load(FASHION_MNIST, offline=True),
        one_thread(detect("cpu", "fp32")),
    )
    faults: list[str] = []
    done, studies = 0, 0
    here = LocalExecutor(_bench(folder / "here", runtime), workers=2)
    expected = _study(folder / "here", here, fashion, runtime)
    while done < kills:
        results, studies = folder / f"cluster{studies}", studies + 1
        with ray_cluster(NODES) as cluster:
            executor = RayExecutor(_bench(results, runtime), fashion, address=cluster.address)
            with Killer(cluster, rng, kills - done) as killer:
                found = _study(results, executor, fashion, runtime)
            done += killer.killed
        named = [
            f"study {studies}: {name} is {found.get(name)} and not {wanted}"
            for name, wanted in expected.items()
            if found.get(name) != wanted
        ]
        more = [f"study {studies}: {name} is too much" for name in found.keys() - expected.keys()]
        faults += named + more + _doubles(results)
    return {
        "name": "nodes of a cluster killed at random moments",
        "tried": done,
        "faults": faults,
        "studies": studies,
        "judgements": len(expected),
    }


class Killer:
    """Kills nodes and adds new ones in a thread while the block runs."""

    def __init__(self, cluster: Cluster, rng: random.Random, most: int) -> None:
        self._cluster, self._rng, self._most = cluster, rng, most
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.killed = 0

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while self.killed < self._most and not self._over.wait(self._rng.uniform(*BETWEEN)):
            node = self._rng.choice(sorted(self._cluster.worker_nodes, key=lambda node: str(node.node_id)))
            self._cluster.remove_node(node, allow_graceful=False)
            self.killed += 1
            self._over.wait(self._rng.uniform(*AGAIN))
            self._cluster.add_node(num_cpus=1, **STORE)


def _bench(folder: Path, runtime: Runtime) -> Bench:
    return Bench(study=STUDY, runtime=runtime, folder=folder, checkpoint_seconds=0.5)


def _study(folder: Path, executor: Executor, fashion: LabelledImages, runtime: Runtime) -> Outcome:
    """Runs the toy study's phases with real trainings and returns the evaluations."""
    with closing(executor), StudyLock(folder):
        options = Options(results_dir=folder, report_dir=folder)
        ledger = open_ledger(STUDY, options)
        witness(ledger, folder / "journal")
        note_chance(ledger)
        clock = StudyClock.opened(ledger, Deadline(budget=3_600, started=time.monotonic()), str(folder))
        shop = Workshop(images=fashion, runtime=runtime, weights={}, folder=folder)
        with Console(clock.deadline, 0) as console:
            carry_out(context_of(options, ledger, clock, console, executor, shop))
        outcome = {
            record.spec.name: (
                record.state.value,
                record.val_loss,
                record.test_loss,
                record.val_accuracy,
                record.test_accuracy,
                record.samples_seen,
            )
            for record in ledger.records()
        }
        ledger.close()
    return outcome


def _doubles(folder: Path) -> list[str]:
    """Returns the evaluations that the ledger has taken twice."""
    names = [line.split()[0] for line in (folder / "journal").read_text(encoding="ascii").splitlines()]
    return [f"{folder.name}: {name} was committed {n} times" for name, n in Counter(names).items() if n > 1]
