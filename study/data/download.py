"""Fetches FashionMNIST from the mirrors that torchvision names, bounded in time and size.

torchvision's own download has no timeout, draws a bar over the study's progress and leaves a
partial file behind when it is stopped; its table of mirrors and MD5 sums is used all the same.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import time
import urllib.request
from pathlib import Path

from study.errors import DataError

CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 180.0
LARGEST_FILE = 32 * 1024 * 1024
_CHUNK = 1 << 16


def download(root: Path, *, total_seconds: float = TOTAL_SECONDS) -> None:
    """Put the four .gz files into ``root/FashionMNIST/raw``, as torchvision does.

    Raises:
        DataError: no mirror gave a file with the published MD5 within `total_seconds`.
    """
    from torchvision.datasets import FashionMNIST

    deadline = time.monotonic() + total_seconds
    for name, md5 in FashionMNIST.resources:
        path = root / "FashionMNIST" / "raw" / name
        if not path.is_file():
            _download(path, md5, FashionMNIST.mirrors, deadline)


def _download(path: Path, md5: str, mirrors: list[str], deadline: float) -> None:
    reason = "no mirror is known"
    for mirror in mirrors:
        try:
            content = _fetch(mirror + path.name, deadline)
            if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
                raise OSError("the file is not the published one")
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            partial.write_bytes(content)
            os.replace(partial, path)
            return
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
    raise DataError(
        f"FashionMNIST is not on this machine and could not be downloaded ({reason}); "
        "run: apt-get install dataset-fashion-mnist, or give --data-dir"
    )


def _fetch(url: str, deadline: float) -> bytes:
    content = bytearray()
    with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as answer:
        while chunk := answer.read1(_CHUNK):
            content += chunk
            if len(content) > LARGEST_FILE:
                raise OSError("the file is far too large")
            if time.monotonic() > deadline:
                raise OSError("the mirror is too slow")
    return bytes(content)
