"""Ctrl-C and SIGTERM as one token that whoever works asks; a second signal ends at once."""

from __future__ import annotations

import math
import signal
import time
from types import TracebackType
from typing import Any

from study.records import Reason

#: Seconds from the first signal within which a study has kept what it has and ended.
EXIT_SECONDS = 15.0


class CancelToken:
    """Whether the study shall stop. As a context it listens to signals until it is left.

    `asked` is a plain attribute: threads may read it at any time.
    """

    def __init__(self) -> None:
        self.asked = False
        self._at = 0.0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> CancelToken:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def cancel(self) -> None:
        """Ask everybody to stop."""
        if not self.asked:
            self._at = time.monotonic()
            self.asked = True

    def _on_signal(self, number: int, frame: object) -> None:
        if self.asked:
            raise SystemExit(130)
        self.cancel()

    @property
    def why(self) -> Reason:
        """Why what is not done yet is left out."""
        return Reason.STOPPED if self.asked else Reason.BUDGET

    def left(self) -> float:
        """Seconds until a study that was asked to stop must have ended."""
        return EXIT_SECONDS - (time.monotonic() - self._at) if self.asked else math.inf
