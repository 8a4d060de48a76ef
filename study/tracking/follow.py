"""Follows the ledger of a study and hands each finished evaluation to other programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Protocol

from study.errors import StoreError, TrackingError
from study.store.ledger import LEDGER, Ledger

#: Seconds between two looks at the ledger, and until a program that failed is tried again.
POLL, RETRY = 5.0, 30.0


class Sink(Protocol):
    """A program that shows studies.

    Attributes:
        name: of the program, for people.
        place: where it keeps what it is given, without secrets.
        added: number of evaluations that it got from this process.
    """

    name: str
    place: str
    added: int

    def update(self, ledger: Ledger, *, ended: bool) -> None:
        """Hands over what the program does not have yet; a second call adds nothing twice.

        Args:
            ledger: of the study, opened for reading.
            ended: whether the study has ended, so that its report is there.

        Raises:
            TrackingError: the program cannot be reached or refuses what it is given.
            StoreError: the ledger cannot be read.
        """


class _Followed:
    """A sink with its last failure, so that a lasting one is told once and seldom tried again."""

    def __init__(self, sink: Sink, say: Callable[[str], None]) -> None:
        self.sink, self.failure = sink, ""
        self._say, self._next = say, 0.0

    def update(self, folder: Path, *, ended: bool) -> None:
        if not ended and time.monotonic() < self._next:
            return
        before, self.failure = self.failure, ""
        try:
            with closing(Ledger(folder / LEDGER, read_only=True)) as ledger:
                self.sink.update(ledger, ended=ended)
        except (StoreError, TrackingError) as error:
            self.failure, self._next = str(error), time.monotonic() + RETRY
        if ended or self.failure == before:
            return
        self._say(self.failure or f"{self.sink.name} answers again")


def has_runs(folder: Path) -> bool:
    """Whether the ledger of a study has a finished evaluation; one that cannot be read has none."""
    with suppress(StoreError), closing(Ledger(folder / LEDGER, read_only=True)) as ledger:
        return bool(ledger.finished())
    return False


def follow(
    folder: Path,
    sinks: Iterable[Sink],
    *,
    going: Callable[[], bool],
    wait: Callable[[float], object],
    say: Callable[[str], None],
) -> list[str]:
    """Hands over what the ledger has and, while the study is going, what it gets.

    A failure is told once and the program is tried again later; the others are served meanwhile.

    Args:
        folder: the results directory.
        sinks: the programs.
        going: whether the study may still commit runs.
        wait: waits for so many seconds, less if the study ends meanwhile.
        say: prints a line.

    Returns:
        Why programs lack something at the end.
    """
    followed = [_Followed(sink, say) for sink in sinks]
    while True:
        ended = not going()
        for each in followed:
            each.update(folder, ended=ended)
        if ended:
            return [each.failure for each in followed if each.failure]
        wait(POLL)
