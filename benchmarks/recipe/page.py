"""Writes the measured rows into docs/recipe.md."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

from benchmarks.page import replace_block
from benchmarks.recipe.catalogue import GROUPS, Group
from benchmarks.recipe.gate import sentence
from benchmarks.recipe.settings import Row, Setting, key

PAGE = Path(__file__).parents[2] / "docs" / "recipe.md"
_WORDS = {
    "lr": "rate",
    "warm_up": "warm-up",
    "beta2": "β₂",
    "share": "f",
    "label_smoothing": "smoothing",
    "bias_factor": "bias rate ×",
    "ema": "averaged over",
    "lr_decay": "decay by stage",
    "flip_test": "mirror at test",
    "weight_decay": "weight decay",
}


def write(rows: list[Row]) -> None:
    replace_block(PAGE, "recipe", "\n\n".join(tables(rows)))


def tables(rows: list[Row]) -> Iterable[str]:
    """Yields a table for each group that has rows which no earlier table shows."""
    shown: set[str] = set()
    for group in GROUPS:
        rivals = group.rivals
        mine = {key(row.setting, row.samples) for row in rows if row.setting in rivals}
        if mine - shown:
            yield table(group, rows)
        shown |= mine


def table(group: Group, rows: list[Row]) -> str:
    """Returns a table with a line for each setting: mean accuracy at each rung in per cent, and by seed."""
    by_key = {(row.setting, row.samples): row for row in rows}
    varied = [
        field.name
        for field in fields(Setting)
        if field.name != "seed" and len({getattr(s, field.name) for s in group.settings}) > 1
    ]
    head = [_WORDS.get(name, name) for name in varied]
    rivals = group.rivals
    rungs = sorted({row.samples for row in rows if row.setting in rivals})
    lines = [f"### {group.title}", "", f"Otherwise: {_common(group, varied)}.", ""]
    lines += [_line([*head, *(f"{rung:,}" for rung in rungs), "seeds", "images/s"])]
    lines += [_line(["---"] * (len(head) + len(rungs) + 2))]
    for setting in group.settings:
        cells, speeds, seeds = [], [], 0
        for rung in rungs:
            pairs = [by_key.get((replace(setting, seed=seed), rung)) for seed in group.seeds]
            present = [row for row in pairs if row is not None]
            cells.append(_cell([row.accuracy for row in present]))
            speeds += [row.images_per_second for row in present]
            seeds = max(seeds, len(present))
        if seeds:
            told = f"{min(speeds):.0f}–{max(speeds):.0f}"
            values = [_value(getattr(setting, name)) for name in varied]
            lines.append(_line([*values, *cells, str(seeds), told]))
    told = sentence([row for row in rows if row.setting in rivals])
    return "\n".join([*lines, *(["", told] if told else [])])


def _common(group: Group, varied: list[str]) -> str:
    first = group.settings[0]
    shown = ["init", "schedule", "lr", "batch", "warm_up", "share", "beta2", "augmentation"]
    parts = [
        f"{_WORDS.get(name, name)} {_value(getattr(first, name))}"
        for name in (field.name for field in fields(Setting))
        if name not in varied
        and name not in ("seed", "model")
        and (name in shown or getattr(first, name) != getattr(_PLAIN, name))
    ]
    return ", ".join(parts)


def _cell(values: list[float]) -> str:
    if not values:
        return ""
    each = ", ".join(f"{100 * value:.1f}" for value in values)
    return f"**{100 * statistics.mean(values):.1f}** ({each})" if len(values) > 1 else each


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PLAIN = GROUPS[0].settings[0]
