"""Hands ready work out to workers by capacity, and waits for the first that completes."""

from __future__ import annotations

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
from study.store.ledger import Ledger

#: Fact of the ledger: what is at work, for `status` and for what was cut off.
RUNNING = "running"
#: Seconds between two looks at what happens beside the results.
_TICK = 0.25


@dataclass(kw_only=True)
class Unit:
    """One task of a chain.

    Attributes:
        limit: when it has to have ended.
        finish: takes the result; None where the task's process was lost for good.
        admit: asked right before the task is handed out; False passes the unit, and the rest of its
            chain, over.
        slots: workers that it takes, as a champion with several threads does.
        rank: what goes first among ready units, the smallest.
    """

    task: Task
    limit: Deadline
    finish: Callable[[Any], None]
    admit: Callable[[], bool] = lambda: True
    slots: int = 1
    rank: tuple[float, ...] = ()
    since: float = field(default=0.0)


#: Units of which each needs the one before: the next is asked for when the last is finished.
Chain: TypeAlias = Iterator[Unit]


@dataclass(kw_only=True)
class Scheduler:
    """Runs chains side by side. Everything but the tasks themselves happens in the calling thread."""

    executor: Executor
    ledger: Ledger
    clock: StudyClock
    console: Console
    token: CancelToken
    on_tick: list[Callable[[], None]] = field(default_factory=list)

    def run(self, chains: Iterable[Chain]) -> None:
        """Carry the chains out; returns when all have ended, or their rest was passed over.

        Raises:
            StoreError: the results directory does not take what a task leaves.
        """
        waiting: list[tuple[Unit, Chain]] = []
        flying: dict[Future[Any], tuple[Unit, Chain]] = {}
        for chain in chains:
            self._ask(chain, waiting)
        try:
            while waiting or flying:
                self._hand_out(waiting, flying)
                if not flying:
                    continue
                done, _ = wait(flying, timeout=_TICK, return_when=FIRST_COMPLETED)
                self._look_around(flying)
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
            taken = sum(min(other.slots, capacity) for other, _ in flying.values())
            if taken + min(unit.slots, capacity) > capacity:
                return  # nothing overtakes it: a unit of several slots would wait for ever
            waiting.remove(pair)
            if self.token.asked or not unit.admit():
                continue
            unit.since = self.clock.deadline.clock()
            future = self.executor.submit(unit.task, limit=unit.limit, token=self.token)
            flying[future] = pair
            self._note(flying)

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
            else:
                self.console.show(item.worker, item.label, item.point)
        self.clock.note_used()
        for look in self.on_tick:
            look()

    def _note(self, flying: dict[Future[Any], tuple[Unit, Chain]]) -> None:
        now, here = time.time(), self.clock.deadline.clock()
        self.ledger.set_fact(RUNNING, [
            {"name": unit.task.label, "since": now - (here - unit.since)} for unit, _ in flying.values()
        ])  # fmt: skip
