"""Prints lines without control characters, also to a closed pipe or a full disk."""

from __future__ import annotations

import errno
import io
import os
import sys
import tempfile
import warnings
from pathlib import Path

from study.errors import one_line

#: The name of the installed command, and the name under which it was called, for usage and advice.
COMMAND = "pretraining-study"
CALLED = COMMAND if Path(sys.argv[0]).name == COMMAND else "run_study.py"


def prepare() -> None:
    """Prepares output and environment: characters that the terminal lacks, a user without a home, and
    variables of the user that would change or break figures or libraries, here and in child processes."""
    os.environ["MPLBACKEND"] = "agg"  # notebooks export a backend that exists only inside them
    if os.environ.pop("PYTHONWARNINGS", None) or sys.warnoptions:
        warnings.simplefilter("default")  # as errors, warnings of libraries would end a study
        sys.warnoptions.clear()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path may have characters that the terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    try:
        Path.home()
    except RuntimeError:  # without HOME and user name, libraries fail to find their files
        os.environ["HOME"] = tempfile.gettempdir()


def say(text: object) -> None:
    """Prints a line; if the terminal has been closed, this and all further output goes nowhere."""
    try:
        print(one_line(text))
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        discard(sys.stdout.fileno())


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
    except OSError as error:
        discard(sys.stdout.fileno())  # the rest of it would fail again
        if error.errno != errno.EIO:  # that of a terminal that has been closed is no error
            raise


def discard(*streams: int) -> None:
    """Connects file descriptors with nothing; what is written to them is lost without an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in streams:
        os.dup2(nowhere, number)
    os.close(nowhere)
