"""The memory of a container is its limit, not the machine's."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from study.system.memory import available_gb, memory_gb


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_the_limit_of_the_control_group_counts(name: str, tmp_path: Path) -> None:
    machine = memory_gb(tmp_path / "nowhere")
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    for text, expected in (("1500000000\n", 1.5), ("max\n", machine), (f"{1 << 62}\n", machine)):
        path.write_text(text)
        assert memory_gb(tmp_path) == expected


def test_pages_that_cache_files_are_available(tmp_path: Path) -> None:
    machine = tmp_path / "meminfo"
    machine.write_text("MemTotal: 8000000 kB\nMemFree: 90000 kB\nMemAvailable: 5000000 kB\n")
    assert available_gb(machine, tmp_path / "nowhere") == 5.12
    for name, text in (
        ("max", "2000000000"),
        ("current", "1900000000"),
        ("stat", "anon 8\ninactive_file 700000000\n"),
    ):
        (tmp_path / f"memory.{name}").write_text(text)
    assert available_gb(machine, tmp_path) == 0.8


def test_this_machine_has_memory_left() -> None:
    assert 0 < available_gb() < memory_gb()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_memory_that_was_freed_is_not_cleared_again() -> None:
    """A block of 64 MB that is allocated, written and freed again and again faults in its pages once."""
    code = """
import ctypes, resource, sys
from study.system.memory import keep_freed

if sys.argv[1] == "kept":
    keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(8):
    block = libc.malloc(64 << 20)
    ctypes.memset(block, 1, 64 << 20)
    libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""

    def counted(name: str) -> int:
        call = [sys.executable, "-c", code, name]
        return int(subprocess.run(call, check=True, capture_output=True).stdout)

    faults = {name: counted(name) for name in ("kept", "as it is")}
    assert 4 * faults["kept"] < faults["as it is"]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a function of glibc")
def test_free_memory_is_given_back_from_a_size_on() -> None:
    """Blocks between which one is in use, as they lie after runs of several networks."""
    code = """
import ctypes, os
from pathlib import Path
from study.system.memory import give_back, keep_freed

keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]

def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

blocks = [libc.malloc(32 << 20) for _ in range(8)]
for block in blocks:
    ctypes.memset(block, 1, 32 << 20)
for block in blocks[::2]:
    libc.free(block)
kept = held()
give_back(10.0)
unchanged = held()
give_back(0.1)
print(kept, unchanged, held())
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    kept, unchanged, after = map(float, told.split())
    assert abs(kept - unchanged) < 2 and kept - after > 120
