"""Fills the disk while a toy study writes: it must end with one line, and go on once there is space."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.chaos.children import Watched, ended

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs" / "sample" / "results"
SIZE = "24m"
#: Upper bound of the bytes that are left for a report; all files of the sample's report take more.
REPORT_SIZE = 6_000_000
OLD = b"%PDF-1.7 the report before\n%%EOF\n"
#: Seconds after the disk is full within which a study must end.
LIMIT = 10.0


def full_disk(folder: Path, points: int, seed: int, workers: int = 1) -> dict[str, Any]:
    """Fills the disk at `points` random moments; needs root, because the disk is a tmpfs."""
    rng = random.Random(seed)
    faults: list[str] = []
    seconds: list[float] = []
    lines: set[str] = set()
    while len(seconds) < points:
        place = folder / f"disk{len(seconds)}"
        study = Watched(place, workers)
        with mounted(study.results):
            began = study.start()
            time.sleep(rng.uniform(0.05, 1.5))
            filler = fill(study.results)
            full = time.monotonic()
            code = ended(began)
            seconds.append(time.monotonic() - full)
            said = study.said.strip().splitlines() or [""]
            filler.unlink()
            if code == 0:  # it ended before the disk was full
                seconds.pop()
                continue
            lines.add(said[-1].split(": ", 2)[-1] if said[-1].startswith("error: ") else said[-1])
            if code != 2 or not said[-1].startswith("error: ") or "no space left" not in said[-1].lower():
                faults.append(f"exit {code}: {said[-1]}")
            faults += study.faults()
            if ended(study.start()):
                faults.append(f"did not go on: {study.said[-300:]}")
            faults += study.faults(complete=True)
        faults += [f"{s:.1f} s until the exit" for s in seconds[-1:] if s > LIMIT]
    return {
        "name": "disk full at random moments, then space again",
        "tried": points,
        "faults": faults,
        "exit_seconds": [round(s, 2) for s in seconds],
        "lines": sorted(lines),
    }


def full_report(folder: Path, points: int, seed: int) -> dict[str, Any]:
    """Runs the verb `report` on disks with room for a random part of it, beside an older report."""
    rng = random.Random(seed)
    faults: list[str] = []
    results = folder / "results"
    shutil.copytree(SAMPLE, results)
    for number in range(points):
        report = folder / f"report{number}"
        with mounted(report):
            (report / "report.pdf").write_bytes(OLD)
            filler = fill(report)
            os.truncate(filler, filler.stat().st_size - rng.randrange(REPORT_SIZE))
            command = [
                sys.executable,
                str(ROOT / "run_study.py"),
                "report",
                "--results-dir",
                str(results),
                "--report-dir",
                str(report),
            ]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
            said = done.stderr.strip().splitlines()
            if done.returncode != 2 or len(said) != 1 or "no space left" not in said[0].lower():
                faults.append(f"exit {done.returncode}: {said}")
            pdf = (report / "report.pdf").read_bytes()
            if pdf != OLD and not pdf.rstrip().endswith(b"%%EOF"):
                faults.append("half a report")
            faults += [f"left behind: {path.name}" for path in report.rglob("*.part")]
    return {"name": "disk full during `report`", "tried": points, "faults": faults}


@contextlib.contextmanager
def mounted(folder: Path, size: str = SIZE) -> Iterator[None]:
    """Mounts a small file system in memory at `folder` while the block runs."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Writes a file that takes all free space, to the last block, and returns its path."""
    path = folder / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    block = bytes(1 << 16)
    while block:
        try:
            os.write(descriptor, block)
        except OSError:
            block = block[: len(block) // 2] if len(block) > 4_096 else b""
    os.close(descriptor)
    return path
