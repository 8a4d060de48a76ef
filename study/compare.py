"""Compares two studies: what differs in their settings, and their effects side by side."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from study.analysis import Analysis, analyse
from study.analysis.arms import champion, records

#: Fields of environment.json that say how a study was carried out.
_SETTINGS = (
    "seed",
    "device",
    "device_name",
    "precision",
    "workers",
    "threads",
    "torch",
    "study_version",
    "commit",
)
_EQUAL = "nothing that was noted differs"


def compare(first: Path, second: Path) -> list[str]:
    """Returns the lines of a page in Markdown about two results directories.

    An effect of the second study minus that of the first has an interval only where both have one; its half
    width is the root of the sum of the squared half widths, as if the studies were independent. Those with
    the same seed and data are not, and their interval is too wide.

    Args:
        first: results directory of a study, complete or not.
        second: that of the other one.

    Raises:
        StoreError: a directory does not exist, or a file in it is damaged.
    """
    studies = [analyse(first), analyse(second)]
    return [
        f"# {first} and {second}",
        "",
        "| setting | first | second |",
        "|---|---|---|",
        *_settings(*studies),
        "",
        "| network trained longest | first | second |",
        "|---|---:|---:|",
        *_champions(*studies),
        "",
        "Effects in percentage points of test accuracy with 95 % intervals; last column: second − first.",
        "",
        "| contrast | first | verdict | second | verdict | difference |",
        "|---|---:|---|---:|---|---:|",
        *_effects(studies[0].contrasts, studies[1].contrasts),
    ]


def _settings(first: Analysis, second: Analysis) -> Iterator[str]:
    """Yields a row for each setting that differs."""
    pairs = {
        name: tuple(each.sources.environment.get(name) for each in (first, second)) for name in _SETTINGS
    }
    pairs["budget, s"] = tuple(each.sources.plan.get("budget_seconds") for each in (first, second))
    pairs["data set"] = tuple(each.sources.data.name for each in (first, second))
    pairs["data set, SHA-256"] = tuple(_short(_digest(each, "dataset")) for each in (first, second))
    networks = sorted({name for each in (first, second) for name in _weights(each)})
    for network in networks:
        pairs[f"weights of {network}"] = tuple(_weights(each).get(network, "–") for each in (first, second))
    rows = [f"| {name} | {_cell(a)} | {_cell(b)} |" for name, (a, b) in pairs.items() if a != b]
    yield from rows or [f"| {_EQUAL} | | |"]


def _digest(study: Analysis, name: str) -> str:
    return str((study.sources.environment.get(name) or {}).get("sha256") or "")


def _weights(study: Analysis) -> dict[str, str]:
    """Returns source and beginning of the hash of each network's weights."""
    stored = study.sources.environment.get("weights") or {}
    return {
        name: f"{item.get('source')} {_short(item.get('sha256') or '')}".strip()
        for name, item in stored.items()
    }


def _short(digest: str) -> str:
    return digest[:12]


def _champions(*studies: Analysis) -> Iterator[str]:
    found = [_champion(study) for study in studies]
    for title, name in (
        ("arm", "arm"),
        ("training images seen", "rung"),
        ("accuracy on training images", "train_accuracy"),
        ("accuracy on test images", "test_accuracy"),
    ):
        yield f"| {title} | {' | '.join(_cell(row.get(name)) for row in found)} |"


def _champion(study: Analysis) -> dict[str, Any]:
    known = dict(champion(study.sources.results) or {})
    if known:
        known["arm"] = "-".join(str(known[name]) for name in ("model", "init", "scope", "lr_policy"))
    return known


def _effects(first: pd.DataFrame, second: pd.DataFrame) -> Iterator[str]:
    """Yields a row for each contrast of either study."""
    tables = [{(row["name"], row["model"]): row for row in records(table)} for table in (first, second)]
    for name, model in dict.fromkeys((*tables[0], *tables[1])):
        rows = [table.get((name, model)) for table in tables]
        cells = [f"{_effect(row)} | {row['verdict'] if row else '–'}" for row in rows]
        yield f"| {name}, {model} | {' | '.join(cells)} | {_difference(*rows)} |"


def _effect(row: Any) -> str:
    if row is None or math.isnan(row["effect_pp"]):
        return "–"
    text = f"{row['effect_pp']:+.2f}"
    if not math.isnan(row["ci_low_pp"]):
        text += f" [{row['ci_low_pp']:.2f}, {row['ci_high_pp']:.2f}]"
    return text


def _difference(first: Any, second: Any) -> str:
    if first is None or second is None or math.isnan(second["effect_pp"] - first["effect_pp"]):
        return "–"
    effect = second["effect_pp"] - first["effect_pp"]
    halves = [(row["ci_high_pp"] - row["ci_low_pp"]) / 2 for row in (first, second)]
    if any(map(math.isnan, halves)):
        return f"{effect:+.2f}"
    half = math.hypot(*halves)
    return f"{effect:+.2f} [{effect - half:.2f}, {effect + half:.2f}]"


def _cell(value: Any) -> str:
    """Formats a value; accuracies have four decimals, and a bar would end the cell."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) <= 1 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "/")
