"""Turns Ctrl-C, SIGTERM and a closed terminal into a token that all work checks; a second signal exits."""

from __future__ import annotations

import math
import os
import signal
import time
from types import TracebackType
from typing import Any

from study.records import Reason
from study.system.terminal import discard

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
        self._terminals: list[int] = []

    def __enter__(self) -> CancelToken:
        self._terminals = [number for number in (0, 1, 2) if os.isatty(number)]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # `nohup`: the study shall outlive its terminal
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def cancel(self) -> None:
        """Requests the stop."""
        if not self.asked:
            self._at = time.monotonic()
            self.asked = True

    def _on_signal(self, number: int, frame: object) -> None:
        if number == signal.SIGHUP:
            discard(*self._terminals)  # writing to a closed terminal is an error
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
