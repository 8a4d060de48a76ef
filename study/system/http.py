"""Reads a URL in blocks and can be stopped at any moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from urllib.request import urlopen

#: Seconds between two checks whether to stop.
POLL = 0.5
_BLOCK = 1 << 16
_AHEAD = 64


def blocks(url: str, *, timeout: float, stop: Callable[[], bool]) -> Iterator[bytes]:
    """Yields the content of a URL as it arrives.

    A separate thread waits for the network, because resolving a name, connecting and reading may each take
    `timeout` seconds, and a socket cannot be read any more after a timeout.

    Args:
        url: the address.
        timeout: seconds to wait for an answer.
        stop: is called every POLL seconds; True ends the download.

    Raises:
        TimeoutError: `stop` returned True.
        OSError, ValueError, http.client.HTTPException: from urllib.
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
        except Exception as error:  # is raised where the blocks are read
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
