"""Errors that a user can cause. The command line prints such an error in one line and exits with 2."""

from __future__ import annotations

LONGEST_LINE = 600


class StudyError(Exception):
    """Base class of the errors whose message is meant for the user."""


class UsageError(StudyError):
    """A flag, a value or a file on the command line is not usable."""


class DataError(StudyError):
    """The data set is missing, unreadable or not the published one."""


class WeightsError(StudyError):
    """A weights file is missing, altered, or does not fit the network."""


class AlteredWeights(WeightsError):
    """A weights file is not the published one."""


class StoreError(StudyError):
    """The results directory cannot be read, written or locked."""


class NotWritable(StoreError):
    """Nothing can be written to a folder: its permissions forbid it, or its disk is read-only."""


class ReportError(StudyError):
    """The report cannot be built from what is in the results directory."""


class ExportError(StudyError):
    """A network that was written for another program does not give the answers of the saved one."""


class TrainingError(StudyError):
    """A run cannot continue, for example because its loss is not a number."""


class TrackingError(StudyError):
    """A program that shows studies, such as MLflow, cannot be reached or refuses what it is given."""


def out_of_memory(told: str) -> bool:
    """Whether an error, written as ``type: message``, means a lack of memory; PyTorch has several such."""
    return told.startswith(("MemoryError", "OutOfMemoryError")) or any(
        words in told for words in ("out of memory", "can't allocate memory")
    )


def one_line(message: object) -> str:
    """Returns the text in one line, with control characters replaced by their codes."""
    text = "".join(
        character
        if character.isprintable() or character == "\u00a0"
        else character.encode("unicode_escape").decode()
        for character in str(message)
    )
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"
