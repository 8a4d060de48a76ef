"""What `benchmarks.time_to_accuracy` measures, and the file that keeps what was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any, TypeAlias

from study.store.files import write_text

Record: TypeAlias = dict[str, Any]
OURS = "study"
CONTESTANTS = {
    "googlenet": (OURS, "torchvision", "fastai", "lightning"),
    "vgg11": (OURS, "torchvision", "fastai", "lightning", "timm"),
}
#: Rounds of each budget in minutes; the longest is for this project and the best peer.
ROUNDS = {2.0: 3, 5.0: 1, 10.0: 1}
LONGEST = 10.0
#: Budgets in seconds that are tried until one ends at GOAL.
LADDER_MODEL = "googlenet"
LADDER = (30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0)
GOAL = 0.85


@dataclass(frozen=True)
class Cell:
    """One training: seconds of training are its budget; the round is also the seed."""

    contestant: str
    model: str
    seconds: float
    round: int

    @property
    def key(self) -> Record:
        values = asdict(self)
        return {"budget_seconds": values.pop("seconds"), **values}

    def __str__(self) -> str:
        return f"{self.model}, {self.seconds:g} s, round {self.round}, {self.contestant}"


class Records:
    """Finished cells and pilots; each is written when it is added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.cells: list[Record] = known.get("cells", [])
        self.pilots: list[Record] = known.get("pilots", [])

    def add(self, kind: str, record: Record) -> None:
        """kind: ``cells`` or ``pilots``."""
        {"cells": self.cells, "pilots": self.pilots}[kind].append(record)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = {"pilots": self.pilots, "cells": self.cells}
        write_text(self._path, json.dumps(content, indent=1) + "\n")

    def cell(self, cell: Cell) -> Record | None:
        wanted = cell.key.items()
        return next((found for found in self.cells if wanted <= found.items()), None)

    def pilot(self, contestant: str, model: str, batch: int, rate: float) -> Record | None:
        wanted = (contestant, model, batch, rate)
        return next((found for found in self.pilots if _choice(found) == wanted), None)

    def choice(
        self, contestant: str, model: str, among: Sequence[tuple[int, float]] | None = None
    ) -> Record:
        """The pilot that was best on validation, among pairs of batch size and rate or all."""
        return max(
            (
                found
                for found in self.pilots
                if _choice(found)[:2] == (contestant, model)
                and (among is None or _choice(found)[2:] in among)
            ),
            key=lambda found: found["accuracy"],
        )

    def of(self, contestant: str, model: str, seconds: float) -> list[Record]:
        """The rounds of one budget."""
        wanted = (contestant, model, seconds)
        found = [c for c in self.cells if (c["contestant"], c["model"], c["budget_seconds"]) == wanted]
        return sorted(found, key=lambda cell: cell["round"])

    def best_peer(self, model: str) -> str | None:
        """By mean test accuracy at the longest budget below the last one that all peers have."""
        peers = [name for name in CONTESTANTS[model] if name != OURS]
        for minutes in sorted((each for each in ROUNDS if each < LONGEST), reverse=True):
            found = {name: self.of(name, model, 60 * minutes) for name in peers}
            if all(found.values()):
                return max(peers, key=lambda name: mean(cell["accuracy"] for cell in found[name]))
        return None

    def reached(self, contestant: str, below: float = float("inf")) -> Record | None:
        """Of the ladder's model: the shortest budget under `below` whose first round ended at GOAL."""
        done = [
            cell
            for cell in self.cells
            if (cell["contestant"], cell["model"], cell["round"]) == (contestant, LADDER_MODEL, 1)
            and cell["budget_seconds"] < below
            and cell["accuracy"] >= GOAL
        ]
        return min(done, key=lambda cell: cell["budget_seconds"], default=None)


def _choice(pilot: Record) -> tuple[str, str, int, float]:
    return pilot["contestant"], pilot["model"], pilot["batch"], pilot["rate"]
