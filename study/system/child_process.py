"""Ends a process when the process that started it ends, even if that one is killed."""

from __future__ import annotations

import os
import threading

#: Environment variable that marks such a process. Its standard input is a pipe that is never written to and
#: that closes when the starting process ends, on every system.
ENDS_WITH_INPUT = "STUDY_ENDS_WITH_INPUT"


def end_with_parent() -> None:
    """Ends this process when its standard input closes, if the environment variable is set."""
    if has_parent():
        threading.Thread(target=_watch, daemon=True).start()


def has_parent() -> bool:
    """Whether a study has started this process and tells the user what is to be told."""
    return bool(os.environ.get(ENDS_WITH_INPUT))


def _watch() -> None:
    while os.read(0, 1):  # unbuffered, because a buffered reader would block the end of the interpreter
        pass
    os._exit(1)
