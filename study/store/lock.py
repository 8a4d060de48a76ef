"""Locks the folders that a study writes to; a lock ends with its process, even if that is killed."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO

from study.errors import StoreError

#: Seconds that a starting study waits for the lock, because `lock_holder` in another process takes it for a
#: moment.
_PATIENCE = 1.0
#: Error numbers with which a lock is refused because another process has it. With any other one the file
#: system knows no locks.
_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EINTR})
#: Maximum number of bytes of a lock file that are read.
_MOST = 5_000
REPORT = "report directory"


class InUse(StoreError):
    """Another process holds the lock.

    Attributes:
        holder: its process, in words.
        study: the results directory of its study, if the lock file names it.
    """

    def __init__(self, folder: Path, holder: str, study: str) -> None:
        super().__init__(f"{folder} is in use by another study ({holder})")
        self.holder, self.study = holder, study


class StudyLock:
    """An exclusive lock of the operating system on a folder.

    Attributes:
        limits: what the file system refuses although a study can do without it, in words.
        before: the results directory that the lock file named before, or "".
    """

    def __init__(self, folder: Path, what: str = "results directory", *, study: str = "") -> None:
        """Takes the lock.

        Args:
            folder: the folder; it is created if it does not exist.
            what: its description for messages.
            study: the results directory for which the lock is taken, if that is another folder. A lock that
                is held for the same one is not waited for.

        Raises:
            InUse: another process holds the lock.
            StoreError: the directory is not writable.
        """
        self.limits: tuple[str, ...] = ()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: IO[str] = _opened(folder, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreError(f"{what} {folder} is not writable: {error.strerror}") from error
        until = time.monotonic() + _PATIENCE
        while not self._taken(f"{what} {folder}"):
            holder, of = _noted(self._stream)
            if time.monotonic() > until or (of and of == study):
                self._stream.close()
                raise InUse(folder, holder or "unknown process", of)
            time.sleep(0.05)
        _, self.before = _noted(self._stream)
        try:
            os.ftruncate(self._stream.fileno(), 0)
            who = f"pid {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n"
            os.pwrite(self._stream.fileno(), os.fsencode(f"{who}{study}"), 0)
        except OSError as error:
            self._stream.close()
            raise StoreError(f"cannot write {folder / '.lock'}: {error.strerror}") from error

    def _taken(self, name: str) -> bool:
        try:
            fcntl.flock(self._stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return False
            told = f"it knows no locks ({error.strerror}), so that no second study must be started there"
            self.limits = (f"{name}, its file system: {told}",)
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


@contextmanager
def report_lock(folder: Path, results: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Locks a report directory for the study in `results`, whose own processes may share it.

    Args:
        folder: the report directory.
        results: the results directory.
        say: is told what the file system refuses, and whose report will be written over.

    Raises:
        StoreError: another study holds the lock, or the directory is not writable.
    """
    study = _study_name(results)
    if os.path.realpath(folder) == os.path.realpath(results):  # it has a lock already
        yield
        return
    try:
        lock = StudyLock(folder, REPORT, study=study)
    except InUse as error:
        if error.study == study:  # its report is being built, by itself or by the verb `report`
            yield
            return
        whose = f"the study in {error.study}" if error.study else "another study"
        raise StoreError(
            f"{REPORT} {folder} is in use by {whose} ({error.holder}); give another --report-dir"
        ) from None
    with lock:
        for limit in lock.limits:
            say(limit)
        if lock.before not in ("", study) and (folder / "report.pdf").exists():
            say(f"{REPORT} {folder}: the report of the study in {lock.before} is written over")
        yield


def is_report_of(folder: Path, results: Path) -> bool:
    """Whether the report in a report directory is that of the study in `results`, as its lock file says."""
    if os.path.realpath(folder) == os.path.realpath(results):
        return True
    try:
        stream = _opened(folder, os.O_RDONLY)
    except OSError:
        return False
    with stream:
        return _noted(stream)[1] == _study_name(results)


@contextmanager
def folder_lock(folder: Path, refusal: str) -> Iterator[None]:
    """Locks a folder itself, which creates no file, so that nobody else with such a lock works with it.

    Raises:
        StoreError: another process has the lock; `refusal` says so.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    until = time.monotonic() + _PATIENCE  # a process whose study was killed ends a moment later
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno in _HELD and time.monotonic() > until:
                    raise StoreError(refusal) from None
                if error.errno in _HELD:
                    time.sleep(0.05)
                    continue
            break  # also where the file system knows no locks
        yield
    finally:
        os.close(descriptor)


def _study_name(results: Path) -> str:
    """Returns what the lock file of a report directory says of a study."""
    return os.path.realpath(results).replace("\n", " ")


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


def _noted(stream: IO[str]) -> tuple[str, str]:
    """Returns what a lock file says: its last holder, and the results directory of the holder's study."""
    lines = os.fsdecode(os.pread(stream.fileno(), _MOST, 0)).split("\n")
    return lines[0].strip()[:80], lines[1].strip() if len(lines) > 1 else ""


def lock_holder(folder: Path) -> str | None:
    """Returns a description of the process that locks a results directory; None if it is not locked."""
    try:
        stream = _opened(folder, os.O_RDONLY)
    except OSError:
        return None  # a study that wants to write there reports the cause
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in _HELD:
                return _noted(stream)[0] or "unknown process"
    return None
