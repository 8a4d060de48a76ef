"""Carries runs out in this process, one after the other."""

from __future__ import annotations

from collections.abc import Callable

from study.records import EvaluationPoint
from study.spec import RunSpec
from study.training.run import Outcome, Workshop, run


class LocalExecutor:
    """submit a RunSpec, get its outcome; capacity 1."""

    capacity = 1

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop

    def submit(
        self,
        spec: RunSpec,
        *,
        stop: Callable[[], bool],
        on_evaluation: Callable[[EvaluationPoint], None],
    ) -> Outcome:
        return run(spec, self._shop, stop=stop, on_evaluation=on_evaluation)
