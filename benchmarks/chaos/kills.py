"""Kills the whole process group of a toy study at random moments and at every boundary."""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.chaos.children import Watched, ended, kill_group, ledger_of, left_of_group
from benchmarks.chaos.cuts import BOUNDARIES

#: Seconds within which a random kill falls, after a start or after the first commit that follows it.
WITHIN = 0.5
#: Share of kills that may fall before a commit, so that some fall into starting and resuming.
EARLY = 0.2


def random_kills(folder: Path, kills: int, seed: int, workers: int = 1) -> dict[str, Any]:
    """Kills studies at random moments, `kills` times in all; each is resumed until it is complete."""
    rng = random.Random(seed)
    tally, committed = Tally(folder, workers), 0
    while tally.killed < kills:
        before = len(ledger_of(tally.study.results))
        process = tally.study.start()
        if rng.random() > EARLY:
            while process.is_alive() and len(ledger_of(tally.study.results)) == before:
                time.sleep(0.01)
        time.sleep(rng.uniform(0, WITHIN))
        kill_group(process)
        code, study = ended(process), tally.study
        tally.count(code, process.pid)
        committed += code == -signal.SIGKILL and len(study.seen) > before
    tally.finish()
    return {
        "name": "SIGKILL of the group at random moments, then resume",
        **tally.row(),
        "within_seconds": WITHIN,
        "after_commits": committed,
    }


def boundary_kills(folder: Path, times: int, seed: int, workers: int = 1) -> dict[str, Any]:
    """Kills studies `times` times at every boundary, in random order and at random calls."""
    rng = random.Random(seed)
    wanted = [boundary for boundary in BOUNDARIES for _ in range(times)]
    rng.shuffle(wanted)
    tally, reached = Tally(folder, workers), dict.fromkeys((b.name for b in BOUNDARIES), 0)
    for boundary in wanted:
        for again in itertools.count():
            before = tally.killed
            process = tally.study.start(boundary.cut(rng.randint(1, max(1, boundary.most - again))))
            tally.count(ended(process), process.pid)
            if tally.killed > before:
                reached[boundary.name] += 1
                break
            if again > 20:
                tally.faults.append(f"{boundary.name}: never reached")
                break
    tally.finish()
    return {
        "name": "SIGKILL at every boundary of a commit, then resume",
        **tally.row(),
        "boundaries": reached,
    }


class Tally:
    """Continues one study until it is complete, then the next, and counts what was wrong.

    An undisturbed study with one worker is run first; every other study must end as it did.
    """

    def __init__(self, folder: Path, workers: int = 1) -> None:
        self._folders = self._new(folder, workers)
        self.killed = self.studies = self.repairs = 0
        self.faults: list[str] = []
        self.study = Watched(folder / "unbroken")
        if ended(self.study.start()):
            raise RuntimeError(self.study.said)
        self.faults += self.study.faults(complete=True)
        self._unbroken = self.study.outcome()
        self.study = next(self._folders)

    def count(self, code: int, group: int | None = None) -> None:
        """Checks what a start of the study left.

        Args:
            code: its exit code.
            group: its process group, of which no process may be left; None skips this check.
        """
        if group is not None:
            self.faults += [f"process {pid} was left behind" for pid in left_of_group(group)]
        if code == -signal.SIGKILL:
            self.killed += 1
            self.faults += self.study.faults()
        elif code:
            self.repairs += 1
            self.faults.append(f"exit {code}: {self.study.said[-300:]}")
            self.study = next(self._folders)
        else:
            self._complete()

    def finish(self) -> None:
        """Resumes the last study to its end."""
        self.count(ended(self.study.start()))

    def row(self) -> dict[str, Any]:
        words = ("lost", "changed", "not what", "made twice")
        return {
            "tried": self.killed,
            "studies": self.studies,
            "repairs": self.repairs,
            "lost_or_doubled": sum(fault.startswith(words) for fault in self.faults),
            "faults": self.faults,
        }

    def _complete(self) -> None:
        self.studies += 1
        self.faults += self.study.faults(complete=True)
        if self.study.outcome() != self._unbroken:
            self.faults.append("ended otherwise than an unbroken study")
        self.study = next(self._folders)

    @staticmethod
    def _new(folder: Path, workers: int) -> Iterator[Watched]:
        """Yields studies in new folders and removes the folder before the previous one."""
        for number in itertools.count():
            shutil.rmtree(folder / f"{number - 2}", ignore_errors=True)
            yield Watched(folder / f"{number}", workers)
