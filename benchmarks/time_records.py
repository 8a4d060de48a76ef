"""Defines what `benchmarks.time_to_accuracy` measures, and stores what was measured."""

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
#: Number of rounds of each budget in minutes; only this project and the best peer train for the longest.
ROUNDS = {2.0: 3, 5.0: 1, 10.0: 1}
LONGEST = 10.0
#: Network and budgets in seconds of the ladder, which are tried until one ends at the accuracy GOAL.
LADDER_MODEL = "googlenet"
LADDER = (30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0)
GOAL = 0.85


@dataclass(frozen=True)
class Cell:
    """One training.

    Attributes:
        contestant: the library.
        model: the network.
        seconds: budget of training.
        round: number of the repetition, which is also the seed.
    """

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
    """Finished cells and pilots; each is written to the file when it is added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.cells: list[Record] = known.get("cells", [])
        self.pilots: list[Record] = known.get("pilots", [])

    def add(self, kind: str, record: Record) -> None:
        """Adds and stores a record of the kind ``cells`` or ``pilots``."""
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
        """Returns the pilot with the best validation accuracy.

        Args:
            among: pairs of batch size and rate that are considered; by default all.
        """
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
        """Returns the records of one budget in order of the round."""
        wanted = (contestant, model, seconds)
        found = [c for c in self.cells if (c["contestant"], c["model"], c["budget_seconds"]) == wanted]
        return sorted(found, key=lambda cell: cell["round"])

    def of_round(self, model: str, seconds: float, number: int) -> list[Record]:
        """Returns the records of all contestants in one round."""
        wanted = (model, seconds, number)
        return [c for c in self.cells if (c["model"], c["budget_seconds"], c["round"]) == wanted]

    def best_peer(self, model: str) -> str | None:
        """Returns the peer with the best mean test accuracy, or None if it is not known yet.

        It is compared at the longest budget below the last one that all peers have.
        """
        peers = [name for name in CONTESTANTS[model] if name != OURS]
        for minutes in sorted((each for each in ROUNDS if each < LONGEST), reverse=True):
            found = {name: self.of(name, model, 60 * minutes) for name in peers}
            if all(found.values()):
                return max(peers, key=lambda name: mean(cell["accuracy"] for cell in found[name]))
        return None

    def reached(self, contestant: str, below: float = float("inf")) -> Record | None:
        """Returns the ladder's shortest training under `below` seconds that ended at GOAL, or None."""
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
