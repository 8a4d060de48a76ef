"""Runs on the nodes of a real Ray cluster on this machine: nodes come, and are killed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from small_study import measured
from watched_executor import LONG, QUICK, SPEC, Watched, needs_ray, opened, opened_in

from benchmarks.chaos.nodes import STORE, ray_cluster
from study.cli import main
from study.data import LabelledImages
from study.records import RunState
from study.training.checkpoint import trunk

if TYPE_CHECKING:
    from ray.cluster_utils import Cluster

pytestmark = [pytest.mark.xdist_group("time"), needs_ray]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ray_cluster(1) as made:
        yield made


@pytest.fixture
def watched(cluster: Cluster, tmp_path: Path, fashion: LabelledImages) -> Iterator[Watched]:
    with opened_in(cluster, tmp_path / "cluster", fashion) as made:
        yield made


def _until_capacity(watched: Watched, wanted: int) -> None:
    until = time.monotonic() + 60
    while watched.executor.capacity != wanted:
        assert time.monotonic() < until, f"{watched.executor.capacity} workers and not {wanted}"
        watched.executor.news()
        time.sleep(0.1)


@pytest.mark.long
def test_a_run_moves_on_from_a_node_that_is_killed(
    cluster: Cluster, watched: Watched, tmp_path: Path
) -> None:
    (tmp_path / "local").mkdir()
    with opened(tmp_path / "local", workers=1) as local:
        expected = local.record(SPEC)
    assert watched.executor.capacity == 1
    cluster.add_node(num_cpus=1, **STORE)
    _until_capacity(watched, 2)
    killed: list[str] = []

    def kill(pid: int) -> None:
        if killed:
            return
        links: list[Any] = [watcher.link for watcher in watched.executor._watchers]
        (name,) = (link._node.id for link in links if link.pid == pid)
        (node,) = (node for node in cluster.worker_nodes if node.node_id == name)
        cluster.remove_node(node, allow_graceful=False)
        killed.append(name)

    record = watched.record(SPEC, kill)
    assert record.finished and measured(record) == measured(expected)
    told = watched.told("worker_lost")
    assert told[-1].startswith("node ") and told[-1].endswith(" left the cluster")
    assert len(told) <= 2, "once as a lost process, where Ray had not noticed yet that the node was gone"
    _until_capacity(watched, 1)
    assert watched.record(replace(QUICK, rung=64)).finished


def test_what_a_run_has_kept_comes_back_while_it_goes_on(
    cluster: Cluster, tmp_path: Path, fashion: LabelledImages
) -> None:
    """So that it is there when the node of the run is gone."""
    with opened_in(cluster, tmp_path, fashion, checkpoint_seconds=0.5) as watched:
        future = watched.submit(LONG)
        kept = trunk(tmp_path, LONG.run_id)
        until = time.monotonic() + 60
        while kept.load()[0] is None:
            assert time.monotonic() < until, "no checkpoint came"
            time.sleep(0.1)
        assert not future.done()
        watched.token.cancel()
        record = future.result().record
        assert record.state is RunState.INTERRUPTED
        # On a busy machine the answer may come later than the grace; then nothing is known of the run.
        assert record.samples_seen in (kept.samples_seen(), 0)


def test_the_doctor_looks_at_every_node(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--ray", cluster.address]) == 0
    told = [line for line in capsys.readouterr().out.splitlines() if " node " in line]
    assert len(told) == len(cluster.list_all_nodes())
    assert [line for line in told if not (line.startswith("ok ") and "GB free" in line)] == []


def test_where_no_cluster_answers_there_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--offline", "--results-dir", str(tmp_path / "r"), "--report-dir", str(tmp_path / "o")]
    assert main(["--budget", "24h", "--ray", "127.0.0.1:1", *flags]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: --ray 127.0.0.1:1: no cluster answers (") and error.count("\n") == 1


def test_without_ray_the_line_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    flags = ["--offline", "--results-dir", str(tmp_path / "r"), "--report-dir", str(tmp_path / "o")]
    assert main(["--budget", "24h", "--ray", "auto", *flags]) == 2
    assert capsys.readouterr().err == "error: --ray needs Ray: pip install 'ray>=2.40'\n"
