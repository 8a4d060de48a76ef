"""Reads a URL block by block, and hears at any moment that it shall stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from urllib.request import urlopen

#: Seconds between two looks whether to stop.
POLL = 0.5
_BLOCK = 1 << 16
_AHEAD = 64


def blocks(url: str, *, timeout: float, stop: Callable[[], bool]) -> Iterator[bytes]:
    """The content of a URL as it comes.

    A thread of its own waits for the network: looking up a name, connecting and reading may each
    take as long as `timeout`, and a socket that timed out once cannot be read on.

    Args:
        timeout: seconds without an answer.
        stop: asked every POLL seconds, also while nothing comes.

    Raises:
        TimeoutError: `stop` said so.
        OSError, ValueError, http.client.HTTPException: as urllib has it.
    """
    queue: Queue[bytes | Exception] = Queue(_AHEAD)
    left = threading.Event()

    def put(item: bytes | Exception) -> None:
        while not left.is_set():
            try:
                return queue.put(item, timeout=POLL)
            except Full:
                continue

    def read() -> None:
        try:
            with urlopen(url, timeout=timeout) as answer:
                while (block := answer.read1(_BLOCK)) and not left.is_set():
                    put(block)
            put(b"")
        except Exception as error:  # for whoever reads the blocks
            put(error)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            if stop():
                raise TimeoutError("the download was stopped")
            try:
                item = queue.get(timeout=POLL)
            except Empty:
                continue
            if isinstance(item, Exception):
                raise item
            if not item:
                return
            yield item
    finally:
        left.set()
