"""One link of the chain from the runs to the report, and the verdict over all links of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from study.errors import StudyError, one_line


class Outcome(Enum):
    """What came of a check."""

    HOLDS = "holds"
    BROKEN = "does not hold"
    UNCHECKED = "not checked"


@dataclass(frozen=True, kw_only=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: what was checked, in a word or two.
        outcome: whether it holds.
        told: what was found, or the reason why nothing was checked.
    """

    name: str
    outcome: Outcome
    told: str


def holds(name: str, told: str) -> Check:
    return Check(name=name, outcome=Outcome.HOLDS, told=told)


def broken(name: str, told: str) -> Check:
    return Check(name=name, outcome=Outcome.BROKEN, told=told)


def unchecked(name: str, told: str) -> Check:
    return Check(name=name, outcome=Outcome.UNCHECKED, told=told)


def carried_out(name: str, check: Callable[[], Check]) -> Check:
    """Carries out a check; one that ends with an error of a file has not checked anything."""
    try:
        return check()
    except (StudyError, OSError) as error:
        return unchecked(name, one_line(str(error)))


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What was found of one study.

    Attributes:
        folder: as it was named.
        checks: in the order of the chain.
        copy_of: folder of a study of the same runs; None if there is none.
    """

    folder: Path
    checks: tuple[Check, ...]
    copy_of: Path | None = None

    @property
    def valid(self) -> bool:
        """Whether every check was carried out and holds, and the study is nobody else's."""
        return self.copy_of is None and all(check.outcome is Outcome.HOLDS for check in self.checks)

    def line(self) -> str:
        """Returns one line: the verdict, and each check that does not hold or was not carried out."""
        if self.valid:
            return f"{self.folder}: valid ({'; '.join(_told(self.checks))})"
        wrong = [check for check in self.checks if check.outcome is not Outcome.HOLDS]
        told = [f"{check.name} – {check.outcome.value}: {check.told}" for check in wrong]
        if self.copy_of is not None:
            told.insert(0, f"its runs are those of {self.copy_of}, to the last digit of their times")
        return f"{self.folder}: NOT VALID: {'; '.join(told)}"


def _told(checks: Iterable[Check]) -> list[str]:
    return [f"{check.name}: {check.told}" for check in checks]
