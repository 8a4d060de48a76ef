"""The contract of executors, on real runs: a task that is lost costs itself and nothing else."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_study import measured
from watched_executor import (
    FIRST_POINT,
    GRACE,
    KEPT,
    LONG,
    QUICK,
    SILENCE,
    SPEC,
    Watched,
    needs_ray,
    opened,
    opened_in,
    seconds_left,
)

from benchmarks.chaos.children import in_memory
from benchmarks.chaos.nodes import ray_cluster
from study.data import LabelledImages
from study.errors import StoreError
from study.orchestration.executors.protocol import Lost
from study.orchestration.executors.run_artifacts import artifacts_of
from study.orchestration.executors.tasks import Baselines
from study.orchestration.signals import CancelToken
from study.records import Reason, RunState
from study.spec import HyperParams
from study.training.checkpoint import trunk
from study.training.run import Outcome, Workshop, run
from study.training.runtime import detect, one_thread

pytestmark = pytest.mark.xdist_group("time")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(1, id="1 worker", marks=pytest.mark.long),
        pytest.param(2, id="2 workers"),
        pytest.param(0, id="2 nodes", marks=[needs_ray, pytest.mark.long]),
    ],
)
def pool(request: pytest.FixtureRequest, fashion: LabelledImages) -> Iterator[Watched]:
    """One executor for many tests: whatever a test does to its processes, it serves the next one.

    Its parameter is the number of workers on this machine; 0 is a Ray cluster of two nodes. What two
    workers keep one keeps too; `make test-long` tries it.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(in_memory())
        if request.param:
            yield stack.enter_context(opened(folder, request.param))
        else:
            yield stack.enter_context(opened_in(stack.enter_context(ray_cluster(2)), folder, fashion))


@pytest.fixture
def watched(pool: Watched) -> Iterator[Watched]:
    """The executor of `pool` with an empty folder, and nothing at work or told."""
    made = Watched(executor=pool.executor, folder=pool.folder)
    yield made
    made.token.cancel()
    wait(made.submitted)
    pool.executor.news()
    for path in pool.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


#: For what does not depend on how many there are.
one = pytest.mark.parametrize("pool", [1], indirect=True, ids=["1 worker"])
two = pytest.mark.parametrize("pool", [2], indirect=True, ids=["2 workers"])


@pytest.fixture(scope="module")
def here(fashion: LabelledImages, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Workshop]:
    """The run of SPEC in this process."""
    shop = Workshop(
        images=fashion,
        runtime=one_thread(detect("cpu", "fp32")),
        weights={},
        folder=tmp_path_factory.mktemp("here"),
    )
    torch.set_num_threads(1)
    return run(SPEC, shop), shop


def test_a_run_there_is_the_run_here_bit_for_bit(watched: Watched, here: tuple[Outcome, Workshop]) -> None:
    outcome, shop = here
    capacity = watched.executor.capacity
    beside = watched.submit(replace(SPEC, seed=7)) if capacity > 1 else None
    ran = watched.end(watched.submit(SPEC))
    assert measured(ran.record) == replace(measured(outcome.record), checkpoint=KEPT)
    assert [point.samples_seen for point in ran.record.history] == [FIRST_POINT, SPEC.rung]
    wanted = artifacts_of(outcome, shop, 0)
    assert ran.arrays.keys() == wanted.keys()
    assert all(np.array_equal(ran.arrays[name], wanted[name]) for name in wanted)
    assert outcome.network is not None
    state = torch.load(watched.folder / "checkpoints" / KEPT, weights_only=True)["state"]
    assert all(torch.equal(state[name], value) for name, value in outcome.network.state_dict().items())
    assert beside is None or watched.end(beside).record.finished


@two
def test_what_is_done_first_is_there_first(watched: Watched) -> None:
    long, quick = watched.submit(LONG), watched.submit(QUICK)
    done, _ = wait([long, quick], return_when=FIRST_COMPLETED)
    assert done == {quick} and quick.result().record.finished
    watched.token.cancel()
    record = long.result(GRACE + 3).record
    assert (record.state, record.reason) == (RunState.INTERRUPTED, Reason.DEADLINE.value)


def test_more_than_fits_waits_for_its_turn(watched: Watched) -> None:
    capacity = watched.executor.capacity
    futures = [watched.submit(replace(QUICK, seed=seed, rung=64)) for seed in range(capacity + 1)]
    while not futures[0].done():
        assert len(watched.executor.pids) <= capacity
        time.sleep(0.05)
    assert all(future.result().record.finished for future in futures)


def test_limit_and_token_end_a_task_in_time(watched: Watched) -> None:
    assert watched.record(replace(QUICK, rung=64)).finished  # a process is up
    began = time.monotonic()
    late = watched.end(watched.submit(LONG, seconds=4)).record
    assert time.monotonic() - began < 4 + GRACE
    assert (late.state, late.reason) == (RunState.INTERRUPTED, Reason.DEADLINE.value)
    assert late.samples_seen > 0
    assert trunk(watched.folder, LONG.run_id).samples_seen() == late.samples_seen
    futures = [watched.submit(replace(LONG, seed=n)) for n in range(8, 8 + watched.executor.capacity)]
    time.sleep(1)
    watched.token.cancel()
    stopped, running = wait(futures, timeout=GRACE + 1)
    assert not running
    assert {future.result().record.state for future in stopped} == {RunState.INTERRUPTED}


def test_a_killed_process_costs_one_attempt(watched: Watched, here: tuple[Outcome, Workshop]) -> None:
    killed: list[int] = []

    def kill_once(pid: int) -> None:
        if not killed:
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    other = watched.submit(replace(QUICK, seed=7)) if watched.executor.capacity > 1 else None
    record = watched.record(SPEC, kill_once)
    assert watched.told("worker_lost") == [watched.loss(signal.SIGKILL)]
    assert killed[0] not in watched.executor.pids
    assert measured(record) == replace(measured(here[0].record), checkpoint=KEPT)
    assert other is None or watched.end(other).record.finished


def test_a_process_killed_twice_is_a_failed_run(watched: Watched) -> None:
    record = watched.record(QUICK, lambda pid: os.kill(pid, signal.SIGKILL))
    losses = watched.told("worker_lost")
    assert (record.state, record.reason) == (RunState.FAILED, losses[0]) and len(losses) == 2
    assert watched.record(replace(QUICK, rung=64)).state is RunState.FINISHED


@one
def test_a_task_without_a_record_is_lost_with_its_process(watched: Watched) -> None:
    task = Baselines(seed=1, train_images=20_000)
    future = watched.executor.submit(task, limit=seconds_left(100), token=watched.token)
    with pytest.raises(Lost, match="ended by SIGKILL"):
        while not future.done():
            for pid in watched.executor.pids:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.3)
        future.result()


@one
def test_a_process_that_is_asked_to_end_leaves_a_checkpoint(
    watched: Watched, here: tuple[Outcome, Workshop]
) -> None:
    ended: list[int] = []

    def end_once(pid: int) -> None:
        if not ended:
            ended.append(pid)
            os.kill(pid, signal.SIGTERM)

    record = watched.record(SPEC, end_once)
    assert watched.told("worker_lost") == ["the training process was ended by SIGTERM"]
    (told,) = watched.told("run_resumed")
    reached = int(told.split("taken up after ")[1].split()[0])
    assert reached >= FIRST_POINT and told.startswith(f"{SPEC.run_id}-c{SPEC.rung}: ")
    assert measured(record) == replace(measured(here[0].record), checkpoint=KEPT)


@two
def test_a_signal_to_the_whole_group_is_no_loss(watched: Watched) -> None:
    def end(pid: int) -> None:
        watched.token.cancel()
        for worker in watched.executor.pids:
            os.kill(worker, signal.SIGTERM)

    other = watched.submit(replace(LONG, seed=6))
    record = watched.record(QUICK, end)
    assert {record.state, watched.end(other).record.state} == {RunState.INTERRUPTED}
    assert watched.told("worker_lost") == []
    watched.token = CancelToken()
    assert watched.record(QUICK).finished and len(watched.told("run_resumed")) == 1


def test_a_stopped_process_is_found_by_its_silence_and_replaced(watched: Watched) -> None:
    frozen: list[int] = []

    def freeze_once(pid: int) -> None:
        if not frozen:
            frozen.append(pid)
            os.kill(pid, signal.SIGSTOP)

    record = watched.record(QUICK, freeze_once)
    assert watched.told("worker_lost") == [f"the training process did not answer for {SILENCE:.0f} s"]
    assert record.state is RunState.FINISHED and not Path(f"/proc/{frozen[0]}").exists()


@one
def test_a_frozen_process_holds_up_neither_limit_nor_stop(watched: Watched) -> None:
    def freeze(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)

    assert watched.record(replace(QUICK, rung=64)).finished  # the process is up
    began = time.monotonic()
    record = watched.end(watched.submit(LONG, seconds=8), freeze).record
    assert time.monotonic() - began < 8 + GRACE + 2
    assert record.state is RunState.INTERRUPTED and record.samples_seen >= 500

    def freeze_and_stop(pid: int) -> None:
        freeze(pid)
        watched.token.cancel()

    record = watched.record(replace(LONG, seed=6), freeze_and_stop)
    assert record.state is RunState.INTERRUPTED and watched.executor.pids == []


@one
def test_what_the_processes_share_has_no_lock(watched: Watched) -> None:
    """One that is killed while it holds a lock keeps it, and whoever asks for it waits for ever."""
    (watcher,) = watched.executor._watchers
    link: Any = watcher.link
    assert not [value for value in (link._stop, link._beat) if hasattr(value, "get_lock")]


@one
def test_what_breaks_inside_is_a_failed_run_and_the_process_lives(watched: Watched) -> None:
    record = watched.record(replace(QUICK, hyper=HyperParams(lr=1e20)))
    assert record.state is RunState.FAILED and record.reason
    pids = watched.executor.pids
    assert watched.record(replace(QUICK, rung=64)).finished and watched.executor.pids == pids


def test_a_disk_that_takes_nothing_is_an_error_of_the_future(watched: Watched) -> None:
    (watched.folder / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=f"cannot write {watched.folder / 'checkpoints'}"):
        watched.end(watched.submit(replace(SPEC, rung=64)))
    assert watched.told("worker_lost") == []


@one
def test_after_a_lack_of_memory_the_next_run_gets_a_new_process(watched: Watched) -> None:
    assert watched.record(replace(QUICK, rung=64)).finished
    (pid,) = watched.executor.pids
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + 2**20
    resource.prlimit(pid, resource.RLIMIT_AS, (most, most))
    vast = replace(QUICK, seed=4, batch_size=20_000, train_images=40_000, rung=40_000)
    record = watched.record(vast)
    assert record.state is RunState.FAILED and "memory" in record.reason.lower(), record.reason
    assert watched.record(replace(QUICK, rung=64)).finished
    assert watched.executor.pids != [pid]
