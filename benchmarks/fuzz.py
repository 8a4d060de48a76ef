"""Tries thousands of hostile inputs: ``python -m benchmarks.fuzz --cases 10000``.

Tries every target of `benchmarks.hostile`, then the real command on folders of bad data. Prints tables and
writes benchmarks/out/fuzz.json and the block ``fuzz`` of docs/reliability.md. Exits with 1 if any input
caused something else than a refusal in words or acceptance.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import tempfile
import warnings
from dataclasses import asdict
from pathlib import Path

from benchmarks.hostile import TARGETS
from benchmarks.hostile.bad_data import KINDS, Told, refused
from benchmarks.hostile.target import Count, pound
from benchmarks.page import replace_block

ROOT = Path(__file__).parents[1]


def table(counts: dict[str, Count]) -> str:
    """Returns a Markdown table of what was tried and what came of it."""
    lines = [
        "| input | cases | refused in words | accepted | tracebacks | seconds | slowest case |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, count in counts.items():
        accepted = count.cases - count.refusals - count.tracebacks
        lines.append(
            f"| {name} | {count.cases:,} | {count.refusals:,} | {accepted:,} | {count.tracebacks} "
            f"| {count.seconds:.0f} | {count.slowest:.2f} s |"
        )
    return "\n".join(lines)


def commands(place: Path) -> dict[str, Told]:
    """Runs the real command on every kind of bad data."""
    told = {}
    for kind in KINDS:
        (place / kind).mkdir()
        told[kind] = refused(kind, place / kind)
    return told


def command_table(told: dict[str, Told]) -> str:
    lines = ["| file | exit code | lines | seconds | peak memory, MB |", "|---|---:|---:|---:|---:|"]
    for kind, one in told.items():
        count = one.errors.count("\n")
        lines.append(f"| {kind} | {one.code} | {count} | {one.seconds:.1f} | {one.peak_mb:.0f} |")
    return "\n".join(lines)


def part(task: tuple[int, int, int, int]) -> tuple[str, Count]:
    """Tries one process's share of a target's cases; returns the target's name and the counts."""
    number, examples, job, jobs = task
    with tempfile.TemporaryDirectory() as folder:
        target = TARGETS[number](Path(folder))
        wanted = math.ceil(examples / target.share / jobs)
        return target.name, pound(target, wanted, first_seed=1_000 * job + 1)


def _one_thread() -> None:
    """Limits a process to one thread, because there is a process on each core, and hides warnings."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000, help="of every target (default 10000)")
    parser.add_argument("--only", default="", help="part of a target's module: no file is written then")
    flags = parser.parse_args()
    counts: dict[str, Count] = {}
    jobs = os.cpu_count() or 1
    with (
        tempfile.TemporaryDirectory() as place,
        multiprocessing.get_context("spawn").Pool(jobs, initializer=_one_thread) as pool,
    ):
        for number, make in enumerate(TARGETS):
            if flags.only not in make.__module__:
                continue
            parts = pool.map(part, [(number, flags.cases, job, jobs) for job in range(jobs)], chunksize=1)
            name = parts[0][0]
            counts[name] = sum((count for _, count in parts[1:]), start=parts[0][1])
            print(table({name: counts[name]}).splitlines()[-1], flush=True)
        told = {} if flags.only else commands(Path(place))
    for count in counts.values():
        print("\n".join(count.told))
    if not flags.only:
        print(command_table(told))
        out = ROOT / "benchmarks" / "out"
        out.mkdir(exist_ok=True)
        found = {
            "targets": {name: asdict(count) for name, count in counts.items()},
            "commands": {
                kind: {"code": one.code, "seconds": one.seconds, "peak_mb": one.peak_mb}
                for kind, one in told.items()
            },
        }
        (out / "fuzz.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        replace_block(ROOT / "docs" / "reliability.md", "fuzz", f"{table(counts)}\n\n{command_table(told)}")
    refusals = all(one.code == 2 and one.errors.count("\n") == 1 for one in told.values())
    return 0 if refusals and not any(count.tracebacks for count in counts.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
