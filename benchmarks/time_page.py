"""Writes the block `time` of docs/performance.md and its figure from the stored measurements."""

from __future__ import annotations

from pathlib import Path
from statistics import mean, median

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from benchmarks.page import replace_block
from benchmarks.time_records import (
    CONTESTANTS,
    GOAL,
    LADDER,
    LADDER_MODEL,
    LONGEST,
    OURS,
    ROUNDS,
    Record,
    Records,
)

FIGURE = "performance-time.svg"
TITLES = {"googlenet": "GoogLeNet", "vgg11": "VGG11"}
NAMES = ("study", "torchvision", "fastai", "lightning", "timm")
#: Marker, line and grey of each contestant, which differ without colour.
STYLES = {
    "study": ("o", "-", "black"),
    "torchvision": ("s", "--", "#555555"),
    "fastai": ("^", ":", "#555555"),
    "lightning": ("D", "-.", "#888888"),
    "timm": ("x", (0, (5, 1, 1, 1, 1, 1)), "#888888"),
}
MISSING = "not measured yet"
#: The page names trainings whose seconds differ from the budget by more than this share.
STRAY = 0.05


def publish(records: Records, page: Path) -> None:
    lines = [
        *accuracies(records),
        "",
        *by_round(records),
        "",
        *ladder(records),
        "",
        *speeds(records),
        "",
        *conditions(records),
    ]
    if records.cells:
        draw(records, page.with_name(FIGURE))
        lines += ["", f"![Test accuracy by seconds of training]({FIGURE})"]
    replace_block(page, "time", "\n".join(lines))


def accuracies(records: Records) -> list[str]:
    columns = [(model, minutes) for model in CONTESTANTS for minutes in ROUNDS]
    lines = [
        "Test accuracy after so many minutes of training; the mean and, of several rounds, their range.",
        "",
        "| contestant | " + " | ".join(f"{TITLES[m]} {minutes:g} min" for m, minutes in columns) + " |",
        "|---|" + "---:|" * len(columns),
    ]
    for name in NAMES:
        cells = [_accuracy(records, name, model, minutes) for model, minutes in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def by_round(records: Records) -> list[str]:
    """Returns the accuracies of each round, whose contestants took turns on one machine."""
    lines = [
        "The rounds one by one: within a round the contestants took turns on the same machine.",
        "",
        "| network, minutes, round | machine | " + " | ".join(NAMES) + " |",
        "|---|---|" + "---:|" * len(NAMES),
    ]
    keys = sorted({(c["model"], c["budget_seconds"], c["round"]) for c in records.cells})
    for model, seconds, number in keys:
        found = {c["contestant"]: c for c in records.of_round(model, seconds, number)}
        machines = sorted({str(c["machine"]) for c in found.values()})
        cells = [
            f"{found[name]['accuracy']:.4f}, {found[name]['images_per_second']:.0f}/s"
            if name in found
            else "—"
            for name in NAMES
        ]
        row = (f"{TITLES[model]}, {seconds / 60:g}, {number}", " and ".join(machines), *cells)
        lines.append("| " + " | ".join(row) + " |")
    return lines


def _accuracy(records: Records, name: str, model: str, minutes: float) -> str:
    found = [cell["accuracy"] for cell in records.of(name, model, 60 * minutes)]
    if len(found) == 1 and ROUNDS[minutes] == 1:
        return f"{found[0]:.4f}"
    if found:
        few = "" if len(found) >= ROUNDS[minutes] else f", {len(found)} of {ROUNDS[minutes]} rounds"
        return f"{mean(found):.4f} ({min(found):.4f}–{max(found):.4f}{few})"
    best = records.best_peer(model)
    beaten = minutes >= LONGEST and name != OURS and best is not None and best != name
    return "—" if name not in CONTESTANTS[model] or beaten else MISSING


def ladder(records: Records) -> list[str]:
    lines = [
        f"Seconds of training until {TITLES[LADDER_MODEL]} has {GOAL} of the test images right: the "
        f"shortest of the budgets {', '.join(f'{each:g}' for each in LADDER)} s whose training ended "
        "there. Each budget is one training from scratch with one seed and a schedule of its own length.",
        "",
        "| contestant | budget | seconds used | accuracy | the budget before it: accuracy |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in CONTESTANTS[LADDER_MODEL]:
        lines.append(f"| {name} | {' | '.join(_ladder_row(records, name))} |")
    return lines


def _ladder_row(records: Records, name: str) -> tuple[str, str, str, str]:
    done = {
        cell["budget_seconds"]: cell
        for cell in records.cells
        if (cell["contestant"], cell["model"], cell["round"]) == (name, LADDER_MODEL, 1)
    }
    first = records.reached(name)
    below = [each for each in LADDER if first is None or each < first["budget_seconds"]]
    tried = [done[each] for each in below if each in done]
    before = f"{tried[-1]['budget_seconds']:g} s: {tried[-1]['accuracy']:.4f}" if tried else "—"
    if len(tried) < len(below):
        return MISSING, "", "", before
    if first is None:
        return f"none up to {max(LADDER):g} s", "—", "—", before
    return f"{first['budget_seconds']:g} s", f"{first['seconds']:.1f}", f"{first['accuracy']:.4f}", before


def speeds(records: Records) -> list[str]:
    lines = [
        "What the trainings were. A peer's rate and batch size are those of the best of its pilots, judged "
        "on 2,000 validation images; the pilots' seconds are in no budget.",
        "",
        "| network | contestant | images/s, median (range) | images a batch | peak rate | precision "
        "| pilots: number, seconds |",
        "|---|---|---:|---:|---:|---|---:|",
    ]
    for model, names in CONTESTANTS.items():
        for name in names:
            found = [cell for cell in records.cells if (cell["contestant"], cell["model"]) == (name, model)]
            pilots = [p for p in records.pilots if (p["contestant"], p["model"]) == (name, model)]
            told = f"{len(pilots)}, {sum(p['seconds'] for p in pilots):.0f}" if pilots else "—"
            lines.append(f"| {TITLES[model]} | {name} | {_speed(found)} | {told} |")
    return lines


def _speed(found: list[Record]) -> str:
    if not found:
        return f"{MISSING} | | | "
    rates = [cell["images_per_second"] for cell in found]
    values = [
        ", ".join(sorted({f"{cell[key]:g}" if key != "precision" else cell[key] for cell in found}))
        for key in ("batch", "rate", "precision")
    ]
    return " | ".join([f"{median(rates):,.0f} ({min(rates):,.0f}–{max(rates):,.0f})", *values])


def conditions(records: Records) -> list[str]:
    """Describes the machines, how busy they were, and budgets that were not kept."""
    if not records.cells:
        return ["Nothing of it is measured yet."]
    machines = sorted({f"{cell['machine']}, {cell['cores']} cores" for cell in records.cells})
    loads = [cell["load_average"] for cell in records.cells]
    busy = [cell["busy_cores"] for cell in records.cells]
    lines = [
        f"{len(records.cells)} trainings on {'; '.join(machines)}. Load average before a training: median "
        f"{median(loads):.1f}, at most {max(loads):.1f} (the training before is in it). Cores that others "
        f"kept busy in the second before: median {median(busy):.2f}, at most {max(busy):.2f}.",
    ]
    stray = [cell for cell in records.cells if abs(cell["seconds"] / cell["budget_seconds"] - 1) > STRAY]
    if stray:
        told = "; ".join(
            f"{cell['contestant']}, {TITLES[cell['model']]}: {cell['seconds']:.0f} of "
            f"{cell['budget_seconds']:g} s"
            for cell in stray
        )
        lines += ["", f"Seconds used differ from the budget by more than {STRAY:.0%}: {told}."]
    return lines


def draw(records: Records, path: Path) -> None:
    plt.rcParams["svg.hashsalt"] = "time"  # the same data give the same file
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    shown: dict[str, Artist] = {}
    for panel, (model, names) in zip(axes, CONTESTANTS.items(), strict=True):
        for name in names:
            _line(panel, records, name, model)
        panel.set_title(TITLES[model], fontsize=10)
        panel.set_xscale("log")
        ticks = sorted({cell["budget_seconds"] for cell in records.cells if cell["model"] == model})
        panel.set_xticks(ticks, [f"{each:g}" for each in ticks], fontsize=8)
        panel.minorticks_off()
        panel.set_xlabel("seconds of training", fontsize=9)
        panel.tick_params(labelsize=8)
        panel.grid(axis="y", color="#dddddd", lw=0.6)
        handles, labels = panel.get_legend_handles_labels()
        shown |= dict(zip(labels, handles, strict=True))
        if not handles:
            panel.text(0.5, 0.5, MISSING, transform=panel.transAxes, ha="center", fontsize=9)
    axes[list(CONTESTANTS).index(LADDER_MODEL)].axhline(GOAL, color="black", lw=0.6)
    axes[0].set_ylabel("test accuracy", fontsize=9)
    figure.legend(
        list(shown.values()),
        list(shown),
        loc="outside lower center",
        ncols=len(NAMES),
        fontsize=8,
        frameon=False,
    )
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _line(panel: Axes, records: Records, name: str, model: str) -> None:
    """Draws each training as a mark at its seconds, and a line through the means of the budgets."""
    own = [cell for cell in records.cells if (cell["contestant"], cell["model"]) == (name, model)]
    if not own:
        return
    marker, line, colour = STYLES[name]
    budgets = sorted({cell["budget_seconds"] for cell in own})
    rounds = [records.of(name, model, each) for each in budgets]
    panel.plot(
        [mean(c["seconds"] for c in each) for each in rounds],
        [mean(c["accuracy"] for c in each) for each in rounds],
        ls=line,
        color=colour,
        lw=1.2,
    )
    panel.plot(
        [c["seconds"] for c in own],
        [c["accuracy"] for c in own],
        ls="",
        marker=marker,
        color=colour,
        mfc=colour if name == OURS else "white",
        ms=5,
    )
    panel.plot(
        [],
        [],
        ls=line,
        marker=marker,
        color=colour,
        mfc=colour if name == OURS else "white",
        ms=5,
        label=name,
    )
