"""Writes the tables and the picture of docs/validity.md from benchmarks/out/validity.json."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from benchmarks.page import replace_block

Result = dict[str, Any]
#: Effects in pp for which coverage is printed; every kind of contrast was simulated at each.
COVERAGE_PP = (0.0, 0.5, 2.0)
TINY = 1e-9


def publish(result: Result, docs: Path) -> None:
    replace_block(docs / "validity.md", "validity", tables(result))
    draw(result, docs / "validity.svg")


def tables(result: Result) -> str:
    main = [cell for cell in result["cells"] if not cell["harder"]]
    parts = [part(main) for part in (_sizes, _coverage, _noise, _family, _single, _bias, _power)]
    return "\n\n".join([*parts, _harder([cell for cell in result["cells"] if cell["harder"]])])


def _harder(cells: list[Result]) -> str:
    """Tabulates studies without an effect whose noise, images or runs differ from the main cells."""
    lines = ["**Harder studies**, no effect: lowest and mean coverage over contrasts, false directions", ""]
    lines.append("| what is harder | seeds | studies | lowest coverage | mean | false direction in |")
    lines.append("|---|---:|---:|---:|---:|---:|")
    for cell in cells:
        what = (
            "noise of the arms 0.07–3.3 pp"
            if cell["unequal"]
            else f"{100 * cell['missing']:.0f} % of the runs are lost"
            if cell["missing"]
            else f"{cell['images']:,} test images"
        )
        coverage = [row["coverage"] for row in cell["rows"] if not math.isnan(row["coverage"])]
        lines.append(
            f"| {what} | {cell['seeds']} | {cell['studies']:,} | {100 * min(coverage):.1f} "
            f"| {100 * float(np.mean(coverage)):.1f} "
            f"| {_rate(cell['family']['false_direction'], cell['studies'])} |"
        )
    return "\n".join(lines)


def _sizes(cells: list[Result]) -> str:
    counts = sorted({cell["studies"] for cell in cells}, reverse=True)
    total = sum(cell["studies"] for cell in cells)
    return (
        f"{total:,} studies: {counts[0]:,} for every number of seeds with no effect, and at five seeds for "
        f"every main planted effect; {counts[-1]:,} elsewhere. {cells[0]['images']:,} test images."
    )


def _coverage(cells: list[Result]) -> str:
    lines = ["**Coverage of the 95 % interval**, mean over networks (`±`: Monte-Carlo standard error)", ""]
    heads = [(seeds, effect) for seeds in _seeds(cells) for effect in COVERAGE_PP]
    lines.append("| contrast | " + " | ".join(f"{s} seeds, {e:g} pp" for s, e in heads) + " |")
    lines.append("|---|" + "---:|" * len(heads))
    for name in dict.fromkeys(row["name"] for row in cells[0]["rows"]):
        texts = []
        for seeds, effect in heads:
            found = list(_rows(cells, seeds, effect, lambda row, name=name: row["name"] == name))
            value = float(np.mean([row["coverage"] for _, row in found]))
            studies = sum({cell["effect_pp"]: cell["studies"] for cell, _ in found}.values())
            texts.append(f"{100 * value:.1f} ± {100 * math.sqrt(value * (1 - value) / studies):.1f}")
        lines.append(f"| {name} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def _noise(cells: list[Result]) -> str:
    levels = list(cells[0]["coverage_by_noise"])
    lines = ["**Coverage by noise over seeds**, all contrasts and effects", ""]
    lines.append("| seeds | " + " | ".join(f"{level} pp" for level in levels) + " | half-width, pp |")
    lines.append("|---:|" + "---:|" * (len(levels) + 1))
    for seeds in _seeds(cells):
        chosen = [cell for cell in cells if cell["seeds"] == seeds]
        weights = [cell["studies"] for cell in chosen]
        texts = [
            f"{100 * np.average([c['coverage_by_noise'][level] for c in chosen], weights=weights):.1f}"
            for level in levels
        ]
        width = np.mean([row["half_width_pp"] for cell in chosen for row in cell["rows"]])
        lines.append(f"| {seeds} | " + " | ".join(texts) + f" | {width:.2f} |")
    return "\n".join(lines)


def _family(cells: list[Result]) -> str:
    lines = ["**False claims**, percent of studies with at least one among 17 contrasts", ""]
    lines.append(
        "| seeds | direction, no effect | the same, p-values from seeds alone "
        "| wrong direction, effects planted |"
    )
    lines.append("|---:|---:|---:|---:|")
    for seeds in _seeds(cells):
        null = next(c for c in cells if c["seeds"] == seeds and not c["effect_pp"])
        planted = [c for c in cells if c["seeds"] == seeds and c["effect_pp"]]
        weights = [cell["studies"] for cell in planted]
        wrong = np.average([c["family"]["false_direction"] for c in planted], weights=weights)
        family, studies = null["family"], null["studies"]
        lines.append(
            f"| {seeds} | {_rate(family['false_direction'], studies)} "
            f"| {_rate(family['false_direction_seeds_only'], studies)} "
            f"| {_rate(float(wrong), sum(weights))} |"
        )
    return "\n".join(lines)


def _single(cells: list[Result]) -> str:
    lines = ["**One contrast at a time**, percent of contrasts", ""]
    lines.append(
        "| seeds | interval excludes zero, no effect "
        "| called equivalent, true 0 pp | true 0.5 pp | true 1 pp (the margin) | true 1.5 pp |"
    )
    lines.append("|---:|" + "---:|" * 5)
    for seeds in _seeds(cells):
        null = next(c for c in cells if c["seeds"] == seeds and not c["effect_pp"])
        rates = [mean_rate(cells, seeds, effect, "equivalent") for effect in (0.0, 0.5, 1.0, 1.5)]
        lines.append(
            f"| {seeds} | {100 * null['family']['excludes_zero']:.1f} | "
            + " | ".join(f"{100 * rate:.1f}" for rate in rates)
            + " |"
        )
    return "\n".join(lines)


def _bias(cells: list[Result]) -> str:
    lines = ["**Bias**: found minus planted effect, over all rows and effects", ""]
    lines += ["| seeds | mean, pp | largest, pp | mean square of bias ÷ its Monte-Carlo error |"]
    lines += ["|---:|---:|---:|---:|"]
    for seeds in _seeds(cells):
        rows = [row for cell in cells if cell["seeds"] == seeds for row in cell["rows"]]
        bias = np.array([row["bias_pp"] for row in rows])
        ratio = bias / np.array([row["bias_error_pp"] for row in rows])
        lines.append(
            f"| {seeds} | {bias.mean():+.3f} | {np.abs(bias).max():.3f} | {np.mean(ratio**2):.2f} |"
        )
    return "\n".join(lines)


def _power(cells: list[Result]) -> str:
    lines = ["**Power**: percent of contrasts with this true effect whose direction is claimed", ""]
    effects = _effects(cells)
    lines.append(
        "| seeds | "
        + " | ".join(f"{e:g} pp" for e in effects)
        + " | printed detectable effect, pp (median; range over contrasts) | power at it |"
    )
    lines.append("|---:|" + "---:|" * (len(effects) + 2))
    for seeds in _seeds(cells):
        curve = [f"{100 * mean_rate(cells, seeds, effect, 'claimed'):.0f}" for effect in effects]
        limits = detectable(cells, seeds)
        lines.append(
            f"| {seeds} | "
            + " | ".join(curve)
            + f" | {np.median(limits):.2f}; {min(limits):.2f}–{max(limits):.2f} "
            f"| {100 * power_at_detectable(cells, seeds):.0f} |"
        )
    return "\n".join(lines)


def mean_rate(cells: list[Result], seeds: int, effect: float, key: str) -> float:
    """Returns the mean over rows with a verdict and this true effect, weighted by studies.

    It is NaN without such rows.
    """
    found = _rows(cells, seeds, effect, _judged)
    if not found:
        return math.nan
    weights = [cell["studies"] for cell, _ in found]
    return float(np.average([row[key] for _, row in found], weights=weights))


def detectable(cells: list[Result], seeds: int) -> list[float]:
    """Returns the median detectable effect of each row with a verdict, from studies without an effect."""
    null = next(c for c in cells if c["seeds"] == seeds and not c["effect_pp"])
    return [row["detectable_pp"] for row in null["rows"] if _judged(row)]


def power_at_detectable(cells: list[Result], seeds: int) -> float:
    """Returns the mean power over rows, each interpolated at its own detectable effect."""
    powers = []
    chosen = [cell for cell in cells if cell["seeds"] == seeds]
    judged = [index for index, row in enumerate(chosen[0]["rows"]) if _judged(row)]
    for index, limit in zip(judged, detectable(cells, seeds), strict=True):
        points = sorted(
            (cell["rows"][index]["truth_pp"], cell["rows"][index]["claimed"]) for cell in chosen
        )
        powers.append(np.interp(limit, *zip(*points, strict=True)))
    return float(np.mean(powers))


def _judged(row: Result) -> bool:
    """Whether the contrast gets a verdict."""
    return bool(row["family"] != "exploratory")


def draw(result: Result, path: Path) -> None:
    cells = [cell for cell in result["cells"] if not cell["harder"]]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    names = list(dict.fromkeys(row["name"] for row in cells[0]["rows"]))
    colours = ("#1f4e79", "#c0504d", "#4f8f4f")
    for shift, (seeds, colour) in enumerate(zip(_seeds(cells), colours, strict=True)):
        places, values = [], []
        for place, name in enumerate(names):
            for effect in COVERAGE_PP:
                for _, row in _rows(cells, seeds, effect, lambda row, name=name: row["name"] == name):
                    places.append(place + (shift - 1) * 0.22)
                    values.append(100 * row["coverage"])
        left.plot(places, values, ".", color=colour, ms=4, label=f"{seeds} seeds")
        effects = _effects(cells)
        curve = [100 * mean_rate(cells, seeds, effect, "claimed") for effect in effects]
        right.plot(effects, curve, "o-", color=colour, ms=3, label=f"{seeds} seeds")
        right.axvline(float(np.median(detectable(cells, seeds))), color=colour, ls=":", lw=1)
    left.axhspan(93, 97, color="#e6e6e6", zorder=0)
    left.axhline(95, color="black", lw=0.8)
    left.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=8)
    left.set_ylabel("coverage of the 95 % interval, %")
    right.axhline(80, color="black", lw=0.8)
    right.set_xlabel("true effect, pp (dotted: printed detectable effect)")
    right.set_ylabel("direction claimed, %")
    for panel in (left, right):
        panel.legend(fontsize=8)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _rows(
    cells: list[Result], seeds: int, effect: float, wanted: Callable[[Result], bool]
) -> list[tuple[Result, Result]]:
    return [
        (cell, row)
        for cell in cells
        if cell["seeds"] == seeds
        for row in cell["rows"]
        if wanted(row) and abs(row["truth_pp"] - effect) < TINY
    ]


def _seeds(cells: list[Result]) -> list[int]:
    return sorted({cell["seeds"] for cell in cells})


def _effects(cells: list[Result]) -> list[float]:
    """Returns the true effects above zero up to the largest planted one."""
    largest = max(cell["effect_pp"] for cell in cells)
    found = {round(row["truth_pp"], 6) for cell in cells for row in cell["rows"]}
    return sorted(effect for effect in found if 0 < effect <= largest)


def _rate(value: float, studies: int) -> str:
    return f"{100 * value:.1f} ± {100 * math.sqrt(value * (1 - value) / studies):.1f}"
