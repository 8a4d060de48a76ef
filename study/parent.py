"""A process that must not outlive the one that started it, even where that one is killed."""

from __future__ import annotations

import os
import threading

#: Set for such a process; its standard input is a pipe that nobody writes to and whose other end closes
#: with the process that started it, on every system.
ENDS_WITH_INPUT = "STUDY_ENDS_WITH_INPUT"


def end_with_parent() -> None:
    """Watch the standard input where the environment says so, and end this process when it closes."""
    if os.environ.get(ENDS_WITH_INPUT):
        threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while os.read(0, 1):  # unbuffered: a reader that waits would disturb the end of the interpreter
        pass
    os._exit(1)
