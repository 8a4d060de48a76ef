"""Parses the wall-clock budget and keeps a deadline that survives a restart."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from study.errors import UsageError

#: A study gets this budget if neither a flag nor its ledger names one.
DEFAULT_BUDGET = "2h"
MIN_SECONDS = 60.0
MAX_SECONDS = 14 * 24 * 3600.0

#: Seconds of each unit and the words for it, in English and Russian, from the largest to the smallest.
_UNITS = (
    (86_400.0, "d day days д дн день дня дней сут сутки суток"),
    (3_600.0, "h hr hrs hour hours ч час часа часов"),
    (60.0, "m min mins minute minutes м мин минута минуты минут"),
    (1.0, "s sec secs second seconds с сек секунда секунды секунд"),
)
_SECONDS = {word: seconds for seconds, words in _UNITS for word in words.split()}
_PART = re.compile(r"\s*([0-9]{1,9}(?:[.,][0-9]{1,9})?)\s*([a-zа-я]*)\.?\s*")
_CLOCK = re.compile(r"([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9]))?")


def parse_budget(text: str) -> float:
    """Returns the seconds of ``2h``, ``90 min``, ``1h30m``, ``1,5 ч``, ``1:30:00``, ``1d`` or ``7200``.

    A number without a unit means seconds; after a part with a unit it means the next smaller unit, so that
    ``2h30`` is two and a half hours. Units are English or Russian words or their first letters.

    Raises:
        UsageError: the text has another form, or the time lies outside 1 minute to 14 days.
    """
    total = _seconds(text.strip().lower())
    if total is None:
        raise UsageError(
            f"budget {text[:40]!r} is not understood; write 2h, 90m, 1h30m, 1:30:00 or 7200 (seconds)"
        )
    if not MIN_SECONDS <= total <= MAX_SECONDS:
        raise UsageError(f"budget {text.strip()} is outside the possible range 1m … 336h")
    return total


def _seconds(text: str) -> float | None:
    """Returns the seconds of a duration, or None if it is not understood."""
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return 3_600.0 * hours + 60.0 * minutes + seconds
    total, place, smallest = 0.0, 0, 0.0
    if not text or len(text) > 60:
        return None
    while place < len(text):
        part = _PART.match(text, place)
        if part is None:
            return None
        number, word = part.groups()
        if word:
            unit = _SECONDS.get(word, 0.0)
        else:  # the next smaller unit, or seconds
            unit = next((size for size, _ in _UNITS if size < smallest), 0.0) if smallest else 1.0
        if not unit or (smallest and unit >= smallest):
            return None
        total, smallest, place = total + float(number.replace(",", ".")) * unit, unit, part.end()
    return total


def process_started() -> float:
    """Returns when this process started, in seconds of `time.monotonic`, or now if it is unknown.

    On a busy machine the interpreter needs seconds before the first line of a program runs.
    """
    now = time.monotonic()
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
        booted = int(fields.split()[19]) / os.sysconf("SC_CLK_TCK")
        return now - max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - booted)
    except (OSError, ValueError, IndexError, AttributeError):
        return now


def format_seconds(seconds: float) -> str:
    """Formats ``3725`` as ``1h02m05s``, for terminal and logs; the report has its own format."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    if hours:
        return f"{hours}h{minutes:02d}m{secs:02d}s"
    return f"{minutes}m{secs:02d}s" if minutes else f"{secs}s"


@dataclass(frozen=True, kw_only=True)
class Deadline:
    """Tells how much of a budget is used and left, by a monotonic clock.

    A resumed study passes the seconds of its earlier starts as `used_before`, so that only active time
    counts.

    Attributes:
        budget: seconds from the start to the deadline.
        started: reading of `clock` at the start of this process.
        used_before: seconds that earlier starts of the study used.
        clock: returns seconds; it must not go back.
    """

    budget: float
    started: float
    used_before: float = 0.0
    clock: Callable[[], float] = time.monotonic

    def used(self) -> float:
        return self.used_before + self.clock() - self.started

    def left(self) -> float:
        return self.budget - self.used()

    def passed(self) -> bool:
        return self.left() <= 0

    def minus(self, reserve: float) -> Deadline:
        """Returns a deadline that is `reserve` seconds earlier."""
        return Deadline(
            budget=self.budget - reserve,
            started=self.started,
            used_before=self.used_before,
            clock=self.clock,
        )

    def within(self, seconds: float) -> Deadline:
        """Returns a deadline at most `seconds` from now and not after this one."""
        return self.minus(max(0.0, self.left() - seconds))
