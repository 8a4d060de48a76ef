"""Ready work goes out by rank and capacity, one unit of a chain after another; a full disk ends it all."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from study.budget import Deadline
from study.errors import StoreError
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.executors.protocol import Lost, Noted, Shown
from study.orchestration.scheduler import RUNNING, Chain, Scheduler, Unit
from study.orchestration.signals import CancelToken
from study.orchestration.status import status
from study.records import EvaluationPoint
from study.store.ledger import Ledger
from study.store.lock import StudyLock


@dataclass(frozen=True)
class Piece:
    """A task that does what it is told to."""

    label: str
    work: Callable[[], Any]


class Threads:
    """An executor of pieces on threads; knows how many were at work at once."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.at_work, self.most = capacity, 0, 0
        self.told: list[Noted | Shown] = []
        self._pool, self._lock = ThreadPoolExecutor(capacity), threading.Lock()

    def submit(self, task: Any, *, limit: Deadline, token: CancelToken) -> Future[Any]:
        return self._pool.submit(self._carry_out, task)

    def _carry_out(self, task: Piece) -> Any:
        with self._lock:
            self.at_work += 1
            self.most = max(self.most, self.at_work)
        try:
            return task.work()
        finally:
            with self._lock:
                self.at_work -= 1

    def news(self) -> list[Noted | Shown]:
        found, self.told = self.told, []
        return found

    def close(self) -> None:
        self._pool.shutdown()


@dataclass
class Bench:
    scheduler: Scheduler
    executor: Threads
    ledger: Ledger
    limit: Deadline
    done: list[tuple[str, Any]] = field(default_factory=list)

    def unit(self, name: str, work: Callable[[], Any] = lambda: None, **rest: Any) -> Unit:
        return Unit(
            task=Piece(name, work),
            limit=self.limit,  # type: ignore[arg-type]
            finish=lambda result: self.done.append((name, result)),
            **rest,
        )

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.done]

    @property
    def running(self) -> list[str]:
        return [item["name"] for item in self.ledger.fact(RUNNING) or ()]


@pytest.fixture(params=[2])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    ledger, executor = Ledger(tmp_path / "ledger.sqlite"), Threads(request.param)
    deadline = Deadline(budget=600, started=time.monotonic())
    clock = StudyClock(ledger=ledger, deadline=deadline, reserve=0, work=deadline)
    scheduler = Scheduler(
        executor=executor, ledger=ledger, clock=clock, console=Console(deadline), token=CancelToken()
    )
    yield Bench(scheduler, executor, ledger, deadline)
    executor.close()
    ledger.close()


alone = pytest.mark.parametrize("bench", [1], indirect=True)


def pause(seconds: float = 0.1) -> None:
    time.sleep(seconds)


def test_a_unit_is_asked_for_when_the_one_before_it_is_finished(bench: Bench) -> None:
    asked: list[tuple[str, list[str]]] = []

    def chain(name: str) -> Iterator[Unit]:
        for number in range(3):
            asked.append((f"{name}{number}", bench.names))
            yield bench.unit(f"{name}{number}", pause)

    bench.scheduler.run([chain("a"), chain("b")])
    for name in "ab":
        assert [known for known in bench.names if known[0] == name] == [f"{name}{n}" for n in range(3)]
        assert all(
            f"{name}{n}" in before
            for which, before in asked
            for n in range(int(which[1]))
            if which[0] == name
        )
    assert bench.executor.most == 2


@alone
def test_the_smallest_rank_goes_first(bench: Bench) -> None:
    chains: list[Chain] = [iter([bench.unit(str(rank), rank=(rank,))]) for rank in (3.0, 1.0, 2.0)]
    bench.scheduler.run(chains)
    assert bench.names == ["1.0", "2.0", "3.0"]


@pytest.mark.parametrize("bench", [1, 2, 3], indirect=True)
def test_a_unit_of_two_slots_has_two_workers_for_itself(bench: Bench) -> None:
    beside: list[int] = []

    def wide() -> None:
        for _ in range(10):
            pause(0.02)
            beside.append(bench.executor.at_work)

    chains: list[Chain] = [iter([bench.unit(f"before{n}", pause, rank=(0.0,))]) for n in range(3)]
    chains.append(iter([bench.unit("wide", wide, slots=2, rank=(1.0,))]))
    chains += [iter([bench.unit(f"after{n}", pause, rank=(2.0,))]) for n in range(3)]
    bench.scheduler.run(chains)
    capacity = bench.executor.capacity
    assert len(bench.done) == 7 and bench.executor.most <= capacity
    assert max(beside) == max(1, capacity - 1)


def test_what_is_done_first_is_finished_first(bench: Bench) -> None:
    bench.scheduler.run([iter([bench.unit("long", lambda: pause(1))]), iter([bench.unit("short")])])
    assert bench.names == ["short", "long"]


def test_a_worker_with_nothing_to_do_asks_for_more_while_others_work(bench: Bench) -> None:
    asked: list[list[str]] = []
    begun = threading.Event()

    def more() -> list[Chain]:
        asked.append(bench.names)
        return [iter([bench.unit("further", begun.set)])] if len(asked) == 1 else []

    bench.scheduler.run(
        [
            iter([bench.unit("long", lambda: begun.wait(30))]),
            iter([bench.unit("short"), bench.unit("shorter")]),
        ],
        more,
    )
    assert bench.names[:2] == ["short", "shorter"] and set(bench.names[2:]) == {"further", "long"}
    assert asked[0] == ["short", "shorter"], "not while both workers had something to do"
    assert len(asked) <= 3, "once, and once more whenever something was done"


def test_what_is_offered_and_has_nothing_to_do_is_not_asked_for_without_end(bench: Bench) -> None:
    """A loop that only asks would never look at what is done."""
    asked: list[int] = []

    def more() -> list[Chain]:
        asked.append(len(asked))
        assert len(asked) < 100
        return [iter(())]

    bench.scheduler.run([iter([bench.unit("a", pause), bench.unit("b", pause)])], more)
    assert bench.names == ["a", "b"] and len(asked) == 2, "once for each that was at work alone"


@alone
def test_no_more_is_asked_for_where_no_worker_is_idle(bench: Bench) -> None:
    def more() -> list[Chain]:
        raise AssertionError("nobody was idle")

    bench.scheduler.run([iter([bench.unit("a", pause), bench.unit("b")])], more)
    assert bench.names == ["a", "b"]


@alone
def test_a_unit_is_admitted_when_it_is_handed_out_and_refused_with_what_follows(bench: Bench) -> None:
    seen: list[tuple[str, list[str]]] = []

    def admit(name: str, answer: bool) -> Callable[[], bool]:
        def asked() -> bool:
            seen.append((name, bench.names))
            return answer

        return asked

    def chain(name: str, *answers: bool) -> Iterator[Unit]:
        for number, answer in enumerate(answers):
            each = f"{name}{number}"
            yield bench.unit(each, pause, admit=admit(each, answer), rank=(float(number),))

    bench.scheduler.run([chain("a", True, False, True), chain("b", True, True)])
    assert bench.names == ["a0", "b0", "b1"]
    assert [name for name, _ in seen] == ["a0", "b0", "a1", "b1"]
    assert dict(seen)["b0"] == ["a0"], "after the one before it, not when the chains were handed in"


@pytest.mark.parametrize("where", ["task", "finish"])
def test_a_full_disk_ends_the_scheduler(bench: Bench, where: str) -> None:
    release = threading.Event()

    def refuse(*_: Any) -> None:
        raise StoreError("cannot write x: no space left on device")

    unit = bench.unit("broken", refuse if where == "task" else lambda: None)
    if where == "finish":
        unit.finish = refuse
    chains: list[Chain] = [
        iter([unit, bench.unit("never")]),
        iter([bench.unit("beside", release.wait), bench.unit("never")]),
    ]
    with pytest.raises(StoreError, match="no space left"):
        bench.scheduler.run(chains)
    assert bench.running == ["beside"], "what was at work is told as cut off"
    assert bench.names == []
    release.set()


def test_a_stop_ends_what_is_at_work_and_begins_nothing(bench: Bench) -> None:
    token = bench.scheduler.token

    def until_asked() -> str:
        while not token.asked:
            pause(0.01)
        return "interrupted"

    def stop() -> str:
        token.cancel()
        return "interrupted"

    chains: list[Chain] = [
        iter([bench.unit("a", until_asked), bench.unit("never")]),
        iter([bench.unit("b", stop), bench.unit("never")]),
        iter([bench.unit("never")]),
    ]
    bench.scheduler.run(chains)
    assert sorted(bench.done) == [("a", "interrupted"), ("b", "interrupted")]
    assert bench.running == []


def test_a_lost_task_is_told_and_costs_itself(bench: Bench) -> None:
    def lost() -> None:
        raise Lost("the training process was ended by SIGKILL")

    bench.scheduler.run([iter([bench.unit("gone", lost)]), iter([bench.unit("there")])])
    assert dict(bench.done) == {"gone": None, "there": None}
    (event,) = bench.ledger.events()
    assert (event["kind"], event["detail"]) == (
        "task_lost",
        "gone: the training process was ended by SIGKILL",
    )


def test_events_of_workers_come_into_the_ledger(bench: Bench) -> None:
    bench.executor.told = [
        Noted(kind="worker_lost", detail="it was ended", model="vgg11"),
        Shown(worker=0, label="a", point=None),
    ]
    bench.scheduler.run([iter([bench.unit("a", pause)])])
    assert [(e["kind"], e["model"]) for e in bench.ledger.events()] == [("worker_lost", "vgg11")]


def test_status_tells_what_is_at_work(bench: Bench, tmp_path: Path) -> None:
    told: list[list[str]] = []

    seen = threading.Event()

    def look() -> None:
        until = time.monotonic() + 30
        while not told and time.monotonic() < until:
            found = [line for line in status(tmp_path) if line.startswith("now: ")]
            told.extend([found] if len(found) == 2 else [])
        seen.set()

    with StudyLock(tmp_path):
        bench.scheduler.run([iter([bench.unit("one", look)]), iter([bench.unit("two", seen.wait)])])
    ((first, second),) = told
    assert first.startswith("now: one, since ") and second.startswith("now: two, since ")
    assert all(line.split()[-2] == "for" for line in (first, second))
    assert not any(line.startswith("now: ") for line in status(tmp_path))


def test_what_a_killed_study_had_at_work_is_told_as_cut_off(bench: Bench, tmp_path: Path) -> None:
    bench.ledger.set_fact(RUNNING, [{"name": "vgg11 @ 4,000", "since": time.time() - 3_600}])
    (line,) = (line for line in status(tmp_path) if line.startswith("now: "))
    assert line.startswith("now: vgg11 @ 4,000, since ") and line.endswith(", cut off")


def test_the_seconds_used_are_noted_while_tasks_are_at_work(bench: Bench) -> None:
    clock = bench.scheduler.clock
    clock.note_used(every=0.0)
    before = bench.ledger.fact("used_seconds")
    bench.scheduler.run([iter([bench.unit("a", lambda: pause(0.2))])])
    assert bench.ledger.fact("used_seconds") >= before + 0.2


def test_points_of_what_is_running_are_kept_for_those_who_watch(bench: Bench) -> None:
    seen: list[Any] = []
    told = threading.Event()

    def work() -> None:
        told.wait(10)

    def look() -> None:
        entries = bench.ledger.fact(RUNNING)
        if entries and entries[0]["points"]:
            seen.append(entries[0]["points"])
            told.set()
        elif not bench.executor.told:
            points = [(64, math.nan, None), (128, 1.5, 0.25)]
            bench.executor.told = [
                Shown(
                    worker=0,
                    label="a",
                    point=EvaluationPoint(
                        samples_seen=samples, seconds=1.0, train_loss=loss, val_accuracy=accuracy
                    ),
                )
                for samples, loss, accuracy in points
            ]

    bench.scheduler.on_tick.append(look)
    bench.scheduler.run([iter([bench.unit("a", work)])])
    assert seen[0][:2] == [[64, None, None], [128, 1.5, 0.25]]
    assert bench.running == []
