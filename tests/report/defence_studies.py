"""Planted studies that ask for every sentence of the sheet for the defence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.hostile.results import WITNESS

ARMS = ("frozen", "full-uniform", "full-discriminative")
PRETRAINED = tuple(f"{model}-pretrained-{arm}" for model in ("vgg11", "googlenet") for arm in ARMS)


def _table(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    """Changes a CSV file of the results."""

    def alter(folder: Path) -> None:
        table = pd.read_csv(folder / name, keep_default_na=False, na_values=[""])
        change(table).to_csv(folder / name, index=False)

    return alter


def json_in(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def alter(folder: Path) -> None:
        value = json.loads((folder / name).read_text(encoding="utf-8"))
        change(value)
        (folder / name).write_text(json.dumps(value), encoding="utf-8")

    return alter


def _pixels(accuracy: float | None) -> Callable[[Path], None]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        if accuracy is None:
            return table[table["name"] == "chance"]
        return table.assign(test_accuracy=table["test_accuracy"].where(table["name"] == "chance", accuracy))

    return _table("baselines.csv", change)


def _set(column: str, value: float, **where: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Sets a column in the rows in which others have the values named."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        chosen = (table[list(where)] == pd.Series(where)).all(axis=1)
        assert chosen.any()
        return table.assign(**{column: table[column].where(~chosen, value)})

    return change


def _best_in_the_middle(table: pd.DataFrame) -> pd.DataFrame:
    """The trial with the second lowest rate of each arm becomes the best one."""
    rank = table.groupby(["model", "init", "scope", "lr_policy"])["lr"].rank()
    return table.assign(val_accuracy=0.9 - abs(rank - 2) / 100)


def _with_witness(folder: Path) -> None:
    (folder / "witness.json").write_text(json.dumps(WITNESS), encoding="utf-8")


#: Studies by name: how they are planted, and what is changed afterwards.
STUDIES: dict[str, tuple[dict[str, Any], list[Callable[[Path], None]]]] = {
    "usual": ({}, []),
    "no champion": ({"champion": False}, []),
    "below the baseline": ({}, [_pixels(0.99)]),
    "overfitted": (
        {},
        [_pixels(0.99), _table("results.csv", _set("train_accuracy", 0.995, role="champion"))],
    ),
    "at the baseline": ({}, [_pixels(0.931)]),
    "above in every arm": ({}, [_pixels(0.2)]),
    "no baseline": ({}, [_pixels(None)]),
    "no pretrained arm": ({"source": "none", "missing": PRETRAINED}, []),
    "ImageNet": ({"source": "imagenet1k_v1"}, []),
    "own weights": ({"source": "mine.pth"}, []),
    "one seed": ({"seeds": 1, "trials": 0}, []),
    "five seeds": ({"seeds": 5}, []),
    "unequal seeds": ({"failed": ("vgg11-scratch-frozen",)}, []),
    "no predictions": ({"artifacts": False}, []),
    "unequal trials": ({}, [_table("trials.csv", lambda table: table.iloc[1:])]),
    "best rates inside": ({}, [_table("trials.csv", _best_in_the_middle)]),
    "witness": ({}, [_with_witness]),
    "one network not trained": (
        {"models": ("vgg11",)},
        [json_in("plan.json", lambda plan: plan["decisions"].update(googlenet=plan["decisions"]["vgg11"]))],
    ),
    "no time known": (
        {},
        [json_in("plan.json", lambda plan: plan["left_out"][0].update(needs_seconds=None))],
    ),
    "no longer gaining": ({}, [_table("rungs.csv", _set("test_accuracy", 0.5, rung=64_000))]),
    "no runs": ({"bare": True}, []),
}
