"""Prints lines without control characters, also to a closed pipe or a full disk."""

from __future__ import annotations

import io
import os
import sys
import tempfile
from pathlib import Path

from study.errors import one_line


def prepare() -> None:
    """Prepares output and environment: characters that the terminal lacks, and a user without a home."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path may have characters that the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        Path.home()
    except RuntimeError:  # without HOME and user name, libraries fail to find their files
        os.environ["HOME"] = tempfile.gettempdir()


def say(text: object) -> None:
    print(one_line(text))


def refused(message: object) -> int:
    """Prints an error as one line on stderr and returns the exit code."""
    print(f"error: {one_line(message)}", file=sys.stderr)
    return 2


def flush() -> None:
    """Flushes the output now, so that an error occurs here and not at the end of the interpreter.

    Raises:
        OSError: the pipe is closed, or the disk is full.
    """
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # the rest of the output would fail again
        os.close(nowhere)
        raise
