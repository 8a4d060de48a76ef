"""Downloads a data set from the mirrors that torchvision names, within limits of time and size.

It uses torchvision's table of mirrors and MD5 sums. It does not use torchvision's download, which has no
timeout, draws a progress bar over the study's output, and leaves a partial file when it is stopped.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import time
from collections.abc import Callable
from pathlib import Path

from study.datasets import DatasetDescriptor, is_own
from study.errors import DataError
from study.system.http import blocks

CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 180.0
LARGEST_FILE = 32 * 1024 * 1024


def download(
    root: Path,
    data: DatasetDescriptor,
    *,
    total_seconds: float = TOTAL_SECONDS,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Writes the four .gz files where torchvision does, under `root`; keeps existing ones.

    Args:
        root: folder of the data sets.
        data: one that torchvision knows.
        total_seconds: maximum seconds for all files.
        stop: is called at least once a second; True ends the download.

    Raises:
        DataError: a file cannot be downloaded: no mirror has it with the published MD5, the time is over,
            or `stop` returned True.
    """
    from torchvision import datasets

    known = getattr(datasets, data.files.torchvision)
    deadline = time.monotonic() + total_seconds

    def given_up() -> bool:
        return stop() or time.monotonic() > deadline

    for name, md5 in known.resources:
        path = root / data.files.torchvision / "raw" / name
        if not path.is_file():
            reason = _download(path, md5, known.mirrors, given_up)
            if reason:
                raise DataError(
                    f"{data.called} is not on this machine and could not be downloaded ({reason}); "
                    f"{remedy(data)}"
                )


def remedy(data: DatasetDescriptor) -> str:
    """Returns what a user can do who lacks the data set."""
    if is_own(data.name):
        return "give --data with its path as before"
    whose = "Kaggle's" if data.files.kaggle else "its"
    command = f", or run: apt-get install {data.files.package}" if data.files.package else ""
    return f"give --data-dir with {whose} files{command}"


def _download(path: Path, md5: str, mirrors: list[str], stop: Callable[[], bool]) -> str:
    """Writes a file from the first mirror that has it; returns why none has, or ""."""
    reason = "no mirror is known"
    for mirror in mirrors:
        try:
            content = _fetch(mirror + path.name, stop)
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
                raise OSError("the file is not the published one")
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            partial.write_bytes(content)
            os.replace(partial, path)
            return ""
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
    return reason


def _fetch(url: str, stop: Callable[[], bool]) -> bytes:
    content = bytearray()
    for block in blocks(url, timeout=CONNECT_SECONDS, stop=stop):
        content += block
        if len(content) > LARGEST_FILE:
            raise OSError("the file is far too large")
    return bytes(content)
