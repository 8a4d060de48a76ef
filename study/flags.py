"""What the flags of the command line may hold, refused in words where argparse has none."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

from study.errors import UsageError
from study.spec import MOST_SEED, ModelName


def path(text: str) -> Path:
    """A path that can also be written down: into the ledger, tables and the report."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentTypeError("the path is not UTF-8") from None
    if "\0" in text or not text:
        raise ArgumentTypeError("the path is empty or holds a zero byte")
    return Path(text)


def seed(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text[:40]!r} is not a whole number") from None
    if not 0 <= value <= MOST_SEED:
        raise ArgumentTypeError(f"it must lie in 0…{MOST_SEED}")
    return value


def networks(text: str) -> tuple[ModelName, ...]:
    """The networks of a comma-separated list, each once, in the order of `ModelName`.

    Raises:
        UsageError: one is unknown, or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = ", ".join(model.value for model in ModelName)
    if not names:
        raise UsageError(f"--models names no network; known are {known}")
    try:
        wanted = {ModelName(name) for name in names}
    except ValueError:
        raise UsageError(f"--models {text[:60]}: known networks are {known}") from None
    return tuple(model for model in ModelName if model in wanted)


def workers(text: str) -> int:
    """``auto`` is 0."""
    if text == "auto":
        return 0
    value = int(text) if text.isdecimal() and len(text) < 6 else 0
    if value < 1:
        raise ArgumentTypeError(f"{text[:40]!r} is neither auto nor a number of workers")
    return value


def share(text: str) -> float:
    """A share of the budget, in [0, 0.9]."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 0.9:
        raise ArgumentTypeError(f"{text[:40]!r} is not between 0 and 0.9")
    return value
