"""Runs contestants in processes of their own, on data laid out as their libraries read it."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from study.system.openmp import SPINS

#: Folder of Debian's package of the data set.
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).parent / "contestants"


class ContestantError(Exception):
    """A contestant ended without figures; the message is the end of its output."""


def ask(command: list[str | Path], *, ours: bool, timeout: float | None = None) -> dict[str, Any]:
    """Runs a contestant's script and returns the last line of JSON that it prints.

    Args:
        command: the script and its arguments.
        ours: whether it gets the environment that this project sets for itself (`study.system.openmp`).
        timeout: limit in seconds.

    Raises:
        ContestantError: it printed no JSON, failed, or took longer than `timeout`.
    """
    environment = {**os.environ, "PYTHONPATH": f"{FOLDER}{os.pathsep}{ROOT}"}
    if ours:
        environment.setdefault("GOMP_SPINCOUNT", SPINS)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=timeout
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ContestantError(str(error)) from error
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise ContestantError(f"{command[1]} gave no figures:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def lay_out(root: Path) -> None:
    """Unpacks FashionMNIST from Debian's package into `root` as torchvision stores it."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for path in sorted(DEBIAN_FOLDER.glob("*ubyte.gz")):
        with gzip.open(path) as source, (raw / path.stem).open("wb") as target:
            shutil.copyfileobj(source, target)


def processor() -> str:
    """Returns the processor's name as Linux reports it; "" elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
