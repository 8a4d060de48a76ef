"""How much memory this process may use, and which process the kernel ends first without it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
#: Where control groups state their limit: version 2, version 1.
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")


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


def go_first() -> None:
    """Makes the kernel end this process before others when memory is short."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
