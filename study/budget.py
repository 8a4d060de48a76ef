"""Parses the wall-clock budget and keeps a deadline that survives a restart."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from study.errors import UsageError

MIN_SECONDS = 60.0
MAX_SECONDS = 14 * 24 * 3600.0

_FORM = re.compile(
    r"(?:(?P<h>\d+(?:\.\d+)?)\s*h)?\s*(?:(?P<m>\d+(?:\.\d+)?)\s*m)?\s*(?:(?P<s>\d+(?:\.\d+)?)\s*s?)?"
)


def parse_budget(text: str) -> float:
    """Returns the seconds of ``2h``, ``90m``, ``1h30m``, ``45s`` or ``7200`` (plain seconds).

    Raises:
        UsageError: the text has another form, or the time lies outside 1 minute to 14 days.
    """
    cleaned = text.strip().lower()
    match = _FORM.fullmatch(cleaned) if len(cleaned) <= 40 else None
    if not cleaned or match is None:
        raise UsageError(f"budget {text[:40]!r} is not understood; write 2h, 90m, 1h30m or 7200")
    hours, minutes, seconds = (float(match[key] or 0) for key in "hms")
    total = hours * 3600 + minutes * 60 + seconds
    if not MIN_SECONDS <= total <= MAX_SECONDS:
        raise UsageError(f"budget {text.strip()} is outside the possible range 1m … 336h")
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
    """A deadline on a monotonic clock.

    A resumed study passes the seconds of its earlier starts as `used_before`, so that only active time
    counts.
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
