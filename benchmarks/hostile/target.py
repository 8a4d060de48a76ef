"""Defines a target, which reads input from outside, and counts what it makes of hostile input."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from study.errors import StudyError


@dataclass(frozen=True, kw_only=True)
class Target:
    """Something that reads input from outside.

    Attributes:
        name: name in the table.
        cases: strategy of the cases.
        attempt: reads a case. A StudyError is a refusal, and anything else that it raises is a fault; it
            raises AssertionError if something was accepted that must not be.
        share: only every so many-th case is tried, if one takes long.
    """

    name: str
    cases: SearchStrategy[Any]
    attempt: Callable[[Any], object]
    share: int = 1


@dataclass(kw_only=True)
class Count:
    """What a target made of its cases.

    Attributes:
        cases: number of cases.
        refusals: number of refusals.
        tracebacks: number of faults.
        seconds: time of all cases.
        slowest: time of the slowest case in seconds.
        told: cases and tracebacks of the first faults.
    """

    cases: int = 0
    refusals: int = 0
    tracebacks: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    told: list[str] = field(default_factory=list)

    def __add__(self, other: Count) -> Count:
        """Returns the counts of two processes that ran at the same time."""
        return Count(
            cases=self.cases + other.cases,
            refusals=self.refusals + other.refusals,
            tracebacks=self.tracebacks + other.tracebacks,
            seconds=max(self.seconds, other.seconds),
            slowest=max(self.slowest, other.slowest),
            told=self.told + other.told,
        )


def quiet(examples: int) -> settings:
    """Returns settings for `examples` cases, which are neither shrunk nor stored."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


def pound(target: Target, examples: int, first_seed: int = 1) -> Count:
    """Tries at least `examples` cases and counts what comes of them.

    Args:
        target: the target.
        examples: number of cases.
        first_seed: seed of the generator; it is raised by one whenever Hypothesis finds no further case.
    """
    count = Count()

    def one(case: Any) -> None:
        began = time.perf_counter()
        try:
            target.attempt(case)
        except StudyError:
            count.refusals += 1
        except Exception:
            count.tracebacks += 1
            if len(count.told) < 5:
                count.told.append(f"{repr(case)[:600]}\n{traceback.format_exc()}")
        count.cases += 1
        count.slowest = max(count.slowest, time.perf_counter() - began)

    began, number = time.perf_counter(), first_seed
    while count.cases < examples:
        seed(number)(quiet(examples - count.cases)(given(target.cases)(one)))()
        number += 1
    count.seconds = time.perf_counter() - began
    return count
