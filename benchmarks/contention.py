"""Measures training speed beside a busy process, by how long waiting threads spin.

`python -m benchmarks.contention` takes about four minutes and prints one line for each case, from which the
table of docs/adr/0014-waiting-threads.md is made.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Values of GOMP_SPINCOUNT; None leaves libgomp's default.
TURNS = (None, "4000", "2000", "1000", "300")
#: Numbers of busy processes beside the measured one.
BUSY = (0, 1)
_BUSY = "while True: pass"
_MEASURE = """
from study.networks import DEFAULT
from study.planning.cost import measure

from study.training.runtime import adopt, detect
from dataclasses import replace
import sys
runtime = detect("cpu", "fp32")
if sys.argv[1:]:
    runtime = replace(runtime, threads=int(sys.argv[1]))
    adopt(runtime)
for model in DEFAULT:
    speed = measure(model, 32, 64, runtime)
    print(f"{model} {speed.train:.0f}", end="  ")
print(f"threads {runtime.threads}")
"""


@contextmanager
def busy_beside(count: int) -> Iterator[None]:
    """Runs `count` processes that compute without end while the block runs."""
    others = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measured(turns: str | None, busy: int, threads: int | None = None) -> str:
    """Returns the printed training speeds of both networks in images per second.

    Args:
        turns: value of GOMP_SPINCOUNT, or None.
        busy: number of busy processes beside the measured one.
        threads: number of threads; by default those that a study chooses.
    """
    environment = {key: value for key, value in os.environ.items() if key != "GOMP_SPINCOUNT"}
    if turns is not None:
        environment["GOMP_SPINCOUNT"] = turns
    command = [sys.executable, "-c", _MEASURE, *([str(threads)] if threads else [])]
    with busy_beside(busy):
        return subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()


def main() -> None:
    for turns in TURNS:
        for busy in BUSY:
            print(f"turns {turns or 'libgomp'}, {busy} busy: {measured(turns, busy)}", flush=True)
    for busy in BUSY:
        print(f"one thread, {busy} busy: {measured(None, busy, threads=1)}", flush=True)


if __name__ == "__main__":
    main()
