"""Kills a toy study's whole process group before or after the n-th call of a function.

The functions are wrapped in the child process alone; the product knows nothing of it.
"""

from __future__ import annotations

import functools
import importlib
import os
import signal
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A call at which the process group gets SIGKILL.

    Attributes:
        target: the function, as ``module:name`` or ``module:Class.name``.
        after: whether the kill comes after the call or before it.
        nth: number of the call, counted in each process.
    """

    target: str
    after: bool
    nth: int


@dataclass(frozen=True, kw_only=True)
class Boundary:
    """A step in the life of a run at which the study is cut.

    Attributes:
        name: description of the step.
        target: the function, as in `Cut`.
        after: whether the cut comes after the call or before it.
        most: highest number of the call; later calls come too late for a resume.
    """

    name: str
    target: str
    after: bool
    most: int = 3

    def cut(self, nth: int) -> Cut:
        return Cut(target=self.target, after=self.after, nth=nth)


_TRUNK = "study.training.checkpoint:Checkpoints"
_ARRAYS = "study.orchestration.run_lifecycle:write_arrays"
#: The boundaries in the order in which a run reaches them.
BOUNDARIES = (
    Boundary(name="before the question", target="study.tuning.search:Search.ask", after=False),
    Boundary(name="ladder in the queue", target="optuna.study:Study.enqueue_trial", after=True, most=3),
    Boundary(name="after the question", target="study.tuning.search:Search.ask", after=True),
    Boundary(name="run begun", target="benchmarks.chaos.toy:Quick.submit", after=False),
    Boundary(name="before the trunk is kept", target=f"{_TRUNK}.save", after=False),
    Boundary(name="trunk kept, not judged", target=f"{_TRUNK}.save", after=True),
    Boundary(name="before the arrays", target=_ARRAYS, after=False),
    Boundary(name="arrays to ledger", target=_ARRAYS, after=True),
    Boundary(name="before the ledger", target="study.store.ledger:Ledger.commit", after=False),
    Boundary(name="ledger to Optuna", target="study.store.ledger:Ledger.commit", after=True),
    Boundary(name="before Optuna is told", target="study.tuning.search:Search.tell", after=False),
    Boundary(name="Optuna half told", target="optuna.trial:Trial.set_user_attr", after=True),
    Boundary(name="Optuna to checkpoints", target="study.tuning.search:Search.tell", after=True),
    Boundary(name="before checkpoints go", target=f"{_TRUNK}.remove", after=False, most=6),
    Boundary(name="checkpoint gone, not its hash", target="pathlib:Path.unlink", after=True, most=4),
    Boundary(name="checkpoints to plan", target=f"{_TRUNK}.remove", after=True, most=6),
    Boundary(
        name="before the plan's row", target="study.orchestration.plan_state:PlanState.save", after=False
    ),
    Boundary(name="plan to tables", target="study.orchestration.plan_state:PlanState.save", after=True),
    Boundary(name="between two tables", target="study.store.tables:write_text", after=True, most=8),
    Boundary(name="file written, not renamed", target="os:replace", after=False, most=12),
    Boundary(name="file renamed", target="os:replace", after=True, most=12),
    Boundary(
        name="before all predictions", target="benchmarks.chaos.toy:write_predictions", after=False, most=1
    ),
)


def install(cut: Cut) -> None:
    """Wraps the function in this process; workers that are forked from it inherit the count."""
    module, _, path = cut.target.partition(":")
    owner: Any = importlib.import_module(module)
    *owners, name = path.split(".")
    for part in owners:
        owner = getattr(owner, part)
    whole, calls = getattr(owner, name), 0

    @functools.wraps(whole)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == cut.nth and not cut.after:
            die()
        result = whole(*arguments, **named)
        if calls == cut.nth and cut.after:
            die()
        return result

    setattr(owner, name, wrapped)


def die() -> None:
    """Kills this process and its whole group."""
    os.killpg(os.getpgrp(), signal.SIGKILL)
    signal.pause()
