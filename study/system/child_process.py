"""Ends a process when the process that started it ends, even if that one is killed."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

#: Environment variable that marks such a process. Its standard input is a pipe that closes when the process
#: that started it ends, on every system. At most, a byte comes through it when that one has done its work.
ENDS_WITH_INPUT = "STUDY_ENDS_WITH_INPUT"
#: Runs the command line with the folder of this package, its first argument, in place of the working
#: directory, from which `-m` and `-c` would import modules first.
_START = (
    "import sys; sys.path = [sys.argv.pop(1), *filter(None, sys.path)]; "
    "from study.cli import main; raise SystemExit(main())"
)
_ROOT = Path(__file__).resolve().parents[2]


def verb_command(*arguments: str) -> list[str]:
    """Returns the command that runs a verb of the command line in a process of its own."""
    return [sys.executable, "-c", _START, str(_ROOT), *arguments]


def end_with_parent(told: threading.Event | None = None) -> None:
    """Ends this process when its standard input closes, if the environment variable is set.

    Args:
        told: is set when the starting process has written something.
    """
    if has_parent():
        threading.Thread(target=_watch, args=(told,), daemon=True).start()


def has_parent() -> bool:
    """Whether a study has started this process and tells the user what is to be told."""
    return bool(os.environ.get(ENDS_WITH_INPUT))


def _watch(told: threading.Event | None) -> None:
    while os.read(0, 1):  # unbuffered, because a buffered reader would block the end of the interpreter
        if told is not None:
            told.set()
    os._exit(1)
