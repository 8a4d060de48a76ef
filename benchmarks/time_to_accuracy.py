"""Measures test accuracy after given seconds of training, for this project and other libraries.

`python -m benchmarks.time_to_accuracy` trains GoogLeNet and VGG11 from scratch on two cores, each
contestant in a process of its own, in turns. Only training counts, without set-up, calibration, pilots and
evaluation. Each run is added to benchmarks/out/time_to_accuracy.json at once and is not repeated if it is
there, so a part can be run on another day: `--minutes 2 --models googlenet`. `--list` prints what is left
to do; `--page` writes docs/performance.md.

A peer has the best of the given peak rates and batch sizes, by validation after a pilot of its own. The
ladder is for GoogLeNet alone: one training for each budget, from the shortest on, until one ends at 0.85.
The longest budget is for this project and the peer that was best at the longest one that all peers have.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.contest import FOLDER, ROOT, ContestantError, ask, lay_out, processor
from benchmarks.time_records import (
    CONTESTANTS,
    GOAL,
    LADDER,
    LADDER_MODEL,
    LONGEST,
    OURS,
    ROUNDS,
    Cell,
    Records,
)

SCRIPTS = {
    OURS: "timed_study.py",
    "torchvision": "timed_plain.py",
    "fastai": "timed_fastai.py",
    "lightning": "timed_lightning.py",
    "timm": "timed_timm.py",
}
RATES = {"googlenet": (1e-3, 3e-3), "vgg11": (1e-4, 3e-4)}
BATCHES = (32, 64)
CORES = 2
#: Seconds that set-up and evaluation may take before a contestant counts as hung.
_PATIENCE = 1_200


def main() -> None:
    flags = _flags()
    records = Records(flags.out)
    if flags.page:
        from benchmarks.time_page import publish

        return publish(records, page=flags.docs)
    if flags.list:
        return _tell(flags, records)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    lost = 0
    with tempfile.TemporaryDirectory() as data:
        lay_out(Path(data))
        for cell in _cells(flags, records):
            try:
                _run(cell, flags, records, data)
            except ContestantError as error:
                lost += 1
                print(f"{cell}: {error}", file=sys.stderr, flush=True)
    if lost:
        raise SystemExit(f"{lost} runs gave no figures; the same command tries them again")


def _flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    parser.add_argument("--minutes", nargs="+", type=float, help="default: 2 5 10, then the ladder")
    parser.add_argument(
        "--rounds", type=int, nargs="+", help="which rounds; default: 1 2 3 of 2 minutes, 1 of longer ones"
    )
    parser.add_argument("--ladder", action="store_true", help="only the seconds to 0.85")
    parser.add_argument("--rungs", nargs="+", type=float, default=LADDER, help="seconds of the ladder")
    for model, pair in RATES.items():
        parser.add_argument(
            f"--rates-{model}", nargs="+", type=float, default=pair, help="peak rates of the peers' pilots"
        )
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--pilot-seconds", type=float, default=30.0)
    parser.add_argument("--calibration-seconds", type=float, default=10.0)
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-bench/bin/python")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/out/time_to_accuracy.json")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs/performance.md")
    parser.add_argument("--list", action="store_true", help="tell what is to do, and run nothing")
    parser.add_argument("--page", action="store_true", help="write docs/performance.md, and run nothing")
    return parser.parse_args()


def _cells(flags: argparse.Namespace, records: Records) -> Iterator[Cell]:
    """Yields what is left to do, in order; whether a cell is finished is decided when its turn comes."""
    minutes = flags.minutes or ([] if flags.ladder else list(ROUNDS))
    for each in sorted(minutes):
        for round_ in flags.rounds or range(1, ROUNDS.get(each, 1) + 1):
            for model in flags.models:
                names = list(CONTESTANTS[model])
                if each >= LONGEST:
                    best = records.best_peer(model)
                    if best is None:
                        print(f"{model}, {each:g} minutes: the best peer is not known yet", flush=True)
                    names = [OURS, *([best] if best else [])]
                turn = (round_ - 1) % len(names)
                for name in names[turn:] + names[:turn]:
                    yield from _open(Cell(name, model, 60 * each, round_), flags, records)
    if LADDER_MODEL in flags.models and (flags.ladder or not flags.minutes):
        for seconds in sorted(flags.rungs):
            for name in CONTESTANTS[LADDER_MODEL]:
                if records.reached(name, below=seconds) is None:
                    yield from _open(Cell(name, LADDER_MODEL, seconds, 1), flags, records)


def _open(cell: Cell, flags: argparse.Namespace, records: Records) -> Iterator[Cell]:
    if cell.contestant in flags.only and records.cell(cell) is None:
        yield cell


def _tell(flags: argparse.Namespace, records: Records) -> None:
    """Prints the cells that would be run now; the ladder may end before its last ones."""
    total = 0.0
    for cell in _cells(flags, records):
        print(cell)
        total += cell.seconds
    pilots = {
        (name, model)
        for model in flags.models
        for name in CONTESTANTS[model]
        if name in flags.only and name != OURS
    }
    wanted = sum(
        records.pilot(name, model, batch, rate) is None
        for name, model in pilots
        for batch, rate in _choices(flags, model)
    )
    print(
        f"{total:.0f} s of training, at most; {wanted} pilots of {flags.pilot_seconds:g} s; "
        "set-up, calibration and judging beside"
    )


def _choices(flags: argparse.Namespace, model: str) -> list[tuple[int, float]]:
    return list(product(flags.batches, getattr(flags, f"rates_{model}")))


def _run(cell: Cell, flags: argparse.Namespace, records: Records, data: str) -> None:
    command: list[str | Path] = [
        flags.peers,
        FOLDER / SCRIPTS[cell.contestant],
        "--data",
        data,
        "--model",
        cell.model,
        "--calibration",
        str(flags.calibration_seconds),
    ]
    task = ["--seconds", str(cell.seconds), "--seed", str(cell.round)]
    if cell.contestant == OURS:
        command[0] = sys.executable
    else:
        choices = _choices(flags, cell.model)
        _pilots(cell, choices, flags, records, command)
        best = records.choice(cell.contestant, cell.model, choices)
        task += ["--batch", str(best["batch"]), "--rate", str(best["rate"])]
    found = _measured([*command, *task], cell.seconds, ours=cell.contestant == OURS)
    records.add("cells", {**cell.key, **found})
    print(
        f"{cell}: {found['accuracy']:.4f} after {found['seconds']:.1f} s, {found['images']:,} images, "
        f"{found['images_per_second']:.0f} images/s, {found['wall_seconds']:.0f} s in all",
        flush=True,
    )
    if cell.model == LADDER_MODEL and found["accuracy"] >= GOAL:
        print(f"  {GOAL} reached", flush=True)


def _pilots(
    cell: Cell,
    choices: list[tuple[int, float]],
    flags: argparse.Namespace,
    records: Records,
    command: list[str | Path],
) -> None:
    for batch, rate in choices:
        if records.pilot(cell.contestant, cell.model, batch, rate) is None:
            task = [
                "--seconds",
                str(flags.pilot_seconds),
                "--seed",
                "0",
                "--judge",
                "validation",
                "--batch",
                str(batch),
                "--rate",
                str(rate),
            ]
            found = _measured([*command, *task], flags.pilot_seconds, ours=False)
            records.add("pilots", {"contestant": cell.contestant, "model": cell.model, **found})
            print(
                f"pilot of {cell.contestant}, {cell.model}, {batch} images a batch, rate {rate:g}: "
                f"{found['accuracy']:.4f} on validation",
                flush=True,
            )


def _measured(command: list[str | Path], seconds: float, *, ours: bool) -> dict[str, Any]:
    """Runs a contestant; returns its figures, the machine's state before, and the whole wall time."""
    state = {
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "machine": processor(),
        "load_average": os.getloadavg()[0],
        "busy_cores": _busy_cores(),
    }
    began = time.monotonic()
    found = ask(command, ours=ours, timeout=10 * seconds + _PATIENCE)
    return {
        **state,
        **found,
        "images_per_second": found["images"] / found["seconds"],
        "wall_seconds": time.monotonic() - began,
    }


def _busy_cores() -> float:
    """Returns how many cores other processes keep busy during a second in which this one sleeps."""

    def counted() -> tuple[int, int]:
        values = [int(v) for v in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(values), values[3] + values[4]

    try:
        all_before, idle_before = counted()
        time.sleep(1.0)
        all_after, idle_after = counted()
    except OSError:
        return float("nan")
    share = 1 - (idle_after - idle_before) / max(1, all_after - all_before)
    return round(share * (os.cpu_count() or 1), 2)


if __name__ == "__main__":
    main()
