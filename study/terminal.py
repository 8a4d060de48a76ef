"""What is printed: lines that cannot steer a terminal, also where nobody reads them or the disk is full."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

from study.errors import one_line


def prepare() -> None:
    """Before anything else: letters that a terminal does not know, and a user without a home."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal may know fewer letters than a path has
            stream.reconfigure(errors="backslashreplace")
    try:
        Path.home()
    except RuntimeError:  # no HOME and no name; libraries look for their files there
        os.environ["HOME"] = tempfile.gettempdir()


def say(text: object) -> None:
    print(one_line(text))


def refused(message: object) -> int:
    """One line on stderr; the exit code."""
    print(f"error: {one_line(message)}", file=sys.stderr)
    return 2


def flush() -> None:
    """Meet what cannot be printed here, and not when the interpreter ends.

    Raises:
        OSError: nobody reads, or the disk is full.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # what is left there would fail once more
        os.close(nowhere)
        raise
