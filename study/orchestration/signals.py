"""Turns Ctrl-C and SIGTERM into a token that all work checks; a second signal exits at once."""

from __future__ import annotations

import math
import signal
import time
from types import TracebackType
from typing import Any

from study.records import Reason

#: Seconds from the first signal within which a study stores its state and exits.
EXIT_SECONDS = 15.0


class CancelToken:
    """Tells whether the study is to stop. As a context manager it handles signals.

    `asked` is a plain attribute that any thread may read at any time.
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
        """Requests the stop."""
        if not self.asked:
            self._at = time.monotonic()
            self.asked = True

    def _on_signal(self, number: int, frame: object) -> None:
        if self.asked:
            raise SystemExit(130)
        self.cancel()

    @property
    def why(self) -> Reason:
        """Returns the reason for runs that are not done: a stop, or else the budget."""
        return Reason.STOPPED if self.asked else Reason.BUDGET

    def left(self) -> float:
        """Returns the seconds until the study must have ended; infinite if no stop is requested."""
        return EXIT_SECONDS - (time.monotonic() - self._at) if self.asked else math.inf
