"""One thing that reads input from outside, and how to count what it makes of hostile input."""

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
    """`attempt` reads one case of `cases`; a refusal is a StudyError, anything else raised is a fault.

    It also raises AssertionError where something was accepted that must not be. Where one case takes
    long, only every `share`-th is tried.
    """

    name: str
    cases: SearchStrategy[Any]
    attempt: Callable[[Any], object]
    share: int = 1


@dataclass(kw_only=True)
class Count:
    """What a target made of its cases. slowest: seconds of one case; told: the first faults."""

    cases: int = 0
    refusals: int = 0
    tracebacks: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    told: list[str] = field(default_factory=list)

    def __add__(self, other: Count) -> Count:
        """Both together, tried at the same time."""
        return Count(
            cases=self.cases + other.cases,
            refusals=self.refusals + other.refusals,
            tracebacks=self.tracebacks + other.tracebacks,
            seconds=max(self.seconds, other.seconds),
            slowest=max(self.slowest, other.slowest),
            told=self.told + other.told,
        )


def quiet(examples: int) -> settings:
    """As many cases, none shrunk or kept on disk."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


def pound(target: Target, examples: int, first_seed: int = 1) -> Count:
    """At least `examples` cases, all tried, whatever comes of them.

    Args:
        first_seed: of the generator; it is raised by one as often as Hypothesis finds no further case.
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
