"""Locks a results directory for one study; the lock ends with the process, even if it is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from study.errors import StoreError

#: Seconds that a starting study waits for the lock, because `lock_holder` in another process takes it for a
#: moment.
_PATIENCE = 1.0


class StudyLock:
    """An exclusive lock of the operating system on a results directory."""

    def __init__(self, folder: Path) -> None:
        """Takes the lock.

        Raises:
            StoreError: another process holds the lock, or the directory is not writable.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: IO[str] = _opened(folder, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"results directory {folder} is not writable: {error.strerror}") from error
        until = time.monotonic() + _PATIENCE
        while not self._taken():
            if time.monotonic() > until:
                self._stream.seek(0)
                holder = self._stream.read(80).strip() or "unknown process"
                self._stream.close()
                raise StoreError(f"{folder} is in use by another study ({holder})")
            time.sleep(0.05)
        try:
            os.ftruncate(self._stream.fileno(), 0)
            who = f"pid {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n"
            os.write(self._stream.fileno(), who.encode())
        except OSError as error:
            self._stream.close()
            raise StoreError(f"cannot write {folder / '.lock'}: {error.strerror}") from error

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def __enter__(self) -> StudyLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def release(self) -> None:
        self._stream.close()


def _opened(folder: Path, how: int) -> IO[str]:
    """Opens the lock file, but neither follows a symbolic link nor waits for a pipe.

    Writing through a link would overwrite another file.

    Raises:
        OSError: the file cannot be opened, or is not a regular file.
    """
    descriptor = os.open(folder / ".lock", how | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "its .lock is not a file")
    return open(descriptor, "r" if how == os.O_RDONLY else "r+", encoding="utf-8", errors="replace")


def lock_holder(folder: Path) -> str | None:
    """Returns a description of the process that locks a results directory; None if it is not locked."""
    try:
        stream = _opened(folder, os.O_RDONLY)
    except OSError:
        return None  # a study that wants to write there reports the cause
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return stream.read(80).strip() or "unknown process"
    return None
