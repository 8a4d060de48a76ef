"""How much memory this process may use and how much is free, and which process the kernel ends first."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
#: Where control groups state their limit: version 2, version 1.
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
#: Where the kernel states what a new process can have: the page cache counts, for it is given up.
_MEMORY = Path("/proc/meminfo")
#: Settings of glibc's mallopt(3): the free memory at the end of the heap from which some is given back; how
#: many blocks may be mapped on their own; how many heaps there are.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8


def memory_gb(cgroups: Path = _CGROUPS) -> float:
    """Returns the memory in GB (10^9 bytes): of the machine, or a lower limit of the control group.

    Args:
        cgroups: where control groups are mounted.
    """
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for name in _LIMITS:
        with suppress(OSError, ValueError):  # no such file, or "max"
            most = min(most, int((cgroups / name).read_text(encoding="ascii")))
    return most / 1e9


def available_gb(memory: Path = _MEMORY, cgroups: Path = _CGROUPS) -> float:
    """Returns the memory in GB (10^9 bytes) that a new process can have without swapping.

    Pages that only cache files count as available, as in `MemAvailable` of proc(5): after hours of
    reading, a machine has next to no unused pages and is not short of memory.

    Args:
        memory: the kernel's table of the machine's memory.
        cgroups: where control groups are mounted.
    """
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    with suppress(OSError, KeyError, ValueError, IndexError):
        most = _numbers(memory)["MemAvailable:"] * 1024
    with suppress(OSError, KeyError, ValueError, IndexError):  # version 2 of control groups
        limit = int((cgroups / "memory.max").read_text(encoding="ascii"))
        used = int((cgroups / "memory.current").read_text(encoding="ascii"))
        most = min(most, max(0, limit - used + _numbers(cgroups / "memory.stat")["inactive_file"]))
    return most / 1e9


def _numbers(path: Path) -> dict[str, int]:
    """Reads lines of a name and a number."""
    lines = path.read_text(encoding="ascii").splitlines()
    return {words[0]: int(words[1]) for words in map(str.split, lines)}


def go_first() -> None:
    """Makes the kernel end this process before others when memory is short."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")


def keep_freed() -> None:
    """Lets this process keep the memory that it frees, instead of handing it back to the kernel.

    A training step allocates and frees the same large tensors again and again. By default glibc maps each
    of them anew, and the kernel clears every page: a tenth of the processor's time. Without that two
    workers train 1.1 to 1.2 times as fast (docs/adr/0026-freed-memory.md). Other C libraries have no such
    setting, and nothing happens there.
    """
    with suppress(AttributeError, OSError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        for setting, value in ((_TRIM_THRESHOLD, 2**31 - 1), (_MMAP_MAX, 0), (_ARENA_MAX, 1)):
            mallopt(setting, value)


def give_back(above_gb: float) -> None:
    """Hands free memory back to the kernel if this process holds more than `above_gb` (10^9 bytes).

    Where freed memory is kept, free pieces stay between what is used. A worker that trained 70 runs of two
    networks one after another grew from 1.4 to 3.8 GB so (docs/adr/0026-freed-memory.md).
    """
    with suppress(AttributeError, OSError, TypeError, ValueError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        if pages * os.sysconf("SC_PAGE_SIZE") > above_gb * 1e9:
            ctypes.CDLL(None).malloc_trim(0)
