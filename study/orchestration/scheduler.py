"""Submits ready tasks to the executor up to its capacity and handles them in order of completion."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from study.budget import Deadline
from study.orchestration.clock import StudyClock
from study.orchestration.console import Console
from study.orchestration.executors.protocol import Executor, Lost, Noted, Task
from study.orchestration.signals import CancelToken
from study.records import EvaluationPoint
from study.store.ledger import RUNNING, Ledger

#: Least seconds between two writes of the fact for the sake of new points alone.
_BETWEEN_POINTS = 1.0
#: Points of a curve that are kept for those who watch; of more, every second one is dropped.
_MOST_POINTS = 400
#: Seconds between two calls of `Executor.news` while no task completes.
_TICK = 0.25


@dataclass(kw_only=True)
class Unit:
    """One task of a chain, with what decides when it starts and what happens with its result.

    Attributes:
        task: the work itself.
        limit: deadline of the task.
        finish: receives the result, or None if the task was lost for good.
        admit: is called right before the task is submitted; if it returns False, this unit and the rest
            of its chain are dropped.
        slots: number of workers that the task occupies; a champion with several threads needs several.
        rank: sort key among ready units; the smallest goes first.
        since: time of submission on the study's clock, in seconds.
    """

    task: Task
    limit: Deadline
    finish: Callable[[Any], None]
    admit: Callable[[], bool] = lambda: True
    slots: int = 1
    rank: tuple[float, ...] = ()
    since: float = field(default=0.0)


#: Units that depend on one another: the next one is requested when the previous one has finished.
Chain: TypeAlias = Iterator[Unit]


@dataclass(kw_only=True)
class Scheduler:
    """Runs chains of tasks in parallel. All callbacks run in the calling thread."""

    executor: Executor
    ledger: Ledger
    clock: StudyClock
    console: Console
    token: CancelToken
    on_tick: list[Callable[[], None]] = field(default_factory=list)
    #: Points of the curves of running tasks by label; when the fact was written, and with how many.
    _points: dict[str, list[EvaluationPoint]] = field(default_factory=dict, init=False)
    _noted: float = field(default=0.0, init=False)
    _written: int = field(default=0, init=False)

    def run(self, chains: Iterable[Chain], more: Callable[[], list[Chain]] = lambda: []) -> None:
        """Runs the chains and returns when all of them have ended or were dropped.

        Args:
            chains: the work to do.
            more: is called for further chains when a worker is idle while others still work; it must not
                return work that is running. If it has nothing to do, it is called again after the next
                completion.

        Raises:
            StoreError: a result cannot be written to the results directory.
        """
        waiting: list[tuple[Unit, Chain]] = []
        flying: dict[Future[Any], tuple[Unit, Chain]] = {}
        for chain in chains:
            self._ask(chain, waiting)
        asked = False
        try:
            while waiting or flying:
                self._hand_out(waiting, flying)
                if not flying:
                    continue
                idle = self._taken(flying) < self.executor.capacity
                if idle and not (asked or waiting or self.token.asked):
                    for chain in more():
                        self._ask(chain, waiting)
                    asked = not waiting
                    continue
                done, _ = wait(flying, timeout=_TICK, return_when=FIRST_COMPLETED)
                self._look_around(flying)
                asked = asked and not done
                for future in done:
                    unit, chain = flying.pop(future)
                    self._note(flying)
                    self._finish(unit, future)
                    self._ask(chain, waiting)
        finally:
            if not flying:
                self._note({})

    def _hand_out(
        self, waiting: list[tuple[Unit, Chain]], flying: dict[Future[Any], tuple[Unit, Chain]]
    ) -> None:
        waiting.sort(key=lambda pair: pair[0].rank)
        capacity = self.executor.capacity
        for pair in tuple(waiting):
            unit, _ = pair
            if self._taken(flying) + min(unit.slots, capacity) > capacity:
                return  # if others could overtake, a unit of several slots might never start
            waiting.remove(pair)
            if self.token.asked or not unit.admit():
                continue
            unit.since = self.clock.deadline.clock()
            future = self.executor.submit(unit.task, limit=unit.limit, token=self.token)
            flying[future] = pair
            self._note(flying)

    def _taken(self, flying: dict[Future[Any], tuple[Unit, Chain]]) -> int:
        """Returns the number of occupied workers."""
        return sum(min(unit.slots, self.executor.capacity) for unit, _ in flying.values())

    def _finish(self, unit: Unit, future: Future[Any]) -> None:
        try:
            result = future.result()
        except Lost as loss:
            if not self.token.asked:
                self.ledger.add_event("task_lost", f"{unit.task.label}: {loss}")
                self.console.say(f"{unit.task.label}: {loss}")
            result = None
        unit.finish(result)
        self.clock.note_used(every=0.0)

    @staticmethod
    def _ask(chain: Chain, waiting: list[tuple[Unit, Chain]]) -> None:
        unit = next(chain, None)
        if unit is not None:
            waiting.append((unit, chain))

    def _look_around(self, flying: dict[Future[Any], tuple[Unit, Chain]]) -> None:
        for item in self.executor.news():
            if isinstance(item, Noted):
                self.ledger.add_event(item.kind, item.detail, item.model)
                if item.kind != "run_resumed":
                    self.console.say(item.detail)
                continue
            self.console.show(item.worker, item.label, item.point)
            if item.point is not None:
                points = self._points.setdefault(item.label, [])
                points.append(item.point)
                if len(points) > _MOST_POINTS:
                    del points[1:-1:2]
        known = sum(map(len, self._points.values()))
        if known != self._written and time.monotonic() - self._noted >= _BETWEEN_POINTS:
            self._note(flying)
        self.clock.note_used()
        for look in self.on_tick:
            look()

    def _note(self, flying: dict[Future[Any], tuple[Unit, Chain]]) -> None:
        now, here = time.time(), self.clock.deadline.clock()
        labels = {unit.task.label for unit, _ in flying.values()}
        self._points = {label: points for label, points in self._points.items() if label in labels}
        self._written, self._noted = sum(map(len, self._points.values())), time.monotonic()
        self.ledger.set_fact(
            RUNNING,
            [
                {
                    "name": unit.task.label,
                    "since": now - (here - unit.since),
                    "points": [
                        [point.samples_seen, *map(_finite, (point.train_loss, point.val_accuracy))]
                        for point in self._points.get(unit.task.label, ())
                    ],
                }
                for unit, _ in flying.values()
            ],
        )


def _finite(value: float | None) -> float | None:
    """Returns the value, or None for the loss of a training that has diverged."""
    return value if value is not None and math.isfinite(value) else None
