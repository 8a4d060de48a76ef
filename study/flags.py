"""Parses the values of command-line flags and refuses wrong ones with a clear message."""

from __future__ import annotations

import os
from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from study.datasets import DATASETS, DatasetName
from study.errors import UsageError
from study.networks import NETWORKS, ModelName
from study.spec import RESOLUTIONS

Number = TypeVar("Number", int, float)


def path(text: str) -> Path:
    """Parses a path, which must be valid UTF-8, because ledger, tables and report contain it."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ArgumentTypeError("the path is not UTF-8") from None
    if "\0" in text or not text:
        raise ArgumentTypeError("the path is empty or holds a zero byte")
    try:
        return Path(text).expanduser()  # the shell leaves the tilde of --flag=~/folder as it is
    except RuntimeError:
        raise ArgumentTypeError(f"{text[:40]!r} names a home that is not there") from None


def number(kind: type[Number], least: float, most: float) -> Callable[[str], Number]:
    """Returns a parser of numbers in [`least`, `most`] of the type `kind`, int or float."""

    def parse(text: str) -> Number:
        with suppress(ValueError):
            value = kind(text)
            if least <= value <= most:
                return value
        named = "a whole number" if kind is int else "a number"
        raise ArgumentTypeError(f"{text[:40]!r} is not {named} in {least}…{most}")

    return parse


def networks(text: str) -> tuple[ModelName, ...]:
    """Parses a comma-separated list of networks and returns each once, in the order of `NETWORKS`.

    Raises:
        UsageError: a name is unknown, or the list is empty.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = ", ".join(NETWORKS)
    if not names:
        raise UsageError(f"--models names no network; known are {known}")
    if not set(names) <= set(NETWORKS):
        raise UsageError(f"--models {text[:60]}: known networks are {known}")
    return tuple(model for model in NETWORKS if model in names)


def dataset(text: str) -> DatasetName:
    """Parses the name of a data set.

    Raises:
        UsageError: the name is unknown.
    """
    if text not in DATASETS:
        raise UsageError(f"--dataset {text[:60]}: known data sets are {', '.join(DATASETS)}")
    return DatasetName(text)


def resolution(text: str) -> int:
    """Parses the side of the images in pixels; ``auto`` becomes 0."""
    if text == "auto":
        return 0
    if text not in map(str, RESOLUTIONS):
        known = ", ".join(map(str, RESOLUTIONS))
        raise ArgumentTypeError(f"{text[:40]!r} is neither auto nor one of {known}")
    return int(text)


def workers(text: str) -> int:
    """Parses a number of workers; ``auto`` becomes 0."""
    if text == "auto":
        return 0
    value = int(text) if text.isdecimal() and len(text) < 6 else 0
    if value < 1:
        raise ArgumentTypeError(f"{text[:40]!r} is neither auto nor a number of workers")
    return value


def mlflow_uri(text: str) -> str:
    """Parses the address of an MLflow server or database; ``auto`` takes that of MLFLOW_TRACKING_URI.

    It may hold a password, so no message repeats it.
    """
    if not text:  # argparse hands over the default, too
        return ""
    if text == "auto":
        text = os.environ.get("MLFLOW_TRACKING_URI", "")
        if not text:
            raise ArgumentTypeError("auto takes the address from MLFLOW_TRACKING_URI, which is not set")
    if text.startswith("sqlite:///"):
        file = text.removeprefix("sqlite:///")
        if file.startswith(":") or set("?#") & set(file):
            raise ArgumentTypeError("sqlite:/// takes the name of a file, without ? and #")
        return f"sqlite:///{path(file)}"
    with suppress(ValueError):  # of a port that is no number, or of broken brackets
        parts = urlsplit(text)
        bare = text.isprintable() and " " not in text and not parts.query and not parts.fragment
        if parts.scheme in ("http", "https") and parts.hostname and bare and parts.port != 0:
            return text
    raise ArgumentTypeError("expected auto, sqlite:///FILE, http://HOST:PORT or https://HOST")
