"""Ctrl-C and SIGTERM as a flag that is read at every step; a second signal ends at once."""

from __future__ import annotations

import signal
from types import TracebackType
from typing import Any


class Stop:
    """As a context: signals ask for an end, and the earlier handlers come back afterwards."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Stop:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: object) -> None:
        if self.asked:
            raise SystemExit(130)
        self.asked = True
