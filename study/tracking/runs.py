"""Finds the finished evaluations in a ledger that another program does not have yet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from study.records import RunRecord
from study.spec import Purpose
from study.store.ledger import Ledger

#: Identifies an evaluation: run_id and rung.
Key = tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """A finished evaluation.

    Attributes:
        record: as the ledger has it.
        lower: the finished evaluations of the same run at lower rungs, the lowest first.
        committed: when the ledger stored the record, in seconds since 1970.
        newest_champion: whether it is the champion that was committed last; the study keeps its network.
    """

    record: RunRecord
    lower: tuple[RunRecord, ...]
    committed: float
    newest_champion: bool = False

    @property
    def key(self) -> Key:
        return self.record.spec.key

    @property
    def began(self) -> float:
        """When the evaluation would have begun without a break, in seconds since 1970."""
        return self.committed - self.record.wall_seconds


def finished_runs(ledger: Ledger, known: Callable[[Key], bool]) -> Iterator[TrackedRun]:
    """Yields the finished evaluations that are not known, in the order of their first commit.

    Args:
        ledger: of the study; only the rows that are needed are parsed.
        known: whether the other program has an evaluation.

    Raises:
        StoreError: a row is damaged.
    """
    commits = ledger.finished()
    rungs: dict[str, list[int]] = {}
    for commit in commits:
        rungs.setdefault(commit.run_id, []).append(commit.rung)
    champions = [commit.key for commit in commits if commit.purpose == Purpose.CHAMPION.value]
    for commit in commits:
        if known(commit.key) or (record := ledger.record(*commit.key)) is None:
            continue
        below = sorted(rung for rung in rungs[commit.run_id] if rung < commit.rung)
        lower = (ledger.record(commit.run_id, rung) for rung in below)
        yield TrackedRun(
            record=record,
            lower=tuple(other for other in lower if other is not None),
            committed=commit.at,
            newest_champion=commit.key in champions[-1:],
        )


def study_id(ledger: Ledger) -> str | None:
    """Returns what tells this study from all others, or None before its first phase."""
    facts = ledger.fact("environment")
    if facts is None:
        return None
    begun = f"{facts.get('preregistration')} {facts.get('started')}"
    return hashlib.sha256(begun.encode()).hexdigest()[:12]
